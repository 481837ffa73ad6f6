"""What the threads of a run share: a name, a pulse, one way to die, and one way to be stopped."""

import threading
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from loguru import logger

from app.threads.sync import RunControl


class Worker(Thread):
    """A thread whose error ends the run in a known state instead of vanishing with it.

    `finished` is set when it is over, however it ended, or given up. `is_working` tells work
    from waiting for other threads, and `beats` grows as the work gets on: what works without a
    beat may hang.
    """

    def __init__(self, name: str, control: RunControl) -> None:
        super().__init__(name=name, daemon=True)
        self.control = control
        self.finished = Event()
        self.is_working = False
        self.beats = 0
        self._cpu_clock: int | None = None

    @abstractmethod
    def work(self) -> None:
        """Do everything, and return early when ``control.stopping``."""

    def run(self) -> None:
        """Work; on an error keep it for the owner and ask the others to stop."""
        self._cpu_clock = _cpu_clock_of_this_thread()
        try:
            self.work()
        except BaseException as error:  # noqa: BLE001  # the one broad except a thread has
            logger.opt(exception=error).error("{} died", self.name)
            self.control.fail(self.name, error)
        finally:
            self.finished.set()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Around work on one item, without the waiting before and after it."""
        self.beat()
        self.is_working = True
        try:
            yield
        finally:
            self.is_working = False

    def beat(self) -> None:
        """Say that the work gets on."""
        self.beats += 1

    def cpu_s(self) -> float:
        """Seconds the thread has computed; 0.0 where the system does not tell, or it is over."""
        if self._cpu_clock is None:
            return 0.0
        try:
            return time.clock_gettime(self._cpu_clock)
        except OSError:
            return 0.0


def _cpu_clock_of_this_thread() -> int | None:
    """Asked in the thread itself: for one that is over the answer is undefined."""
    ask = getattr(time, "pthread_getcpuclockid", None)
    return int(ask(threading.get_ident())) if ask else None
