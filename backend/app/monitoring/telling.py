"""Telling what happens must not change what happens."""

from collections.abc import Callable
from functools import wraps
from math import inf
from time import perf_counter
from typing import ParamSpec

from loguru import logger

QUIET_S = 60.0
"""After an error of telling was logged; the same thing fails many times a second."""

_Told = ParamSpec("_Told")


def harmless(tell: Callable[_Told, None]) -> Callable[_Told, None]:
    """`tell`, of which an error goes no further than the log, and there but once in `QUIET_S`.

    For what a run calls in its own threads: whoever listens, the run goes on.
    """
    quiet_until_s = -inf

    @wraps(tell)
    def call(*args: _Told.args, **kwargs: _Told.kwargs) -> None:
        nonlocal quiet_until_s
        try:
            tell(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  # whatever it is, the run is worth more
            now_s = perf_counter()
            if now_s >= quiet_until_s:
                quiet_until_s = now_s + QUIET_S
                logger.opt(exception=error).error("who listens to the run hears less of it")

    return call
