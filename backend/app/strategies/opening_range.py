"""Opening-range breakout: follow the first close beyond the range of the session's first minutes.

Buys above the high of the range, sells short below its low, once a session. Leaves when a bar
closes beyond the other side of the range, or `exit_minutes` before the session closes.

When it loses: on days without a direction. The price looks out of the range, is bought or sold
there, at its worst, and comes back; the loss of a failed breakout is the width of the range. It
lives on the few days that open and go, and a range chosen too wide misses those.
"""

from typing import Any

from app.core.strategy import BarCursor, Float, Indicator, Int, Strategy
from app.core.types import MINUTE_NS


class OpeningRange:
    """Of each session: high and low of its first minutes, NaN while they last."""

    outputs = ("top", "bottom")

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        self.session = -1
        self.opened_ns = 0
        self.top = self.bottom = 0.0

    def update(self, bar: Any) -> tuple[float | None, float | None]:
        """Take a minute bar."""
        if bar.session != self.session:
            self.session, self.opened_ns = bar.session, bar.start_ns
            self.top, self.bottom = bar.high, bar.low
        minute = (bar.end_ns - self.opened_ns) / MINUTE_NS
        if minute <= self.minutes:
            self.top, self.bottom = max(self.top, bar.high), min(self.bottom, bar.low)
        if minute < self.minutes:
            return None, None
        return self.top, self.bottom


class OpeningRangeBreakout(Strategy):
    """Follows the first close beyond the session's opening range, out before its end."""

    minutes = Int(30, low=1, high=720, help="Minutes of the session that make the range.")
    exit_minutes = Int(15, low=1, high=720, help="Leave this many minutes before the close.")
    quantity = Float(100.0, low=1e-8, help="Units to hold, long or short.")

    top = Indicator(OpeningRange, interval="1m", minutes=minutes, output="top")
    bottom = Indicator(OpeningRange, interval="1m", minutes=minutes, output="bottom")

    def on_start(self) -> None:
        """Nothing has been entered yet."""
        self.has_entered = False

    def on_session_end(self) -> None:
        """What a close without bars left open goes at the next open."""
        self.has_entered = False
        if not self.orders:
            self.close()

    def on_bar(self, bar: BarCursor) -> None:
        """Enter on the first close beyond the range; leave on one beyond its other side."""
        rises, falls = bar.close > self.top.value, bar.close < self.bottom.value
        is_late = self.minutes_to_close <= self.exit_minutes
        if held := self.position.quantity:
            if (is_late or (falls if held > 0.0 else rises)) and not self.orders:
                self.close()
        elif (rises or falls) and not is_late and not self.has_entered:
            self.has_entered = True
            (self.buy if rises else self.sell)(self.quantity)
