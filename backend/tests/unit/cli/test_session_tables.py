"""The table of a running session: only what has closed, and it fits the terminal."""

from datetime import date
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from app.cli.session_tables import (
    render_account,
    render_session_data,
    render_status,
    speed_text,
)
from app.core.enums import OperationMode, SystemState
from app.core.indicators import IndicatorSpec
from app.core.intervals import ONE_MINUTE, Interval
from app.core.session_data import SessionData
from app.core.types import MINUTE_NS
from app.managers.execution_manager.api import AccountView, PositionView
from app.managers.system_manager.api import SystemStatus
from app.managers.system_manager.session_series import session_rows
from app.threads.progress import RunProgress
from tests.system_fixtures import minutes

MONDAY, TUESDAY = date(2024, 1, 8), date(2024, 1, 9)
OPEN_NS = 1_704_810_600_000_000_000  # 2024-01-09 14:30 UTC: 09:30 in New York
SMA = IndicatorSpec.of("SMA", timeperiod=10)
FIVE = Interval.parse("5m")


def shown(renderable, width: int) -> list[str]:
    console = Console(file=StringIO(), width=width)
    console.print(renderable)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert all(len(line) <= width for line in lines)
    return lines


@pytest.fixture
def data() -> SessionData:
    """Two days of minutes and their indicator, read ahead to the end; it is 09:40 of the second."""
    data = SessionData()
    bars = minutes(MONDAY, TUESDAY)
    for symbol in ("AAPL", "MSFT"):
        data.extend(symbol, ONE_MINUTE, bars)
        data.extend_indicator(symbol, ONE_MINUTE, SMA, [np.arange(780.0)])
    data.extend("AAPL", FIVE, bars.take(np.arange(4, 780, 5)))
    data.visible_ns = OPEN_NS + 10 * MINUTE_NS
    return data


def rows(data: SessionData):
    zone, quality = "America/New_York", {"AAPL": 98.5, "MSFT": None}
    return session_rows(data, session=TUESDAY, zone=zone, quality=quality)


def test_only_what_has_closed_is_counted(data):
    aapl, five, msft = rows(data)
    assert [(each.symbol, str(each.interval)) for each in (aapl, five, msft)] == [
        ("AAPL", "1m"),
        ("AAPL", "5m"),
        ("MSFT", "1m"),
    ]
    assert (aapl.bars, aapl.history) == (10, 390)
    assert aapl.indicators == (("SMA(10)", (399.0,)),)  # the value at the 400th minute
    assert aapl.last is not None
    assert f"{aapl.last[0]:%H:%M}" == "09:40"
    assert aapl.last[4] == pytest.approx(101.009)  # the second day's tenth close


def test_a_derived_series_has_the_quality_of_its_minutes(data):
    assert [each.quality_pct for each in rows(data)] == [98.5, 98.5, None]


def test_before_the_first_bar_there_is_nothing(data):
    data.visible_ns = 0
    assert [(each.bars, each.history, each.last) for each in rows(data)] == [(0, 0, None)] * 3
    assert any("–" in line for line in shown(render_session_data(rows(data), width=80), 80))


def test_before_the_first_session_has_begun_all_is_history(data):
    data.visible_ns = OPEN_NS  # of Tuesday: what has closed is the Monday's 390 minutes
    zone = "America/New_York"
    first, five, _ = session_rows(data, session=None, zone=zone, quality={})
    assert (first.bars, first.history, first.quality_pct) == (0, 390, None)
    assert (five.bars, five.history) == (0, 78)


@pytest.mark.parametrize("width", [60, 80, 109, 110, 200])
def test_the_table_fits_and_says_the_same_in_every_terminal(data, width):
    text = "\n".join(shown(render_session_data(rows(data), width=width), width))
    for piece in ("AAPL", "MSFT", "5m*", "09:40", "101.01", "98.5 %"):
        assert piece in text
    assert ("Volume" in text) == (width >= 110)
    if width >= 80:
        assert "SMA(10)\N{NO-BREAK SPACE}399.00" in text


def test_a_symbol_is_named_once(data):
    assert "\n".join(shown(render_session_data(rows(data), width=80), 80)).count("AAPL") == 1


def test_money_and_holdings_in_a_line():
    account = AccountView(cash=10.0, equity=1234.5, buying_power=0.0, gross_exposure=0.0)
    held = [PositionView(symbol="AAPL", quantity=-5.0, last_price=1.0)]
    assert str(render_account(account, held, width=80)) == (
        "equity 1,234.50  cash 10.00  holds AAPL -5"
    )
    assert str(render_account(account, [], width=80)).endswith("holds nothing")
    assert str(render_account(None, [], width=80)) == ""
    assert len(render_account(account, held * 50, width=40)) == 40


def status(state: SystemState, **facts) -> SystemStatus:
    usual = {
        "session_name": "mine",
        "mode": OperationMode.BACKTEST,
        "reason": None,
        "notice": None,
        "speed": 60.0,
    }
    threads = {"AnalysisEngine": True, "Watchdog": False}
    progress = RunProgress(sessions_done=1, sessions_total=3, equity=900.0, pnl=-100.0, bars=10)
    return SystemStatus(state=state, progress=progress, threads=threads, **(usual | facts))


def test_the_status_tells_what_matters_in_each_state():
    running = "\n".join(shown(render_status(status(SystemState.RUNNING), moment="09:40"), 80))
    for piece in ("RUNNING", "mine", "1 of 3", "-100.00", "60 market seconds", "09:40"):
        assert piece in running
    assert "ended" in next(line for line in running.splitlines() if "Watchdog" in line)
    failed = status(SystemState.FAILED, reason="AnalysisEngine: ValueError: no", notice="late")
    text = "\n".join(shown(render_status(failed), 80))
    assert "AnalysisEngine: ValueError: no" in text
    assert "late" in text
    assert "market seconds" not in text
    nothing = "\n".join(shown(render_status(status(SystemState.STOPPED, session_name=None)), 80))
    assert "none was started yet" in nothing


def test_speed_in_words():
    assert speed_text(0) == "0, as fast as it goes"
    assert speed_text(1.5) == "1.5 market seconds a second"
