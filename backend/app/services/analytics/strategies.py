"""Each strategy's own ledger: what it did to the account it shares with the others."""

from dataclasses import asdict, dataclass

import numpy as np

from app.core.run_log import RunLog
from app.core.types import Floats
from app.services.analytics.equity import EquityCurve, strategy_curve
from app.services.analytics.trades import TradeColumns

ACCOUNT = "(account)"
"""Whose ledger holds the cash flows that belong to no strategy, such as interest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StrategyLedger:
    """One strategy's part of the account; money in the quote currency.

    The parts of all ledgers of a run add up to the account's: `cash_change` to its final less
    its starting cash, `profit` and each value of `contribution` to its equity less the starting
    cash. ``profit = realised + open_profit + carry``.

    Attributes:
        orders: orders sent, whatever became of them.
        fills: executions.
        trades: round trips that have ended.
        open_trades: round trips still open at the end.
        realised: profit of the ended trades, commission taken off.
        open_profit: profit of the open trades at the last closes, entry commission taken off.
        carry: dividends, borrow fees and interest.
        commission: fees paid; inside `realised` and `open_profit`.
        slippage: cost against the prices before it; inside them too.
        cash_used: the most cash that was out for its positions at any bar's end; zero or more.
        cash_change: what it added to the account's cash.
        contribution: its part of the account's profit at every time of the equity curve.
    """

    name: str
    orders: int
    fills: int
    trades: int
    open_trades: int
    realised: float
    open_profit: float
    carry: float
    commission: float
    slippage: float
    cash_used: float
    cash_change: float
    contribution: Floats

    @property
    def profit(self) -> float:
        """What it added to the account's equity by the end."""
        return self.realised + self.open_profit + self.carry

    def to_dict(self) -> dict[str, float | int]:
        """The figures by name, as JSON takes them."""
        figures = asdict(self)
        del figures["name"], figures["contribution"]
        return figures | {"profit": self.profit}


def strategy_ledgers(
    log: RunLog, curve: EquityCurve, trades: TradeColumns
) -> dict[str, StrategyLedger]:
    """The ledger of every strategy by name; `ACCOUNT` has the rest, if there is any.

    `curve` and `trades` are the account's.
    """
    numbers = list(range(len(log.strategies)))
    names = list(log.strategies)
    if any(flow.strategy < 0 for flow in log.cash_flows):
        numbers.append(-1)
        names.append(ACCOUNT)
    return {
        name: _ledger(log, number, name, curve, trades)
        for number, name in zip(numbers, names, strict=True)
    }


def _ledger(
    log: RunLog, number: int, name: str, account: EquityCurve, trades: TradeColumns
) -> StrategyLedger:
    fills = log.fills.take(log.fills.strategy == number)
    is_whole = len(log.strategies) == 1 and all(flow.strategy == 0 for flow in log.cash_flows)
    own = account if is_whole else strategy_curve(log, number, account.time_ns)
    trades = trades.take(trades.strategy == number)
    carry = sum(flow.amount for flow in log.cash_flows if flow.strategy == number)
    paid = float(np.sum(fills.quantity * fills.price + fills.commission))
    return StrategyLedger(
        name=name,
        orders=sum(order.strategy == number for order in log.orders),
        fills=len(fills),
        trades=int(np.count_nonzero(~trades.is_open)),
        open_trades=int(np.count_nonzero(trades.is_open)),
        realised=float(trades.net[~trades.is_open].sum()),
        open_profit=float(trades.net[trades.is_open].sum()),
        carry=float(carry),
        commission=float(fills.commission.sum()),
        slippage=float(fills.slippage.sum()),
        cash_used=max(0.0, float(-(own.cash - own.starting_cash).min(initial=0.0))),
        cash_change=float(carry) - paid,
        contribution=own.equity - own.starting_cash,
    )
