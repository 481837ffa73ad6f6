"""The platform's only real clock, and one that stands still for tests and replays."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Anything that knows what time it is."""

    def now_ns(self) -> int:
        """UTC nanoseconds since 1970."""
        ...


class SystemClock:
    """The computer's clock."""

    def now_ns(self) -> int:
        """UTC nanoseconds since 1970."""
        return time.time_ns()


class FixedClock:
    """A clock that shows one instant until it is set to another."""

    def __init__(self, moment: datetime) -> None:
        self.set(moment)

    def set(self, moment: datetime) -> None:
        """Show `moment`, an aware datetime, from now on."""
        if moment.tzinfo is None:
            raise ValueError(f"{moment} has no time zone")
        self._now_ns = (moment - _EPOCH) // _MICROSECOND * 1_000

    def now_ns(self) -> int:
        """UTC nanoseconds since 1970."""
        return self._now_ns
