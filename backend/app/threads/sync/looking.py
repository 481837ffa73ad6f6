"""Waiting with a deadline that a machine which stands still does not use up."""

from collections.abc import Callable
from itertools import repeat

_LOOK_S = 0.25


def wait_in_looks(wait: Callable[[float], object], timeout_s: float) -> bool:
    """Call `wait` for short times, `timeout_s` together; whether it was true of one of them.

    A process that was not let run for seconds finds a deadline passed the moment it goes on,
    before the threads it waits for could do anything. Here that costs one look of many.
    """
    looks, rest_s = divmod(timeout_s, _LOOK_S)
    return any(wait(look_s) for look_s in (*repeat(_LOOK_S, int(looks)), rest_s))
