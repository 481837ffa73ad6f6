"""Ours: W3 through `run_backtest`, with two orders in flight on nearly every bar."""

from app.core.strategy import BarCursor, Strategy
from engines.mismartera import VERSION, _Backtest
from workloads import EXIT_DISTANCE, QUANTITY, STEP

__all__ = ["VERSION", "W3"]


class Exits(Strategy):
    """Always in, by one type of order after the other; out at a target or a stop.

    The first four entries are market, limit, stop and stop-limit orders with both exits attached;
    the fifth is a market order whose exits, a target and a trailing stop, are sent when it has
    filled and linked. Then again from the first.
    """

    def on_start(self) -> None:
        """Nothing has been entered yet."""
        self.entries = 0

    def on_bar(self, bar: BarCursor) -> None:
        """Enter when flat; both exits then wait for the price."""
        if self.position.working_orders:
            return
        if self.position.quantity:
            self._leave(bar.close)
        else:
            self._enter(bar.close)

    def _enter(self, close: float) -> None:
        kind, self.entries = self.entries % 5, self.entries + 1
        above = round(close + STEP, 2)
        prices = (
            {},
            {"limit": round(close - STEP, 2)},
            {"stop": above},
            {"stop": above, "limit": round(above + STEP, 2)},
            {},
        )[kind]
        exits = {
            "take_profit": round(close + EXIT_DISTANCE, 2),
            "stop_loss": round(close - EXIT_DISTANCE, 2),
        }
        self.buy(QUANTITY, time_in_force="gtc", **prices, **(exits if kind < 4 else {}))

    def _leave(self, close: float) -> None:
        target = round(close + EXIT_DISTANCE, 2)
        self.one_cancels_other(
            self.sell(QUANTITY, limit=target, time_in_force="gtc", reduce_only=True),
            self.sell(QUANTITY, trail=EXIT_DISTANCE, time_in_force="gtc", reduce_only=True),
        )


class W3(_Backtest):
    """One symbol, called on every bar."""

    strategy = Exits
