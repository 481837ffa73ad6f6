"""The close of the session at hand, and the shipped strategies that leave before it.

Two sessions of New York: Wednesday 2024-07-03 closes at 13:00, after 210 minutes; Friday
2024-07-05 at 16:00, after 390.
"""

from collections.abc import Callable
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.core.strategy import BarCursor, Strategy
from app.core.types import MINUTE_NS
from app.research import run_backtest
from app.services.analytics.result import RunResult
from app.strategies.opening_range import OpeningRangeBreakout
from app.strategies.vwap_reversion import VwapReversion
from tests.engine_bars import FIRST_OPEN_NS, FLAT, bars, grid
from tests.system_fixtures import minutes

NEW_YORK = ZoneInfo("America/New_York")
HALF, FULL = date(2024, 7, 3), date(2024, 7, 5)
LENGTHS = {HALF: 210, FULL: 390}


def at(day: date, hour: int, minute: int) -> int:
    moment = datetime.combine(day, time(hour, minute), NEW_YORK)
    return int(moment.timestamp()) * 1_000_000_000


def sessions_of(*days: date) -> SessionGrid:
    opens = np.array([at(day, 9, 30) for day in days], np.int64)
    closes = opens + np.array([LENGTHS[day] for day in days], np.int64) * MINUTE_NS
    dates = np.array(days, "datetime64[D]")
    return SessionGrid("America/New_York", dates, opens, closes, opens, closes)


def two_days(price: Callable[[int], float]) -> BarColumns:
    """Bars from 09:30 to the close of both days; `price` is told the minute of the session."""
    parts = [
        minutes(day, count=count, close=lambda _, minute: price(minute))
        for day, count in LENGTHS.items()
    ]
    return BarColumns.concatenate(parts)


def fills(result: RunResult) -> list[tuple[int, float]]:
    log = result.log.fills
    return list(zip(log.time_ns.tolist(), log.quantity.tolist(), strict=True))


# ── what every strategy may ask ──────────────────────────────────────────────


class Asks(Strategy):
    """Keeps what it is told, by hook."""

    told: list[tuple[str, float]]

    def on_start(self) -> None:
        self.told.append(("start", self.minutes_to_close))

    def on_bar(self, bar: BarCursor) -> None:
        self.told.append(("bar", self.minutes_to_close))
        if len(self.told) == 2:
            self.buy(1)

    def on_order(self, order: object) -> None:
        self.told.append(("order", self.minutes_to_close))

    def on_session_end(self) -> None:
        self.told.append(("end", self.minutes_to_close))


def test_minutes_to_close_follow_each_sessions_own_close() -> None:
    """Sessions of ten minutes; the first closes after four, with its last minute missing.

    The order of the first bar fills at the open of the second and is told at that bar's end.
    """
    whole = grid(2)
    closes = whole.close_ns.copy()
    closes[0] = FIRST_OPEN_NS + 4 * MINUTE_NS
    half = SessionGrid(
        whole.timezone, whole.dates, whole.open_ns, closes, whole.pre_open_ns, whole.post_close_ns
    )
    asks = type("AsksHere", (Asks,), {"told": []})
    run_backtest(asks, bars([FLAT] * 3 + [None] * 7 + [FLAT] * 10), sessions=half)
    first = [("start", 4), ("bar", 3), ("order", 2), ("bar", 2), ("bar", 1), ("end", 0)]
    assert asks.told[:6] == first
    assert asks.told[6:] == [*(("bar", left) for left in range(9, -1, -1)), ("end", 0)]


def test_sessions_read_off_the_bars_close_with_their_last_bar() -> None:
    asks = type("AsksHere", (Asks,), {"told": []})
    run_backtest(asks, bars([FLAT] * 5))
    assert asks.told[0] == ("start", 5)
    assert asks.told[-2:] == [("bar", 0), ("end", 0)]


# ── those that leave by it ───────────────────────────────────────────────────


def up_from_the_40th(minute: int) -> float:
    """100, then a step up to 101 that lasts: beyond the range, and above the session's VWAP."""
    return 100.0 if minute < 40 else 101.0


@pytest.mark.parametrize(
    ("strategy", "side"), [(OpeningRangeBreakout, 100.0), (VwapReversion, -100.0)]
)
def test_flat_before_an_early_close_and_before_a_late_one(
    strategy: type[Strategy], side: float
) -> None:
    """The close of 10:11 is the first above the range, and 1 % above the VWAP: in at 10:11.

    Fifteen minutes before the close is 12:45 on the half day, 15:45 on the other: out at that
    bar's end, in the minute that opens then. The VWAP is never reached: with 40 of n minutes at
    100 it stays below 101.
    """
    out = -side
    result = run_backtest(
        strategy,
        two_days(up_from_the_40th),
        sessions=sessions_of(HALF, FULL),
        parameters={"stop_pct": 50.0} if strategy is VwapReversion else {},
    )
    assert fills(result) == [
        (at(HALF, 10, 11), side),
        (at(HALF, 12, 45), out),
        (at(FULL, 10, 11), side),
        (at(FULL, 15, 45), out),
    ]


@pytest.mark.parametrize("strategy", [OpeningRangeBreakout, VwapReversion])
def test_nothing_is_entered_once_it_is_late(strategy: type[Strategy]) -> None:
    """A step up at 12:44 of the half day, whose bar ends at 12:45, is late; on the other it is not.

    There it is minute 194 all the same.
    """
    result = run_backtest(
        strategy,
        two_days(lambda minute: 100.0 if minute < 194 else 101.0),
        sessions=sessions_of(HALF, FULL),
    )
    assert [time_ns for time_ns, _ in fills(result)][:1] == [at(FULL, 12, 45)]


@pytest.mark.parametrize("exit_minutes", [1, 60, 120])
def test_how_long_before_the_close_is_a_parameter(exit_minutes: int) -> None:
    result = run_backtest(
        OpeningRangeBreakout,
        two_days(up_from_the_40th),
        sessions=sessions_of(HALF, FULL),
        parameters={"exit_minutes": exit_minutes},
    )
    exits = [time_ns for time_ns, _ in fills(result)][1::2]
    closes = [at(HALF, 13, 0), at(FULL, 16, 0)]
    assert exits == [close_ns - exit_minutes * MINUTE_NS for close_ns in closes]
