"""A tap beside a stream: the one who notifies never waits, the one who listens may."""

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class StreamSubscription(Generic[T]):
    """Messages to one listener, at most `capacity` waiting; the oldest give way and are counted.

    `dropped` is how many were lost that way: a listener that must miss nothing asks for what
    it missed by other means.
    """

    def __init__(self, name: str, capacity: int = 1_024) -> None:
        self.name = name
        self.dropped = 0
        self._messages: deque[T] = deque(maxlen=capacity)
        self._changed = Condition()
        self._closed = False

    def notify(self, message: T) -> None:
        """Leave a message; never waits."""
        with self._changed:
            self.dropped += len(self._messages) == self._messages.maxlen
            self._messages.append(message)
            self._changed.notify()

    def wait_for_notification(self, timeout: float | None = None) -> T | None:
        """The oldest message; None after `timeout` seconds, or when closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._closed, timeout)
            return self._messages.popleft() if self._messages else None

    def close(self) -> None:
        """Say that no more messages will follow; those waiting can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many messages nobody has taken yet."""
        return len(self._messages)

    @property
    def closed(self) -> bool:
        """Whether no message waits and none will follow."""
        with self._changed:
            return self._closed and not self._messages
