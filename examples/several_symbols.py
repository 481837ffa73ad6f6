"""One decision over several symbols: `python examples/several_symbols.py`.

When it loses: when leadership changes often. It sells the symbol that fell behind and buys the
one that has just risen most, and pays costs on both.
"""

import numpy as np

from app.core.costs import PercentOfValue
from app.research import run_backtest
from app.strategies import BarInterval, Float, Indicator, Int, Slice, Strategy
from sample_bars import sample_bars


class Leader(Strategy):
    """Holds the symbol with the highest rate of change, if that is above zero."""

    interval = BarInterval("30m")
    period = Int(13, low=2, help="Bars to measure the change over.")
    share = Float(0.95, low=0.01, high=1.0, help="Share of the equity to invest.")

    change = Indicator("ROC", timeperiod=period)

    def on_slice(self, bars: Slice) -> None:
        changes = np.where(bars.present, self.change.values, np.nan)
        if np.isnan(changes).all() or self.orders:
            return
        best = int(np.nanargmax(changes))
        leader = bars.symbols[best] if changes[best] > 0 else None
        held = [symbol for symbol, position in self.positions.items() if position]
        for symbol in held:
            if symbol != leader:
                self.close(symbol=symbol)
        if leader and not held:
            self.buy(self.share * self.account.equity // bars.close_of(leader), symbol=leader)


result = run_backtest(
    Leader,
    sample_bars("ALPHA", "BRAVO", "CHARLIE", "DELTA"),
    commission=PercentOfValue(0.02),
)

print(result)
for symbol, figures in result.symbol_metrics.items():
    print(f"{symbol:8} {figures['trades']:4.0f} trades {figures['net_profit']:+10,.2f}")
