"""Adjusted bars through the data manager and the commands, in market time."""

import json
import sys
from datetime import UTC, date, datetime

import numpy as np
import pytest

from app.cli.main import main
from app.config.settings import get_settings
from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError, DataError
from app.core.types import MINUTE_NS
from app.managers.data_manager import DataManager
from app.services.market_data.parquet_storage import ParquetStorage

APPLE = "symbol,date,kind,value\nAAPL,2020-08-31,split,4\n"


def week(storage):
    """Apple as traded around its split: Friday at 499.23, Monday at 129.04, Tuesday at 134.18."""
    for day, price in (("28", 499.23), ("31", 129.04)):
        store_day(storage, f"2020-08-{day}", price)
    store_day(storage, "2020-09-01", 134.18)


def store_day(storage, day, price):
    first = int(np.datetime64(f"{day}T13:30", "ns").astype(np.int64))
    close = np.full(390, price)
    starts = first + np.arange(390) * MINUTE_NS
    storage.write("AAPL", BarColumns.of_minutes(starts, close, close, close, close, close * 0 + 8))


@pytest.fixture
def manager(tmp_path, market_time, calendar_db):
    storage = ParquetStorage(tmp_path / "bars")
    week(storage)
    file = tmp_path / "actions.csv"
    file.write_text(APPLE, encoding="utf-8")

    def make(**options):
        made = DataManager(storage, market_time(**options), open_database=calendar_db.sessions)
        made.import_actions(file)
        return made

    return make


def closes(manager, adjustment, interval="1d"):
    first, last = date(2020, 8, 28), date(2020, 9, 1)
    bars = manager.get_bars("AAPL", interval, first, last, adjustment=adjustment)
    return [round(bar.close, 4) for bar in bars]


def test_raw_by_default_and_adjusted_as_asked(manager):
    data = manager()
    assert closes(data, "raw") == [499.23, 129.04, 134.18]
    assert closes(data, "split") == [124.8075, 129.04, 134.18]
    assert closes(data, "all") == closes(data, "split")
    assert closes(data, "dividend") == closes(data, "raw")
    friday = data.get_bars("AAPL", "1d", date(2020, 8, 28), date(2020, 8, 28), adjustment="split")
    assert (friday[0].close, friday[0].volume) == (124.8075, 4 * 8 * 390)


def test_a_longer_bar_over_the_split_is_made_of_adjusted_minutes(manager):
    data = manager()
    span = date(2020, 8, 24), date(2020, 9, 4)
    first, second = data.get_bars("AAPL", "1w", *span, adjustment="split")
    assert (first.high, second.low, second.high) == (124.8075, 129.04, 134.18)


def test_nothing_later_than_the_present_is_in_the_prices(manager):
    friday = manager(now=datetime(2020, 8, 28, 21, tzinfo=UTC))
    bars = friday.get_bars("AAPL", "1d", date(2020, 8, 28), date(2020, 9, 1), adjustment="split")
    assert [bar.close for bar in bars] == [499.23]
    assert friday.get_actions("AAPL") == ()
    monday = manager(now=datetime(2020, 8, 31, 21, tzinfo=UTC))
    assert closes(monday, "split") == [124.8075, 129.04]
    assert len(monday.get_actions("AAPL")) == 1


def test_an_adjustment_that_is_none_is_refused(manager):
    with pytest.raises(ConfigurationError, match="'splits' is not one; use raw, split, dividend"):
        manager().get_bars("AAPL", "1d", date(2020, 8, 28), date(2020, 9, 1), adjustment="splits")


def test_raw_bars_are_read_beside_a_damaged_file_adjusted_ones_are_not(manager, tmp_path):
    data = manager()
    (tmp_path / "bars" / "actions" / "AAPL" / "actions.parquet").write_bytes(b"nothing")
    assert len(closes(data, "raw")) == 3
    with pytest.raises(DataError, match="Import them again"):
        closes(data, "split")


@pytest.fixture
def run(calendar_db, tmp_path, monkeypatch, capsys):
    """``run("list")`` is ``mismartera data list`` in an installation of its own; what it said."""
    calendar_db.copy(tmp_path / "trading_app.db")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
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


def test_import_show_and_export(run, tmp_path):
    week(ParquetStorage(get_settings().bars_dir))
    assert "No splits or dividends of AAPL are stored" in run("actions", "AAPL")
    file = tmp_path / "actions.csv"
    file.write_text(APPLE + "AAPL,2020-08-07,dividend,0.82\nAAPL,soon,split,2\n", encoding="utf-8")
    told = run("import-actions", file)
    assert "3 rows of AAPL: 2 new, 0 changed, 0 known, 1 refused" in told
    assert "Refused: line 4: date 'soon' is not a date" in told
    shown = run("actions", "AAPL")
    assert "0.82 per unit" in shown
    assert "4 for 1" in shown
    found = json.loads(run("actions", "AAPL", "--json"))
    assert [each["kind"] for each in found] == ["dividend", "split"]

    out = tmp_path / "adjusted.csv"
    run("export", "AAPL", out, "--interval", "1d", "--adjustment", "split")
    lines = out.read_text(encoding="utf-8").splitlines()
    assert [float(line.split(",")[5]) for line in lines[1:]] == [124.8075, 129.04, 134.18]
    run("export", "AAPL", out, "--from", "2020-08-28", "--to", "2020-08-28")
    assert float(out.read_text(encoding="utf-8").splitlines()[1].split(",")[5]) == 499.23
    assert "not one" in run("export", "AAPL", out, "--adjustment", "none", status=2)
