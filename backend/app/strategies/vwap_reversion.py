"""VWAP reversion: trade against what has run away from the session's average price.

Sells above and buys below a band around the session's volume-weighted average price (VWAP), and
leaves when the price is back at it, when the loss reaches `stop_pct`, or `exit_minutes` before
the session closes. After a stop it waits until the price has been back at the VWAP.

When it loses: on days with a direction. A price that leaves its average and keeps going is sold
all the way up, or bought all the way down, to the stop; one such day takes what many quiet ones
gave. In calm markets the way back to the VWAP is often shorter than what the round trip costs.
"""

from app.core.strategy import BarCursor, Float, Indicator, Int, Strategy
from app.core.types import MINUTE_NS


class VwapReversion(Strategy):
    """Sells far above the session's VWAP, buys far below it, leaves at the VWAP."""

    band_pct = Float(0.5, low=0.01, high=50.0, help="Enter this far from the VWAP.")
    stop_pct = Float(0.5, low=0.01, high=50.0, help="Leave at a loss of this much on entry.")
    first_minute = Int(30, low=0, high=1_440, help="Enter from this minute of the session on.")
    exit_minutes = Int(15, low=1, high=720, help="Leave this many minutes before the close.")
    quantity = Float(100.0, low=1e-8, help="Units to hold, long or short.")

    vwap = Indicator("session_vwap", interval="1m")

    def on_start(self) -> None:
        """No session is known yet."""
        self.opened_ns = 0
        self.is_armed = True

    def on_session_end(self) -> None:
        """What a close without bars left open goes at the next open."""
        self.opened_ns = 0
        self.is_armed = True
        if not self.orders:
            self.close()

    def on_bar(self, bar: BarCursor) -> None:
        """Leave what is done; enter what is far away."""
        if not self.opened_ns:
            self.opened_ns = bar.start_ns
        if not self.vwap.value > 0.0 or self.orders:
            return
        minute = (self.now_ns - self.opened_ns) // MINUTE_NS
        distance_pct = 100.0 * (bar.close / self.vwap.value - 1.0)
        if self.position.quantity:
            self._leave(bar.close, distance_pct)
        elif abs(distance_pct) < self.band_pct:
            self.is_armed = True
        elif self.is_armed and minute >= self.first_minute and not self._is_late():
            (self.sell if distance_pct > 0.0 else self.buy)(self.quantity)

    def _is_late(self) -> bool:
        return self.minutes_to_close <= self.exit_minutes

    def _leave(self, price: float, distance_pct: float) -> None:
        side = 1.0 if self.position.quantity > 0.0 else -1.0
        loss_pct = 100.0 * side * (1.0 - price / self.position.average_price)
        is_back = side * distance_pct >= 0.0
        if is_back or loss_pct >= self.stop_pct or self._is_late():
            self.is_armed = is_back
            self.close()
