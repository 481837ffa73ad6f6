"""How far a session that goes by the clock is behind the market it trades."""

from collections.abc import Callable

from app.core.types import SECOND_NS

LEEWAY_S = 60.0
"""How much later than it had to be a minute may be decided on and still count as in time."""


class Punctuality:
    """Told by the deciding thread what it decides on, and asked by whoever looks.

    A bar may be waited for as long as `patience_s`. What is decided a minute later than that is
    overdue: a backtest decides the same there, but nobody could have traded so.
    """

    def __init__(self, now_ns: Callable[[], int], patience_s: float) -> None:
        self._now_ns = now_ns
        self._patience_s = patience_s
        self.overdue = 0
        self.behind_s = 0.0

    def decides(self, instant_ns: int) -> None:
        """The instant `instant_ns` of the market is decided on now."""
        late_s = self.since_s(instant_ns) - self._patience_s
        self.behind_s = late_s if late_s > LEEWAY_S else 0.0
        self.overdue += late_s > LEEWAY_S

    def is_long_ago(self, instant_ns: int) -> bool:
        """Whether bars must have ended since, and been waited for in vain or decided on."""
        return self.since_s(instant_ns) > self._patience_s + 2 * LEEWAY_S

    def since_s(self, instant_ns: int) -> float:
        """Seconds that have passed since an instant."""
        return (self._now_ns() - instant_ns) / SECOND_NS
