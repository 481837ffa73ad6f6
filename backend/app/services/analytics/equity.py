"""The equity curve of an account, minute by minute, from the fills and the bars of a run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from app.core.data_structures import BarColumns
from app.core.run_log import CashFlow, FillColumns, RunLog
from app.core.types import Floats, Int64s
from app.services.analytics.splits import later_ratio


@dataclass(frozen=True, slots=True, eq=False)
class EquityCurve:
    """An account's worth at the end of every minute bar, as columns of equal length.

    ``time_ns`` are bar ends (UTC nanoseconds), strictly increasing. A fill shows from the end
    of the bar it was executed in, a cash flow from the end of the first bar that ends at its
    time or later (after the last bar: in that one). ``position_value`` marks what is held
    (short: negative) at each symbol's last close, ``gross_exposure`` adds its absolute values,
    and ``equity = cash + position_value``; all in the quote currency. ``peak`` is the highest
    equity so far, `starting_cash` included. No column holds NaN.
    """

    starting_cash: float
    time_ns: Int64s
    cash: Floats
    position_value: Floats
    gross_exposure: Floats
    equity: Floats
    peak: Floats

    def __len__(self) -> int:
        return len(self.time_ns)

    @property
    def final_equity(self) -> float:
        """Equity at the last bar's end; the starting cash if there was no bar."""
        return float(self.equity[-1]) if len(self.equity) else self.starting_cash

    @property
    def drawdown_pct(self) -> Floats:
        """Distance of equity below its peak, in percent of the peak: zero or less."""
        drawdown: Floats = (self.equity / self.peak - 1.0) * 100.0
        return drawdown

    def at(self, times_ns: Int64s) -> Floats:
        """Equity at each of `times_ns`: as of the last bar ended by then, else starting cash."""
        rows = np.searchsorted(self.time_ns, times_ns, side="right") - 1
        if not len(self):
            return np.full(len(times_ns), self.starting_cash)
        return np.where(rows >= 0, self.equity[rows], self.starting_cash)


def time_grid(bars: Sequence[BarColumns]) -> Int64s:
    """The end times at which any of `bars` became known, each once, sorted."""
    ends = [columns.end_ns for columns in bars if len(columns)]
    if not ends:
        return np.empty(0, np.int64)
    longest = max(ends, key=len)
    if all(_same(times, longest) for times in ends):
        return longest
    merged = np.sort(np.concatenate(ends))
    return merged[np.concatenate(([True], merged[1:] != merged[:-1]))]


def account_curve(log: RunLog, grid: Int64s | None = None) -> EquityCurve:
    """The curve of the whole account over `grid` (default: every bar end of the run)."""
    times = time_grid(list(log.bars.values())) if grid is None else grid
    fills = log.fills
    rows = times.searchsorted(fills.bar_end_ns)
    cash = _Stairs(len(times), rows).levels(log.starting_cash, cash_flows(fills))
    cash = _with_flows(cash, times, log.cash_flows)
    values = _values(log, times, rows)
    value = next(values, np.zeros(len(times)))
    gross = np.abs(value)
    for more in values:
        value += more
        gross += np.abs(more)
    return _curve(log.starting_cash, times, cash, value, gross)


def symbol_curves(log: RunLog, grid: Int64s) -> Iterator[EquityCurve]:
    """The curve the account would have had with each symbol's fills alone, symbol by symbol.

    And with its dividends and borrow cost; what belongs to no symbol is left out. They are made
    one at a time: who lets go of each before asking for the next needs the memory of two,
    however many symbols there are, and finds them in the processor's cache.
    """
    fills, flows = log.fills, cash_flows(log.fills)
    rows = grid.searchsorted(fills.bar_end_ns)
    for index, own in enumerate(rows_by_book(fills.symbol, len(log.symbols))):
        stairs = _Stairs(len(grid), rows[own])
        cash = stairs.levels(log.starting_cash, flows[own])
        cash = _with_flows(cash, grid, [flow for flow in log.cash_flows if flow.symbol == index])
        value = _value(log, index, grid, stairs, own)
        yield _curve(log.starting_cash, grid, cash, value, np.abs(value))


def strategy_curve(log: RunLog, index: int, grid: Int64s) -> EquityCurve:
    """The curve the account would have had with the fills of strategy number `index` alone.

    And with its dividends; number -1 has what belongs to no strategy, such as interest.
    """
    fills = log.fills.take(log.fills.strategy == index)
    flows = [flow for flow in log.cash_flows if flow.strategy == index]
    return account_curve(replace(log, fills=fills, cash_flows=flows), grid)


def symbol_position(log: RunLog, index: int, grid: Int64s) -> Floats:
    """Units held of symbol number `index` (short: negative) at every time of `grid`.

    They are the units of that time: a split multiplies them from the first bar after it on.
    """
    own = np.flatnonzero(log.fills.symbol == index)
    rows = grid.searchsorted(log.fills.bar_end_ns[own])
    units = _final_units(log, index, _Stairs(len(grid), rows), own)
    ratio = later_ratio(log, index, grid, at_once=False)
    return units if ratio is None else units / ratio


def _values(log: RunLog, grid: Int64s, rows: Int64s) -> Iterator[Floats]:
    """Worth of the position in each symbol that was traded; fills show from `rows` of `grid` on."""
    for index, own in enumerate(rows_by_book(log.fills.symbol, len(log.symbols))):
        if len(own):
            yield _value(log, index, grid, _Stairs(len(grid), rows[own]), own)


def _value(log: RunLog, index: int, grid: Int64s, stairs: "_Stairs", own: Int64s) -> Floats:
    """Worth of the position in symbol number `index` over `grid`, marked at closes.

    `own` are the rows of its fills, `stairs` where on the grid they show.
    """
    units, bars = _final_units(log, index, stairs, own), final_prices(log, index)
    if len(bars):
        units *= last_close(bars, grid)
    return units


def _final_units(log: RunLog, index: int, stairs: "_Stairs", own: Int64s) -> Floats:
    """The position in units of the run's end, which no split changes."""
    quantity = log.fills.quantity[own]
    ratio = later_ratio(log, index, log.fills.time_ns[own])
    return stairs.levels(0.0, quantity if ratio is None else quantity * ratio)


def final_prices(log: RunLog, index: int) -> BarColumns:
    """The bars of symbol number `index`, with prices per unit of the run's end."""
    bars = log.bars[log.symbols[index]]
    ratio = later_ratio(log, index, bars.start_ns)
    if ratio is None:
        return bars
    return replace(
        bars,
        open=bars.open / ratio,
        high=bars.high / ratio,
        low=bars.low / ratio,
        close=bars.close / ratio,
        volume=bars.volume * ratio,
    )


def last_close(bars: BarColumns, grid: Int64s) -> Floats:
    """The last close known at every time of `grid`; before the first bar, that bar's open.

    `bars` has at least one row.
    """
    if _same(bars.end_ns, grid):
        return bars.close
    rows = np.searchsorted(bars.end_ns, grid, side="right")
    known: Floats = np.concatenate((bars.open[:1], bars.close))[rows]
    return known


def cash_flows(fills: FillColumns) -> Floats:
    """What each fill adds to cash: negative for purchases, commission always taken off."""
    flows: Floats = -fills.quantity * fills.price - fills.commission
    return flows


def buy_and_hold(log: RunLog, grid: Int64s) -> EquityCurve:
    """The benchmark: starting cash spread evenly over all symbols with bars, held to the end.

    Each share buys its symbol at the open of the run's first bar of it, in fractions, without
    commission or slippage, and is marked at its last close. Splits multiply what is held;
    dividends are kept as cash.
    """
    traded = [index for index, name in enumerate(log.symbols) if len(log.bars[name])]
    growth = _total((_growth(log, index, grid) for index in traded), len(grid))
    growth *= log.starting_cash
    growth /= max(len(traded), 1)
    if not log.dividends:
        return _curve(log.starting_cash, grid, np.zeros(len(grid)), growth, growth)
    income = _total((_income(log, index, grid) for index in traded), len(grid))
    income *= log.starting_cash
    income /= max(len(traded), 1)
    return _curve(log.starting_cash, grid, income, growth, growth)


def _growth(log: RunLog, index: int, grid: Int64s) -> Floats:
    """Worth over `grid` of one unit of money put into a symbol at its first open."""
    bars = final_prices(log, index)
    growth: Floats = last_close(bars, grid) / bars.open[0]
    return growth


def _income(log: RunLog, index: int, grid: Int64s) -> Floats:
    """Dividends by each time of `grid` on one unit of money put in at the first open."""
    times, amounts = _dividends_held(log, index)
    per_open = amounts / final_prices(log, index).open[0]
    return _Stairs(len(grid), grid.searchsorted(times)).levels(0.0, per_open)


def _total(columns: Iterator[Floats], length: int) -> Floats:
    """The sum of `columns` of some `length`, added up in the memory of the first."""
    total = next(columns, None)
    if total is None:
        return np.zeros(length)
    for column in columns:
        total += column
    return total


def held_returns_pct(log: RunLog) -> Floats:
    """Return of each symbol from its first open to its last close, in percent; NaN without bars.

    Splits multiply what is held; dividends are added.
    """
    return np.array([_held_return_pct(log, index) for index in range(len(log.symbols))])


def _held_return_pct(log: RunLog, index: int) -> float:
    bars = final_prices(log, index)
    if not len(bars):
        return float("nan")
    paid = float(_dividends_held(log, index)[1].sum())
    return ((float(bars.close[-1]) + paid) / float(bars.open[0]) - 1.0) * 100.0


def _dividends_held(log: RunLog, index: int) -> tuple[Int64s, Floats]:
    """Times and amounts of a symbol's dividends after its first bar, per unit of the run's end."""
    begin_ns = int(log.bars[log.symbols[index]].start_ns[0])
    paid = [one for one in log.dividends if one.symbol == index and one.time_ns > begin_ns]
    times = np.array([one.time_ns for one in paid], np.int64)
    amounts = np.array([one.amount for one in paid], np.float64)
    ratio = later_ratio(log, index, times)
    return times, amounts if ratio is None else amounts / ratio


def present(positions: Int64s) -> list[int]:
    """The list positions that occur, in order."""
    # Not np.unique: its first call imports numpy.ma, which takes longer than a whole backtest.
    return np.flatnonzero(np.bincount(positions)).tolist()


def rows_by_book(book: Int64s, books: int) -> list[Int64s]:
    """The rows of each of `books` books, in order; ``book[i]`` says which one row i belongs to."""
    order = np.argsort(book, kind="stable")
    edges = [0, *book[order].searchsorted(np.arange(1, books)).tolist(), len(book)]
    return [order[first:last] for first, last in pairwise(edges)]


def _same(left: Int64s, right: Int64s) -> bool:
    return left is right or np.array_equal(left, right)


def _with_flows(cash: Floats, grid: Int64s, flows: Sequence[CashFlow]) -> Floats:
    """`cash` with `flows` added from their times on; those after the last time, at it."""
    if not flows or not len(grid):
        return cash
    times = np.minimum(np.array([flow.time_ns for flow in flows], np.int64), grid[-1])
    amounts = np.array([flow.amount for flow in flows], np.float64)
    return cash + _Stairs(len(grid), grid.searchsorted(times)).levels(0.0, amounts)


class _Stairs:
    """Columns of `length` rows that change from `rows` on, and nowhere else."""

    __slots__ = ("_lengths", "_order")

    def __init__(self, length: int, rows: Int64s) -> None:
        self._order: Int64s | None = None
        if len(rows) > 1 and bool((rows[1:] < rows[:-1]).any()):
            self._order = np.argsort(rows, kind="stable")
            rows = rows[self._order]
        edges = np.concatenate(([0], rows, [length]))
        self._lengths = edges[1:] - edges[:-1]

    def levels(self, first: float, changes: Floats) -> Floats:
        """``first`` plus the sum of the `changes` made up to and including each row."""
        if self._order is not None:
            changes = changes[self._order]
        levels: Floats = np.cumsum(np.concatenate(([first], changes)))
        return levels.repeat(self._lengths)


def _curve(
    starting_cash: float, grid: Int64s, cash: Floats, value: Floats, gross: Floats
) -> EquityCurve:
    equity = cash + value
    peak = np.maximum.accumulate(equity) if len(equity) else equity
    peak[: peak.searchsorted(starting_cash)] = starting_cash
    return EquityCurve(starting_cash, grid, cash, value, gross, equity, peak)
