"""The `data` commands, from the arguments to what is printed and the exit status."""

import json
import sys

import pytest

from app.cli.main import main
from app.config.settings import get_settings

FILE = "stockcharts/us_equity_1m_AAPL_2016.csv.gz"


@pytest.fixture(scope="module")
def home(calendar_db, tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    calendar_db.copy(folder / "trading_app.db")
    return folder


@pytest.fixture
def run(home, monkeypatch, capsys):
    """``run("list")`` is ``mismartera data list`` in an installation of its own; what it said."""
    monkeypatch.setenv("DATA_DIR", str(home))
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("COLUMNS", "120")
    get_settings.cache_clear()

    def command(*arguments, status=0):
        monkeypatch.setattr(sys, "argv", ["mismartera", "data", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_info:
            main()
        said = capsys.readouterr()
        assert (exit_info.value.code or 0) == status, said.err
        return said.out if status == 0 else said.err

    yield command
    get_settings.cache_clear()


def test_from_import_to_export(run, shared_data, tmp_path):
    assert "Nothing is stored yet" in run("list")
    told = run("import-csv", shared_data / FILE)
    assert "8,211" in told
    assert "100.00" in told
    assert "21 bars outside regular hours, stored" in told
    again = run("import-csv", shared_data / FILE)
    assert "8,211 bars replaced stored ones" in again

    (stored,) = json.loads(run("list", "--json"))
    assert stored == {
        "symbol": "AAPL",
        "first": "2016-04-15T13:30:00Z",
        "last": "2016-05-13T20:00:00Z",
        "rows": 8_211,
        "labels": [],
    }
    assert "2016-05-13 20:00" in run("list")

    quality = json.loads(
        run("quality", "AAPL", "--from", "2016-04-18", "--to", "2016-04-19", "--json")
    )
    assert quality["total_pct"] == 100.0
    assert [day["present"] for day in quality["sessions"]] == [390, 390]
    assert "2016-04-18 Mon" in run("quality", "AAPL")

    exported = tmp_path / "aapl.csv"
    assert "8,211 bars" in run("export", "AAPL", exported)
    assert exported.read_text().splitlines()[1].startswith("AAPL,2016-04-15T13:30:00Z,112.11,")
    assert "8,211 bars replaced" in run("import-csv", exported)
    assert "21 bars" in run("export", "AAPL", tmp_path / "days.parquet", "--interval", "1d")
    weeks = run("export", "AAPL", "-", "--interval", "1w").splitlines()
    assert weeks[0] == "symbol,timestamp,open,high,low,close,volume"
    assert len(weeks) == 1 + 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import-csv", "nope.csv"), "nope.csv: there is no such file"),
        (("import-csv", __file__), "must be .csv"),
        (("import-csv", "nope.csv", "--columns", "foo"), "'foo' is not field=column"),
        (("import-csv", "nope.csv", "--exchange", "MARS"), "MARS"),
        (("quality", "AAPL", "--from", "yesterday"), "'yesterday' is not a date; use YYYY-MM-DD"),
        (("export", "AAPL"), "Missing argument"),
    ],
)
def test_the_user_s_mistakes_end_with_status_2(run, arguments, message):
    assert message in run(*arguments, status=2)


def test_what_is_not_there_ends_with_status_1(run):
    assert "no minute bars of 'NOPE' are stored" in run("quality", "NOPE", status=1)
    assert "no minute bars of 'NOPE' are stored" in run("export", "NOPE", "-", status=1)
