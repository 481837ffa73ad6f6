"""Round-trip trades from fills, first in first out, in whole arrays."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Self

import numpy as np

from app.core.run_log import FillColumns, RunLog
from app.core.types import Bools, Floats, Int64s
from app.services.analytics.equity import final_prices, present
from app.services.analytics.splits import fill_ratios, in_final_units

_TOLERANCE = 1e-9
"""Fractions of units below this part of the largest fill are rounding, not positions."""


@dataclass(frozen=True, slots=True, eq=False)
class TradeColumns:
    """Round trips in the order they ended, open ones last, as columns of equal length.

    One trade is a quantity bought and sold again (or sold short and bought back) by one
    strategy in one symbol. Lots are matched first in, first out; a fill that closes several
    lots, part of one, or reverses the position is split, its commission and slippage pro rata.
    ``strategy`` and ``symbol`` are positions in the run's lists; ``direction`` is +1 for long,
    -1 for short; ``quantity`` is above zero. Times are those of the fills (UTC nanoseconds),
    ``*_bar_end_ns`` the ends of the bars they were executed in.

    A trade held over a split is in units of its exit: a hundred bought at 500 and four hundred
    sold at 130 after four for one are a trade of 400, bought at 125. Dividends and borrow cost
    are cash flows of the account, not part of a trade.

    ``gross`` is the difference of prices times quantity; ``slippage`` is already inside it and
    only reported; ``net = gross - commission``. ``bars_held`` counts the symbol's minute bars
    from entry to exit. Where ``is_open``, the trade was still held when the run ended: it is
    marked at the last close and carries no exit costs. ``entry_order`` and ``exit_order`` are the
    ids of the orders that were filled, -1 where there is none.
    """

    strategy: Int64s
    symbol: Int64s
    direction: Int64s
    quantity: Floats
    entry_ns: Int64s
    entry_bar_end_ns: Int64s
    entry_price: Floats
    exit_ns: Int64s
    exit_bar_end_ns: Int64s
    exit_price: Floats
    gross: Floats
    commission: Floats
    slippage: Floats
    net: Floats
    return_pct: Floats
    bars_held: Int64s
    is_open: Bools
    entry_order: Int64s
    exit_order: Int64s

    def __len__(self) -> int:
        return len(self.strategy)

    def take(self, rows: Int64s | Bools) -> Self:
        """The given trades."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class _Legs:
    """Fills of one or more (strategy, symbol) pairs, pair after pair, each ending flat."""

    fill: FillColumns
    is_mark: Bools


def round_trips(log: RunLog) -> TradeColumns:
    """The trades that the fills of `log` make up.

    The sum of ``net`` over all of them, and of the log's cash flows, is the final equity less
    the starting cash.
    """
    legs = _legs(log, in_final_units(log, log.fills))
    pairs = [_match(part) for part in _exact_parts(legs)]
    offsets = [entry for entry, _, _ in pairs], [exit_ for _, exit_, _ in pairs]
    entries, exits = (np.concatenate(rows) if rows else np.empty(0, np.int64) for rows in offsets)
    quantity = np.concatenate([part for _, _, part in pairs]) if pairs else np.empty(0)
    return _in_exit_units(log, _trades(log, legs, entries, exits, quantity))


def _in_exit_units(log: RunLog, trades: TradeColumns) -> TradeColumns:
    """`trades` in units of the run's end, turned into units of their exits."""
    if not log.splits:
        return trades
    ratio = exit_ratios(log, trades)
    return replace(
        trades,
        quantity=trades.quantity / ratio,
        entry_price=trades.entry_price * ratio,
        exit_price=trades.exit_price * ratio,
    )


def exit_ratios(log: RunLog, trades: TradeColumns) -> Floats:
    """Units at the run's end of one unit at each trade's exit."""
    times = np.where(trades.is_open, trades.exit_ns - 1, trades.exit_ns)
    return fill_ratios(log, trades.symbol, times)


def excursions_pct(log: RunLog, trades: TradeColumns) -> tuple[Floats, Floats]:
    """Worst and best price each trade saw, in percent of its entry price: (MAE, MFE).

    MAE (maximum adverse excursion) is zero or less, MFE (maximum favourable) zero or more.
    Seen are the extremes of the bars held in full, and the exit price: of a bar entered or
    left within, nobody knows which extremes fell into the trade.
    """
    ratio = exit_ratios(log, trades) if log.splits else np.ones(1)
    entry_price, exit_price = trades.entry_price / ratio, trades.exit_price / ratio
    low, high = exit_price.copy(), exit_price.copy()
    for index in present(trades.symbol):
        own = np.flatnonzero(trades.symbol == index)
        bars = final_prices(log, index)
        first = np.searchsorted(bars.end_ns, trades.entry_bar_end_ns[own])
        first += trades.entry_ns[own] >= trades.entry_bar_end_ns[own]
        last = np.searchsorted(bars.end_ns, trades.exit_bar_end_ns[own]) + trades.is_open[own]
        held = last > first
        spans = np.stack((first[held], last[held]), axis=1).ravel()
        rows = own[held]
        if len(rows):
            low[rows] = np.minimum.reduceat(np.append(bars.low, np.inf), spans)[::2]
            high[rows] = np.maximum.reduceat(np.append(bars.high, -np.inf), spans)[::2]
    is_long = trades.direction > 0
    low, high = np.minimum(low, exit_price), np.maximum(high, exit_price)
    worst, best = np.where(is_long, low, high), np.where(is_long, high, low)
    scale = 100.0 * trades.direction / entry_price
    adverse, favourable = (worst - entry_price) * scale, (best - entry_price) * scale
    return np.minimum(adverse, 0.0), np.maximum(favourable, 0.0)


def _legs(log: RunLog, fills: FillColumns) -> _Legs:
    """Fills sorted by (strategy, symbol), with a mark at the last close after each open one."""
    key = fills.strategy * max(len(log.symbols), 1) + fills.symbol
    if len(key) and bool((key != key[0]).any()):
        order = np.argsort(key, kind="stable")
        fills = fills.take(order)
        key = key[order]
    ends = np.append(np.flatnonzero(key[1:] != key[:-1]) + 1, len(key)) if len(key) else key
    starts = np.concatenate(([0], ends[:-1])) if len(ends) else ends
    marks = [
        (last, symbol, left)
        for first, last in zip(starts.tolist(), ends.tolist(), strict=True)
        if (left := _left_over(fills.quantity[first:last]))
        for symbol in [int(fills.symbol[first])]
    ]
    if not marks:
        return _Legs(fills, np.zeros(len(fills), np.bool_))
    return _with_marks(log, fills, marks)


def _left_over(quantity: Floats) -> float:
    total = float(np.cumsum(quantity)[-1])
    return 0.0 if abs(total) <= _rounding(quantity) else total


def _rounding(quantity: Floats) -> float:
    """The size below which a sum of these quantities is nothing; 0.0 for whole numbers."""
    if bool((quantity == np.rint(quantity)).all()):
        return 0.0
    return _TOLERANCE * float(np.abs(quantity).max())


def _with_marks(log: RunLog, fills: FillColumns, marks: list[tuple[int, int, float]]) -> _Legs:
    where = np.array([row for row, _, _ in marks])
    bars = [final_prices(log, symbol) for _, symbol, _ in marks]
    times = np.array([int(columns.end_ns[-1]) for columns in bars], np.int64)
    closes = np.array([float(columns.close[-1]) for columns in bars])
    nothing = np.zeros(len(marks))
    added = FillColumns(
        time_ns=times,
        bar_end_ns=times,
        order_id=np.full(len(marks), -1, np.int64),
        strategy=fills.strategy[where - 1],
        symbol=fills.symbol[where - 1],
        quantity=np.array([-left for _, _, left in marks]),
        price=closes,
        commission=nothing,
        slippage=nothing,
    )
    merged = (
        np.insert(getattr(fills, field.name), where, getattr(added, field.name))
        for field in fields(fills)
    )
    is_mark = np.insert(np.zeros(len(fills), np.bool_), where, values=True)
    return _Legs(FillColumns(*merged), is_mark)


def _exact_parts(legs: _Legs) -> Iterator[tuple[int, Floats]]:
    """Runs of fills whose quantities add up exactly: all at once for whole numbers of units.

    Fractions are taken one (strategy, symbol) pair at a time, so that the rounding of a large
    position cannot swallow a small one. Yields the first row of each part and its quantities.
    """
    quantity = legs.fill.quantity
    if not len(quantity):
        return
    if bool((quantity == np.rint(quantity)).all()):
        yield 0, quantity
        return
    symbol, strategy = legs.fill.symbol, legs.fill.strategy
    changes = (symbol[1:] != symbol[:-1]) | (strategy[1:] != strategy[:-1])
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), len(quantity)]
    for first, last in pairwise(edges):
        yield first, quantity[first:last]


def _match(part: tuple[int, Floats]) -> tuple[Int64s, Int64s, Floats]:
    """Pair openings with closings: (opening row, closing row, quantity) of every trade.

    First in, first out over positions that all return to flat means: the n-th unit opened is
    the n-th unit closed. So both sides are laid out along the line of units traded, and every
    stretch between two neighbouring marks on it is one trade.
    """
    first_row, quantity = part
    size = np.abs(quantity)
    tolerance = _rounding(quantity)
    after = np.cumsum(quantity)
    after[np.abs(after) <= tolerance] = 0.0
    before = np.concatenate(([0.0], after[:-1]))
    closing = np.where(before * quantity < 0, np.minimum(size, np.abs(before)), 0.0)
    opening = size - closing
    closing[opening <= tolerance] = size[opening <= tolerance]
    opening[opening <= tolerance] = 0.0
    opened_by, closed_by = np.flatnonzero(opening), np.flatnonzero(closing)
    opened, closed = np.cumsum(opening[opened_by]), np.cumsum(closing[closed_by])
    if np.array_equal(opened, closed):
        return opened_by + first_row, closed_by + first_row, opening[opened_by]
    marks = np.sort(np.concatenate((opened, closed)))
    steps = np.diff(marks, prepend=0.0)
    marks, steps = marks[steps > tolerance], steps[steps > tolerance]
    middles = marks - steps / 2
    entry = opened_by[np.minimum(np.searchsorted(opened, middles), len(opened_by) - 1)]
    exit_ = closed_by[np.minimum(np.searchsorted(closed, middles), len(closed_by) - 1)]
    return entry + first_row, exit_ + first_row, steps


def _trades(
    log: RunLog, legs: _Legs, entry: Int64s, exit_: Int64s, quantity: Floats
) -> TradeColumns:
    is_open = legs.is_mark[exit_]
    order = np.lexsort((entry, legs.fill.time_ns[exit_], is_open))
    entry, exit_, quantity, is_open = entry[order], exit_[order], quantity[order], is_open[order]
    fill = legs.fill
    size = np.abs(fill.quantity)
    entry_part, exit_part = quantity / size[entry], quantity / size[exit_]
    direction = np.sign(fill.quantity[entry]).astype(np.int64)
    entry_price, exit_price = fill.price[entry], fill.price[exit_]
    gross = (exit_price - entry_price) * quantity * direction
    commission = fill.commission[entry] * entry_part + fill.commission[exit_] * exit_part
    net = gross - commission
    return TradeColumns(
        strategy=fill.strategy[entry],
        symbol=fill.symbol[entry],
        direction=direction,
        quantity=quantity,
        entry_ns=fill.time_ns[entry],
        entry_bar_end_ns=fill.bar_end_ns[entry],
        entry_price=entry_price,
        exit_ns=fill.time_ns[exit_],
        exit_bar_end_ns=fill.bar_end_ns[exit_],
        exit_price=exit_price,
        gross=gross,
        commission=commission,
        slippage=fill.slippage[entry] * entry_part + fill.slippage[exit_] * exit_part,
        net=net,
        return_pct=net / (entry_price * quantity) * 100.0,
        bars_held=_bar_rows(log, fill, exit_) - _bar_rows(log, fill, entry),
        is_open=is_open,
        entry_order=fill.order_id[entry],
        exit_order=fill.order_id[exit_],
    )


def _bar_rows(log: RunLog, fill: FillColumns, rows: Int64s) -> Int64s:
    """Row, in its symbol's bars, of the bar each of the given fills was executed in."""
    symbol, ends = fill.symbol[rows], fill.bar_end_ns[rows]
    found = np.empty(len(rows), np.int64)
    for index in present(symbol):
        own = symbol == index
        found[own] = np.searchsorted(log.bars[log.symbols[index]].end_ns, ends[own])
    return found
