"""One run's control: the wish to stop, the first failure, and who has finished."""

from threading import Event, Lock


class RunControl:
    """Shared by the threads of a run and whoever started it.

    `fail` keeps the first failure only: what follows is usually its consequence.
    """

    def __init__(self) -> None:
        self._stop = Event()
        self._lock = Lock()
        self._failure: tuple[str, BaseException] | None = None
        self.stopped_by_user = False

    @property
    def stopping(self) -> bool:
        """Whether every thread should come to its end."""
        return self._stop.is_set()

    @property
    def failure(self) -> tuple[str, BaseException] | None:
        """Name of the thread that failed first, and its error."""
        return self._failure

    def request_stop(self) -> None:
        """Ask all threads to end; may be repeated."""
        with self._lock:
            self.stopped_by_user = self.stopped_by_user or self._failure is None
        self._stop.set()

    def fail(self, thread: str, error: BaseException) -> None:
        """Record that `thread` died of `error`, and ask all others to end."""
        with self._lock:
            self._failure = self._failure or (thread, error)
        self._stop.set()

    def wait_for_stop(self, timeout_s: float) -> bool:
        """Sleep until a stop is asked for, at most `timeout_s`; whether one was."""
        return self._stop.wait(timeout_s)
