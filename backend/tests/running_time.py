"""Time as the process had it: a machine that stands still takes nothing from it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import perf_counter

_LOOK_S = 0.01
_MOST_S = 0.05


class RunningTime(Thread):
    """Seconds since it was made, of which every look at the clock counts at most a few hundredths.

    For what must be done within a time: it is over as soon on a machine that stalls, or lets the
    process wait for its turn, as on one that does not. `over` ends it. What computes without
    letting go of the interpreter is measured with `time.process_time` instead.
    """

    def __init__(self, now_s: Callable[[], float] = perf_counter) -> None:
        super().__init__(daemon=True)
        self.seconds = 0.0
        self.over = Event()
        self._now_s = now_s
        self._last_s = now_s()

    def run(self) -> None:
        while not self.over.wait(_LOOK_S):
            self.look()

    def look(self) -> None:
        """Count what has passed since the last look."""
        now_s = self._now_s()
        self.seconds += min(now_s - self._last_s, _MOST_S)
        self._last_s = now_s


@contextmanager
def running_time() -> Iterator[RunningTime]:
    """``with running_time() as passed: ...``, then ``assert passed.seconds < 2.0``."""
    passed = RunningTime()
    passed.start()
    try:
        yield passed
    finally:
        passed.over.set()
        passed.join()
        passed.look()
