"""A bounded queue from one thread to the next that gives way when the run is to stop."""

from queue import Empty, Full, Queue
from typing import Generic, TypeVar

from app.threads.sync.control import RunControl

T = TypeVar("T")
_PATIENCE_S = 0.1
"""How long a blocked thread takes at most to notice that the run is to stop."""


class Channel(Generic[T]):
    """Items in order, at most `capacity` waiting; ``None`` comes out when no more will follow."""

    def __init__(self, control: RunControl, capacity: int) -> None:
        self._queue: Queue[T | None] = Queue(capacity)
        self._control = control

    def put(self, item: T) -> bool:
        """Hand over `item`, waiting for room; False if the run is to stop instead."""
        return self._put(item)

    def close(self) -> None:
        """Say that no more items will follow."""
        self._put(None)

    def get(self) -> T | None:
        """The next item; None when there are no more, or when the run is to stop."""
        while not self._control.stopping:
            try:
                return self._queue.get(timeout=_PATIENCE_S)
            except Empty:
                continue
        return None

    def __len__(self) -> int:
        return self._queue.qsize()

    def _put(self, item: T | None) -> bool:
        while not self._control.stopping:
            try:
                self._queue.put(item, timeout=_PATIENCE_S)
            except Full:
                continue
            return True
        return False
