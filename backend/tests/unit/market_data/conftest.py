"""Sessions and minutes made by hand, with times that can be checked by eye."""

from collections.abc import Callable
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid, TradingSession

GridMaker = Callable[..., SessionGrid]
MinuteMaker = Callable[..., BarColumns]
NEW_YORK = "America/New_York"


def instant_ns(day: date, clock: time, zone: str) -> int:
    return int(datetime.combine(day, clock, ZoneInfo(zone)).timestamp()) * 1_000_000_000


def new_york_session(text: str, close: str = "16:00") -> TradingSession:
    """A New York session from 09:30 to `close` on an ISO date."""
    day, until = date.fromisoformat(text), time.fromisoformat(close)
    return TradingSession(
        date=day,
        timezone=NEW_YORK,
        is_trading_day=True,
        regular_open=time(9, 30),
        regular_close=until,
        open_ns=instant_ns(day, time(9, 30), NEW_YORK),
        close_ns=instant_ns(day, until, NEW_YORK),
        pre_open_ns=instant_ns(day, time(4), NEW_YORK),
        post_close_ns=instant_ns(day, time(20), NEW_YORK),
    )


@pytest.fixture
def new_york() -> GridMaker:
    """``new_york("2024-07-02", "2024-07-03 13:00")``: a grid of sessions, some closing early."""
    return lambda *days: SessionGrid.of([new_york_session(*day.split()) for day in days])


@pytest.fixture
def minutes() -> MinuteMaker:
    """``minutes(starts)``: bars whose close is their row number plus 100, volume row plus 1."""

    def make(start_ns: np.ndarray) -> BarColumns:
        row = np.arange(len(start_ns), dtype=np.float64)
        close = row + 100.0
        return BarColumns.of_minutes(
            np.asarray(start_ns, np.int64), close - 0.5, close + 1.0, close - 2.0, close, row + 1.0
        )

    return make
