"""A strategy of one's own, with a stop order: `python examples/own_strategy.py`.

When it loses: on days without a direction. The range breaks, the price comes back, and the stop
sells below the entry; such days come several in a row.
"""

from app.core.costs import PerShare, TickSlippage
from app.core.orders import Order
from app.research import run_backtest
from app.strategies import BarCursor, Float, Int, Strategy
from sample_bars import sample_bars


class OpeningRange(Strategy):
    """Buys when the price leaves the range of the session's first minutes upwards."""

    minutes = Int(30, low=5, high=120, help="Minutes that make up the range.")
    exit_after = Int(375, low=10, high=390, help="Be flat from this minute of the session on.")
    quantity = Float(100.0, low=1.0, help="Units to buy.")

    def on_start(self) -> None:
        self._new_session()

    def on_session_end(self) -> None:
        self._new_session()

    def on_bar(self, bar: BarCursor) -> None:
        self.minute += 1
        if self.minute <= self.minutes:
            self.top = max(self.top, bar.high)
            self.bottom = min(self.bottom, bar.low)
        elif self.minute >= self.exit_after:
            self._leave()
        elif bar.close > self.top and not self.traded:
            self.buy(self.quantity)
            self.traded = True

    def on_order(self, order: Order) -> None:
        if order.status == "filled" and order.side == "buy":
            self.sell(self.quantity, stop=self.bottom, tag="stop loss")

    def _new_session(self) -> None:
        self.minute, self.traded = 0, False
        self.top, self.bottom = 0.0, float("inf")

    def _leave(self) -> None:
        if self.position and not any(order.tag == "time" for order in self.orders):
            for order in self.orders:
                self.cancel(order)
            self.close(tag="time")


result = run_backtest(
    OpeningRange,
    sample_bars("ALPHA", "BRAVO"),
    parameters={"minutes": 15},
    commission=PerShare(0.005, minimum=1.0),
    slippage=TickSlippage(1, tick_size=0.01),
)

print(result)
print(result.orders.group_by("tag", "status").len().sort("tag", "status"))
