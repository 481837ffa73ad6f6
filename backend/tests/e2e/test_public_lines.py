"""The lines of Python that are promised to work as written, in a script of their own."""

import subprocess
import sys

from tests.command_line import BACKEND, CommandLine

LINES = """
from datetime import date, datetime, timedelta
from pathlib import Path

from app.managers import get_system_manager
from app.models.database import SessionLocal

system_mgr = get_system_manager()
assert not system_mgr.is_running()
time_mgr = system_mgr.get_time_manager()
data_mgr = system_mgr.get_data_manager()
execution_mgr = system_mgr.get_execution_manager()

# before a session, time is the computer's
assert time_mgr.get_current_time().tzinfo is not None
assert time_mgr.get_current_time("UTC").utcoffset() == timedelta()

with SessionLocal() as db:
    half_day = time_mgr.get_trading_session(db, date(2025, 11, 28))
    assert str(half_day.regular_open) == "09:30:00"
    assert str(half_day.regular_close) == "13:00:00"
    assert half_day.is_trading_day and half_day.is_early_close and not half_day.is_holiday
    assert half_day.timezone == "America/New_York"
    assert time_mgr.is_market_open(db, datetime(2025, 11, 28, 12, 59))
    assert time_mgr.get_market_session(db, datetime(2025, 11, 28, 13, 1)) == "post_market"
    assert time_mgr.get_next_trading_date(db, date(2025, 11, 26)) == date(2025, 11, 28)
    assert time_mgr.get_previous_trading_date(db, date(2025, 11, 28)) == date(2025, 11, 26)
    assert time_mgr.count_trading_days(db, date(2025, 11, 24), date(2025, 11, 28)) == 4
    assert time_mgr.is_holiday(db, date(2025, 11, 27)) == (True, "Thanksgiving")
    is_early, closes = time_mgr.is_early_close(db, date(2025, 11, 28))
    assert is_early and str(closes) == "13:00:00"

day = date(2025, 11, 28)
assert len(data_mgr.get_bars("ALPHA", "5m", day, day)) == 42
path = Path("more.csv")
header = "symbol,timestamp,open,high,low,close,volume"
path.write_text(f"{header}\\nALPHA,2025-11-28 09:30,1,2,1,2,10\\n")
assert data_mgr.import_from_csv(path).rows == 1
assert data_mgr.get_current_time() is not None

stream_id = data_mgr.start_bar_stream("ALPHA", "5m")
system_mgr.start("session_configs/example_session.json")
system_mgr.is_running()
system_mgr.wait(30)
assert len(data_mgr.next_bars(stream_id, timeout=5.0)) > 0
data_mgr.stop_stream(stream_id)
data_mgr.stop_all_streams()
session_data = system_mgr.get_session_data()
bars = session_data.get_bars("ALPHA", "5m")
assert len(bars) > 0 and len(bars.close) == len(bars)
assert session_data.get_indicator("trailing_avg_volume", "ALPHA") > 0
assert execution_mgr.get_account().equity > 0

with SessionLocal() as db:
    time_mgr.init_backtest(db)
    assert time_mgr.get_current_time().strftime("%H:%M") == "09:30"
    time_mgr.set_backtest_time(time_mgr.get_current_time() + timedelta(hours=1))
    before = time_mgr.get_current_time()
    time_mgr.advance_to_market_open(db)
    assert time_mgr.get_current_time() > before

system_mgr.start("example_session"); system_mgr.is_running(); system_mgr.stop()
assert not system_mgr.is_running()
print("done")
"""


def test_the_public_lines_work_as_written(demo: CommandLine) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LINES],
        capture_output=True,
        text=True,
        check=False,
        cwd=demo.home,
        env=demo.environment | {"PYTHONPATH": str(BACKEND)},
        timeout=120,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "done\n"), done.stderr


def test_the_manager_package_and_its_module_give_the_same() -> None:
    from app.managers import get_system_manager
    from app.managers.system_manager import get_system_manager as by_module

    assert get_system_manager is by_module
