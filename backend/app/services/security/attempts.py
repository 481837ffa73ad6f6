"""How often something may be tried: a moving window over times that the caller tells."""

from collections import deque
from collections.abc import Collection
from math import ceil
from threading import Lock

from app.core.exceptions import RateLimitedError
from app.core.types import SECOND_NS


class MovingWindow:
    """At most `most` attempts in any `window_s` seconds, for each name attempts are made under.

    In this process's memory. What was refused does not count, so that waiting always helps.
    Safe to call from several threads.
    """

    def __init__(self, most: int, window_s: int) -> None:
        self._most = most
        self._window_ns = window_s * SECOND_NS
        self._window_s = window_s
        self._times: dict[str, deque[int]] = {}
        self._swept_ns = 0
        self._lock = Lock()

    def require(self, names: Collection[str], now_ns: int) -> None:
        """Count an attempt at `now_ns` under each of `names`, or under none.

        Raises:
            RateLimitedError: one of them has no attempt left; it says when there is one again.
        """
        with self._lock:
            self._forget(now_ns)
            recent = [self._recent(name, now_ns) for name in names]
            oldest = [times[0] for times in recent if len(times) >= self._most]
            if oldest:
                raise self._refusal(max(oldest) + self._window_ns - now_ns)
            for name in names:
                self._times.setdefault(name, deque()).append(now_ns)

    def _recent(self, name: str, now_ns: int) -> deque[int]:
        times = self._times.get(name, deque())
        while times and times[0] <= now_ns - self._window_ns:
            times.popleft()
        return times

    def _forget(self, now_ns: int) -> None:
        """Let go of names nobody tries any more, once a window: memory follows the attempts."""
        if now_ns - self._swept_ns < self._window_ns:
            return
        self._swept_ns = now_ns
        self._times = {name: left for name in self._times if (left := self._recent(name, now_ns))}

    def _refusal(self, wait_ns: int) -> RateLimitedError:
        wait_s = wait_ns / SECOND_NS
        return RateLimitedError(
            f"{self._most} attempts in {self._window_s} s are allowed; try again in "
            f"{ceil(wait_s)} s",
            wait_s,
        )
