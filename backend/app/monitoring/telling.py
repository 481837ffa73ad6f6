"""Telling what happens must not change what happens."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from loguru import logger

_Told = ParamSpec("_Told")


def harmless(tell: Callable[_Told, None]) -> Callable[_Told, None]:
    """`tell`, of which an error goes no further than the log, and there but once.

    For what a run calls in its own threads: whoever listens, the run goes on.
    """
    is_logged = False

    @wraps(tell)
    def call(*args: _Told.args, **kwargs: _Told.kwargs) -> None:
        nonlocal is_logged
        try:
            tell(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  # whatever it is, the run is worth more
            if not is_logged:
                logger.opt(exception=error).error("who listens to the run hears less of it")
            is_logged = True

    return call
