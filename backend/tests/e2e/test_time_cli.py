"""``init-db`` and ``time`` as a user runs them: in a process, from another folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.calendar_fixtures import CalendarDatabase

RUN_CLI = Path(__file__).resolve().parents[2] / "run_cli.py"


@pytest.fixture
def data_dir(calendar_db: CalendarDatabase, tmp_path: Path) -> Path:
    calendar_db.copy(tmp_path / "trading_app.db")
    return tmp_path


def _run(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DATA_DIR": str(data_dir), "COLUMNS": "120"}
    environment.pop("DATABASE_URL", None)
    return subprocess.run(
        [sys.executable, str(RUN_CLI), *arguments],
        capture_output=True, text=True, check=False, cwd=data_dir.parent, env=environment,
        timeout=120,
    )  # fmt: skip


def _json(data_dir: Path, *arguments: str):
    done = _run(data_dir, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_init_db_makes_a_database_and_time_answers_from_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "fresh"
    before = _run(data_dir, "time", "now")
    assert before.returncode == 2
    assert before.stderr.count("\n") == 1
    assert "has not been initialised: run `init-db`" in before.stderr
    made = _run(data_dir, "init-db")
    assert made.returncode == 0, made.stderr
    assert "US_EQUITY" in made.stdout
    assert (data_dir / "trading_app.db").is_file()
    now = _json(data_dir, "time", "now")
    assert now["timezone"] == "America/New_York"
    assert now["market_session"] in {"pre_market", "regular", "post_market", "closed"}
    assert now["is_market_open"] is (now["market_session"] == "regular")


def test_reading_commands_answer_in_json(data_dir: Path) -> None:
    session = _json(data_dir, "time", "session", "2024-07-03")
    assert session["is_early_close"] is True
    assert (session["regular_open"], session["regular_close"]) == ("09:30:00", "13:00:00")
    assert _json(data_dir, "time", "next", "2024-07-03")["date"] == "2024-07-05"
    previous = _json(data_dir, "time", "previous", "2024-01-23", "--exchange", "IN_EQUITY")
    assert previous["date"] == "2024-01-20"
    days = _json(data_dir, "time", "holidays", "2026")
    assert len(days) == 12  # ten holidays and two early closes
    assert days[0] == {
        "date": "2026-01-01", "name": "New Year's Day", "hours": None, "is_early_close": False,
    }  # fmt: skip


def test_tables_show_the_same(data_dir: Path) -> None:
    holidays = _run(data_dir, "time", "holidays", "2024").stdout
    assert "Independence Day" in holidays
    assert "09:30 to 13:00" in holidays
    assert "no, Independence Day" in _run(data_dir, "time", "session", "2024-07-04").stdout
    assert "yes, early close" in _run(data_dir, "time", "session", "2024-07-03").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("session", "2024-13-01"), 2, "date '2024-13-01' is not a date; use YYYY-MM-DD"),
        (("holidays", "99999"), 2, "year 99999"),
        (("now", "--exchange", "MOON"), 2, "'MOON' is not known; there is CRYPTO, IN_EQUITY, US"),
        (("session", "1980-01-01"), 1, "covers 1990-01-01 to "),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...], code: int, message: str, data_dir: Path
) -> None:
    done = _run(data_dir, "time", *arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_calendars_are_imported_again(data_dir: Path) -> None:
    report = _json(data_dir, "time", "import-holidays", "--exchange", "CRYPTO")
    assert [each["exchange_group"] for each in report] == ["CRYPTO"]
    assert report[0]["is_new"] is True
