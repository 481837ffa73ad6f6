"""One run's control: the wish to stop, the first failure, and who has to know of either."""

from collections.abc import Callable
from threading import Event, Lock
from typing import Final

ON_REQUEST: Final = "stopped on request"


class RunControl:
    """Shared by the threads of a run and whoever started it.

    `fail` keeps the first failure only: what follows is usually its consequence. `notice` is
    what a person should know of a run that goes on.
    """

    def __init__(self) -> None:
        self._stop = Event()
        self._lock = Lock()
        self._failure: tuple[str, BaseException] | None = None
        self._listeners: list[Callable[[], None]] = []
        self.stopped_by_user = False
        self.stop_reason = ON_REQUEST
        self.notice: str | None = None

    @property
    def stopping(self) -> bool:
        """Whether every thread should come to its end."""
        return self._stop.is_set()

    @property
    def failure(self) -> tuple[str, BaseException] | None:
        """Name of the thread that failed first, and its error."""
        return self._failure

    def on_stop(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each stop or failure, in the thread it comes from."""
        self._listeners.append(listener)

    def request_stop(self, because: str = ON_REQUEST) -> None:
        """Ask all threads to end; may be repeated, and the first reason is kept."""
        with self._lock:
            if self._failure is None and not self.stopped_by_user:
                self.stopped_by_user, self.stop_reason = True, because
        self._tell()

    def fail(self, thread: str, error: BaseException) -> None:
        """Record that `thread` died of `error`, and ask all others to end."""
        with self._lock:
            self._failure = self._failure or (thread, error)
        self._tell()

    def wait_for_stop(self, timeout_s: float) -> bool:
        """Sleep until a stop is asked for, at most `timeout_s`; whether one was."""
        return self._stop.wait(timeout_s)

    def _tell(self) -> None:
        self._stop.set()
        for listener in self._listeners:
            listener()
