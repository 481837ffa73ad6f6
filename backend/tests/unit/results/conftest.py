"""Small runs written out by hand."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.run_log import FillColumns, RunLog
from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, MINUTE_NS

FIRST_OPEN_NS = 1_704_205_800_000_000_000  # 2024-01-02 14:30 UTC


class Fill(NamedTuple):
    """A fill in bar number `row` of its symbol: at the bar's open, or within it."""

    symbol: int
    row: int
    quantity: float
    price: float
    commission: float = 0.0
    slippage: float = 0.0
    within: bool = False
    strategy: int = 0


def bars_of(closes: Sequence[float], *, per_session: int, opens: Sequence[float] | None = None):
    close = np.array(closes, np.float64)
    open_ = close if opens is None else np.array(opens, np.float64)
    rows = np.arange(len(close))
    start = FIRST_OPEN_NS + rows // per_session * DAY_NS + rows % per_session * MINUTE_NS
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    return BarColumns.of_minutes(start, open_, high, low, close, np.ones(len(close)))


def sessions_of(count: int, minutes: int) -> SessionGrid:
    open_ns = FIRST_OPEN_NS + np.arange(count, dtype=np.int64) * DAY_NS
    close_ns = open_ns + minutes * MINUTE_NS
    dates = np.datetime64("2024-01-02") + np.arange(count)
    return SessionGrid("America/New_York", dates, open_ns, close_ns, open_ns, close_ns)


def make_log(
    bars: dict[str, BarColumns],
    fills: Sequence[Fill] = (),
    *,
    sessions: SessionGrid,
    cash: float = 1_000.0,
    strategies: tuple[str, ...] = ("first", "second"),
) -> RunLog:
    symbols = tuple(bars)
    ends = [int(bars[symbols[fill.symbol]].end_ns[fill.row]) for fill in fills]
    starts = [int(bars[symbols[fill.symbol]].start_ns[fill.row]) for fill in fills]
    times = [
        end if fill.within else start for fill, start, end in zip(fills, starts, ends, strict=True)
    ]
    columns = FillColumns(
        np.array(times, np.int64),
        np.array(ends, np.int64),
        np.arange(len(fills)),
        np.array([fill.strategy for fill in fills], np.int64),
        np.array([fill.symbol for fill in fills], np.int64),
        np.array([fill.quantity for fill in fills], np.float64),
        np.array([fill.price for fill in fills], np.float64),
        np.array([fill.commission for fill in fills], np.float64),
        np.array([fill.slippage for fill in fills], np.float64),
    )
    final = cash - sum(fill.quantity * fill.price + fill.commission for fill in fills)
    return RunLog(cash, final, symbols, strategies, bars, sessions, columns, [], [])


def one_symbol(closes, fills=(), *, per_session=None, opens=None, cash=1_000.0) -> RunLog:
    """A run in one symbol, `per_session` bars to a session (default: all in one)."""
    minutes = per_session or len(closes)
    bars = {"ABC": bars_of(closes, per_session=minutes, opens=opens)}
    return make_log(
        bars, fills, sessions=sessions_of(-(-len(closes) // minutes), minutes), cash=cash
    )


@pytest.fixture(scope="session")
def runs() -> SimpleNamespace:
    """Builders of small runs: `Fill`, `one_symbol`, and the parts of larger ones."""
    return SimpleNamespace(
        Fill=Fill, one_symbol=one_symbol, bars=bars_of, sessions=sessions_of, log=make_log
    )
