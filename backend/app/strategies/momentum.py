"""Cross-sectional momentum: hold the symbols that have risen most.

Every `every` bars all symbols are ranked by their change over the last `lookback` bars; the
strategy holds `value` of each of the first `count`, as far as they have risen at all, and nothing
else (after Jegadeesh and Titman, "Returns to Buying Winners and Selling Losers", 1993).

When it loses: at turning points, when yesterday's strongest fall first, and in markets where
the symbols take turns, so that each is bought after it has risen. Over hours to days momentum
between stocks is weak or negative; the effect of the literature is one of months. Of few symbols
that move together the ranking is mostly noise.
"""

from typing import cast

import numpy as np

from app.core.strategy import BarInterval, Float, Indicator, Int, Slice, SliceIndicator, Strategy


class Momentum(Strategy):
    """Holds the `count` symbols that have risen most over `lookback` bars."""

    interval = BarInterval("1d", help="Bars on which the strategy decides.")
    lookback = Int(5, low=1, high=10_000, help="Bars over which the change is measured.")
    every = Int(5, low=1, high=10_000, help="Bars from one ranking to the next.")
    count = Int(1, low=1, high=1_000, help="Symbols to hold.")
    value = Float(10_000.0, low=0.01, help="Value to hold of each symbol, when it is bought.")

    change_pct = Indicator("ROC", timeperiod=lookback)

    def on_start(self) -> None:
        """The first ranking comes as soon as changes are known."""
        self.bars_to_wait = 0

    def on_slice(self, bars: Slice) -> None:
        """Rank, sell what is no longer among the first, buy what is new there."""
        self.bars_to_wait -= 1
        change_pct = cast("SliceIndicator", self.change_pct).values
        known = bars.present & ~np.isnan(change_pct)
        if self.bars_to_wait > 0 or not known.any() or self.orders:
            return
        self.bars_to_wait = self.every
        change = np.where(known, change_pct, -np.inf)
        first = np.argsort(-change, kind="stable")[: self.count]
        wanted = {bars.symbols[k] for k in first.tolist() if change[k] > 0.0}
        for symbol in bars.symbols:
            if symbol not in wanted:
                self.close(symbol=symbol)
            elif not self.positions[symbol] and (units := self.value // bars.close_of(symbol)):
                self.buy(units, symbol=symbol)
