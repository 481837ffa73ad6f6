"""MACD: long while the MACD line is above its signal line, flat while it is below.

The MACD line is the difference of a fast and a slow exponential average of closes, the signal
line an exponential average of it (Gerald Appel, 1979).

When it loses: in markets that go sideways, as every crossing of averages does, and sooner: the
signal line turns early, so it leaves trends on their first pause and pays for coming back. It
trades more often than a cross of simple averages of the same lengths, and costs grow with that.
"""

from app.core.exceptions import ConfigurationError
from app.core.strategy import BarCursor, Float, Indicator, Int, Strategy

TIE = 1e-6
"""Lines closer than this are taken as equal: no action."""


class Macd(Strategy):
    """Buys when the MACD line is above its signal line, sells when below."""

    fast = Int(12, low=2, high=1_000, help="Bars in the fast average.")
    slow = Int(26, low=3, high=5_000, help="Bars in the slow average.")
    signal = Int(9, low=1, high=1_000, help="Bars in the signal line.")
    quantity = Float(100.0, low=1e-8, help="Units to hold while long.")

    histogram = Indicator(
        "MACD", fastperiod=fast, slowperiod=slow, signalperiod=signal, output="macdhist"
    )

    def check(self) -> None:
        """Refuse a fast average that is not the faster one."""
        if self.fast >= self.slow:
            raise ConfigurationError(f"fast: {self.fast} must be less than slow, {self.slow}")

    def on_bar(self, bar: BarCursor) -> None:  # noqa: ARG002  # the histogram says it all
        """Follow the sign of MACD line less signal line."""
        if self.histogram.value > TIE:
            if not self.position.quantity and not self.orders:
                self.buy(self.quantity)
        elif self.histogram.value < -TIE and self.position.quantity and not self.orders:
            self.close()
