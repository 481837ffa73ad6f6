"""What a run leaves behind for everyone who reads it: fills, orders, events, the bars traded on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, Self

from app.core.data_structures import BarColumns
from app.core.orders import Order, OrderEvent
from app.core.sessions import SessionGrid
from app.core.types import Bools, Floats, Int64s


@dataclass(frozen=True, slots=True, eq=False)
class FillColumns:
    """Executions in the order they happened, as columns of equal length.

    ``strategy`` and ``symbol`` are positions in the run's lists. ``quantity`` is signed
    (buys positive). ``price`` is what was paid, slippage included; ``slippage`` is its cost
    in the quote currency against the price before it, ``commission`` the fee, both zero or
    more. ``bar_end_ns`` is the end of the minute bar the fill was executed in: the moment
    from which cash and position show it.
    """

    time_ns: Int64s
    bar_end_ns: Int64s
    order_id: Int64s
    strategy: Int64s
    symbol: Int64s
    quantity: Floats
    price: Floats
    commission: Floats
    slippage: Floats

    def __len__(self) -> int:
        return len(self.time_ns)

    def take(self, rows: Int64s | Bools) -> Self:
        """The given fills, copied."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))


class CashFlow(NamedTuple):
    """Money that moved without a fill: signed, in the quote currency, from `time_ns` on.

    `kind` is ``dividend``, ``borrow``, ``interest`` or ``fee``; `strategy` and `symbol` are
    positions in the run's lists, -1 where the flow belongs to none.
    """

    time_ns: int
    kind: str
    amount: float
    strategy: int
    symbol: int


class Split(NamedTuple):
    """From `time_ns` on one unit of a symbol is `ratio` units; holdings were multiplied by it."""

    time_ns: int
    symbol: int
    ratio: float


SPLIT_CAUSE = "split: "
"""How the cause of an order's transition begins that a split restated."""


class Dividend(NamedTuple):
    """At `time_ns` each unit of a symbol was paid `amount`, held by the run or not."""

    time_ns: int
    symbol: int
    amount: float


@dataclass(frozen=True, slots=True, eq=False)
class RunLog:
    """Everything that happened in one run, by itself enough to compute every figure.

    ``bars`` holds, per symbol, the minute bars of the traded sessions, without warm-up;
    ``sessions`` the sessions they lie in. ``cash_flows``, ``splits`` and ``dividends`` (per unit,
    for the benchmark; what the account was paid is a cash flow) are in time order.
    """

    starting_cash: float
    final_cash: float
    symbols: tuple[str, ...]
    strategies: tuple[str, ...]
    bars: Mapping[str, BarColumns]
    sessions: SessionGrid
    fills: FillColumns
    orders: Sequence[Order]
    events: Sequence[OrderEvent]
    cash_flows: Sequence[CashFlow] = ()
    splits: Sequence[Split] = ()
    dividends: Sequence[Dividend] = ()
