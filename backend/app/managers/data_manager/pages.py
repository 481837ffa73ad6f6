"""Stored bars and ticks in pages, and the last of them: for whoever shows them."""

from dataclasses import dataclass

import polars as pl

from app.core.data_structures import BarColumns
from app.core.exceptions import DataNotFoundError
from app.core.instants import utc
from app.core.intervals import ONE_MINUTE, Interval
from app.core.types import DAY_NS, MINUTE_NS
from app.managers.data_manager.api import DataManager
from app.managers.data_manager.bars import Bars

Span = tuple[int, int]
"""``[first_ns, last_ns)``, UTC nanoseconds."""

_SHORTEST_SESSION_MINUTES = 375
"""Of the exchanges there are; a guess of how many days hold a page may be wrong, not its bars."""


@dataclass(frozen=True, slots=True, eq=False)
class BarsPage:
    """Some bars, and the start of the first one after them; None if they are the last."""

    bars: Bars
    next_ns: int | None


@dataclass(frozen=True, slots=True, eq=False)
class TicksPage:
    """Some ticks (columns ``ts``, ``price``, ``volume``), and where the next ones begin.

    `next_place` is a time and how many ticks of that time have been given; None if there are no
    more.
    """

    ticks: pl.DataFrame
    next_place: tuple[int, int] | None


def bars_page(
    manager: DataManager,
    symbol: str,
    interval: Interval,
    span: Span,
    *,
    limit: int,
    adjustment: str = "raw",
) -> BarsPage:
    """The first `limit` bars that start in `span`.

    Minutes are all that are stored; longer bars are made from regular hours, as in
    `DataManager.get_bars`. No more of the store is read than a page needs.

    Raises:
        DataNotFoundError: nothing is stored for `symbol`.
        ConfigurationError: `symbol` or `adjustment` cannot be.
    """
    coverage = manager.coverage(symbol)
    margin_ns = 0 if interval == ONE_MINUTE else 7 * DAY_NS  # a week begins before its first bar
    first_ns = max(span[0], coverage.first_ns - margin_ns)
    last_ns = min(span[1], coverage.last_ns + MINUTE_NS, manager.now_ns())
    if first_ns >= last_ns:
        return BarsPage(Bars(symbol, interval, BarColumns.empty(), manager.timezone), None)
    if interval == ONE_MINUTE:
        columns = manager.storage.read_first(symbol, first_ns, last_ns, limit + 1)
    else:
        columns = _derived(manager, symbol, interval, (first_ns, last_ns), limit + 1, adjustment)
    next_ns = int(columns.start_ns[limit]) if len(columns) > limit else None
    columns = columns.slice(0, min(limit, len(columns)))
    bars = Bars(symbol, interval, columns, manager.timezone)
    if interval == ONE_MINUTE and adjustment != "raw" and len(columns):
        ends = (utc(int(columns.start_ns[0])), utc(int(columns.start_ns[-1]) + 1_000))
        bars = manager.stored_bars(symbol, *ends, adjustment=adjustment)
    return BarsPage(bars, next_ns)


def _derived(
    manager: DataManager, symbol: str, interval: Interval, span: Span, count: int, adjustment: str
) -> BarColumns:
    """At least the first `count` bars of `span`, if it has as many: stretch after stretch."""
    parts: list[BarColumns] = []
    at_ns, found, stretch_ns = span[0], 0, _days_of(interval, count) * DAY_NS
    while at_ns < span[1] and found < count:
        until_ns = min(at_ns + stretch_ns, span[1])
        bars = manager.get_bars(
            symbol, interval, utc(at_ns), utc(until_ns), adjustment=adjustment
        ).columns
        parts.append(bars)
        found, at_ns, stretch_ns = found + len(bars), until_ns, 2 * stretch_ns
    return BarColumns.concatenate(parts)


def _days_of(interval: Interval, count: int) -> int:
    """About as many days as hold `count` bars, weekends included."""
    if not interval.is_intraday:
        return interval.days * count * 7 // 5 + 7
    in_a_session = max(1, _SHORTEST_SESSION_MINUTES // interval.minutes)
    return -(-count // in_a_session) * 7 // 5 + 4


def ticks_page(
    manager: DataManager, symbol: str, span: Span, *, limit: int, given: int = 0
) -> TicksPage:
    """The first `limit` ticks in `span`, after the first `given` ones of its first time.

    Raises:
        DataNotFoundError: no ticks of `symbol` are stored.
    """
    last_ns = min(span[1], manager.now_ns() + 1)
    found = manager.ticks.first_ticks(symbol, span[0], last_ns, given + limit + 1)
    found = found.slice(given)
    if len(found) <= limit:
        return TicksPage(found, None)
    page, next_ns = found.head(limit), found["ts"][limit]
    same = int((page["ts"] == next_ns).sum())
    carried = given if next_ns == span[0] else 0
    return TicksPage(page, (next_ns, same + carried))


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The last bar and the last tick of a symbol, each None if there is none.

    `in_session` says that they are those of the session that runs, by its own time.
    """

    bar: BarColumns | None
    tick: tuple[int, float, float] | None
    in_session: bool


def latest_stored(manager: DataManager, symbol: str) -> Latest:
    """The last stored minute and tick that are not later than the present.

    Raises:
        DataNotFoundError: neither is stored.
    """
    now_ns = manager.now_ns()
    tick = manager.ticks.last_tick(symbol, now_ns + 1)
    bar = manager.storage.read_last(symbol, now_ns)
    if not len(bar) and tick is None:
        manager.coverage(symbol)
        raise DataNotFoundError(f"nothing of {symbol!r} is stored up to the present")
    return Latest(
        bar=bar if len(bar) else None,
        tick=None if tick is None else (tick.time_ns, tick.price, tick.volume),
        in_session=False,
    )
