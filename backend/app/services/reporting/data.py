"""What a report shows, as values: the renderer computes no figure of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.core.types import Bools, Floats, Int64s


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table of figures; texts are ready to show, `is_bad` marks a loss.

    Figures of one `group` stand together under its name.
    """

    label: str
    value: str
    definition: str
    benchmark: str = ""
    is_bad: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A plain table: one heading per column, cells as text."""

    headings: tuple[str, ...]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, eq=False)
class CurveData:
    """Equity over time with the benchmark and the highest equity so far; equal lengths."""

    time_ns: Int64s
    equity: Floats
    benchmark: Floats
    peak: Floats


@dataclass(frozen=True, slots=True, eq=False)
class FillData:
    """Fills of one symbol: the end of the bar each was executed in, signed quantity, price."""

    bar_end_ns: Int64s
    quantity: Floats
    price: Floats


@dataclass(frozen=True, slots=True, eq=False)
class TradeData:
    """Round trips, as columns of equal length; `symbol` and `strategy` are list positions.

    Bar ends place a trade on the price chart; money is in the quote currency.
    """

    symbol: Int64s
    strategy: Int64s
    direction: Int64s
    quantity: Floats
    entry_ns: Int64s
    entry_bar_end_ns: Int64s
    entry_price: Floats
    exit_ns: Int64s
    exit_bar_end_ns: Int64s
    exit_price: Floats
    net: Floats
    return_pct: Floats
    is_open: Bools

    def __len__(self) -> int:
        return len(self.symbol)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportData:
    """Everything one report shows.

    `notices` are what has to be known first, `headline` the tiles at the top, `figures` the
    table. `session_returns` belongs to `sessions`, as fractions, NaN where undefined.
    `provenance` names what proves the run: hashes, versions, seeds. Text from users is escaped
    by the renderer, not here.
    """

    title: str
    subtitle: str
    is_synthetic: bool
    notices: Sequence[str]
    headline: Sequence[Figure]
    figures: Sequence[Figure]
    symbols: tuple[str, ...]
    strategies: tuple[str, ...]
    symbol_figures: Table
    strategy_figures: Table
    sessions: SessionGrid
    session_returns: Floats
    curve: CurveData
    bars: Mapping[str, BarColumns]
    fills: Mapping[str, FillData]
    trades: TradeData
    data_quality: Table
    config: Mapping[str, object]
    provenance: Mapping[str, str]
