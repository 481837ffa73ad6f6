"""RSI reversion: buy what has fallen fast, sell when it has recovered or after a while.

When it loses: in trends. A market that keeps falling stays oversold, and the strategy holds the
loser until `max_bars` ends it; the wins are small and frequent, the losses rare and large. A high
win rate here is not a sign of safety.
"""

from app.core.exceptions import ConfigurationError
from app.core.strategy import BarCursor, Float, Indicator, Int, Strategy


class RsiReversion(Strategy):
    """Buys below `oversold`, sells above `exit_level` or after `max_bars` bars."""

    period = Int(14, low=2, high=500, help="Bars in the relative strength index.")
    oversold = Float(30.0, low=1.0, high=50.0, help="Buy when the index is below this.")
    exit_level = Float(55.0, low=30.0, high=99.0, help="Sell when the index is above this.")
    max_bars = Int(60, low=1, high=10_000, help="Sell after so many bars at the latest.")
    quantity = Float(100.0, low=1e-8, help="Units to hold while long.")

    rsi = Indicator("RSI", timeperiod=period)

    def check(self) -> None:
        """Refuse an exit level below the entry level."""
        if self.exit_level <= self.oversold:
            raise ConfigurationError(
                f"exit_level: {self.exit_level} must be above oversold, {self.oversold}"
            )

    def on_start(self) -> None:
        """Nothing is held yet."""
        self.bars_held = 0

    def on_bar(self, bar: BarCursor) -> None:  # noqa: ARG002  # the index says it all
        """Enter oversold, leave recovered or stale."""
        if not self.position.quantity:
            self.bars_held = 0
            if self.rsi.value < self.oversold and not self.position.working_orders:
                self.buy(self.quantity)
            return
        self.bars_held += 1
        if self.rsi.value > self.exit_level or self.bars_held >= self.max_bars:
            self.flatten()
