"""SMA cross: long while the fast average is above the slow one, flat while it is below.

When it loses: in markets that go sideways. Each time the averages cross back and forth it buys
high and sells low, and every round trip pays commission and slippage; most of its trades lose,
and it lives on the few long trends. On minute bars of liquid stocks costs usually eat the rest.
"""

from app.core.exceptions import ConfigurationError
from app.core.strategy import BarCursor, Float, Indicator, Int, Strategy

TIE = 1e-6
"""Averages closer than this are taken as equal: no action."""


class SmaCross(Strategy):
    """Buys when the fast simple moving average is above the slow one, sells when below."""

    fast = Int(10, low=2, high=1_000, help="Bars in the fast average.")
    slow = Int(30, low=3, high=5_000, help="Bars in the slow average.")
    quantity = Float(100.0, low=1e-8, help="Units to hold while long.")

    fast_sma = Indicator("SMA", timeperiod=fast)
    slow_sma = Indicator("SMA", timeperiod=slow)

    def check(self) -> None:
        """Refuse a fast average that is not the faster one."""
        if self.fast >= self.slow:
            raise ConfigurationError(f"fast: {self.fast} must be less than slow, {self.slow}")

    def on_bar(self, bar: BarCursor) -> None:  # noqa: ARG002  # the averages say it all
        """Follow the sign of the difference."""
        difference = self.fast_sma.value - self.slow_sma.value
        if difference > TIE:
            if not self.position.quantity and not self.position.working_orders:
                self.buy(self.quantity)
        elif difference < -TIE and self.position.quantity:
            self.flatten()
