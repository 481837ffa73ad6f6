"""Deleting stored bars: what is asked for goes, the rest stays, and a crash leaves whole files."""

from datetime import date

import numpy as np
import pytest

from app.core.exceptions import DataNotFoundError
from app.core.types import DAY_NS
from app.services.market_data import parquet_storage
from app.services.market_data.parquet_storage import ParquetStorage
from tests.system_fixtures import minutes

JANUARY, FEBRUARY, MARCH = date(2024, 1, 31), date(2024, 2, 1), date(2024, 3, 1)
BARS = minutes(JANUARY, FEBRUARY, date(2024, 2, 2), MARCH)
DAYS = BARS.start_ns[::390]


@pytest.fixture
def store(tmp_path) -> ParquetStorage:
    storage = ParquetStorage(tmp_path)
    storage.write("AAPL", BARS, labels=["synthetic"])
    storage.write("MSFT", BARS)
    return storage


def starts(store: ParquetStorage, symbol: str = "AAPL") -> list[int]:
    return store.read(symbol).start_ns.tolist()


def test_everything_of_a_symbol_goes_and_no_other_s(store):
    assert store.delete("AAPL") == 4 * 390
    assert store.symbols() == ["MSFT"]
    assert len(starts(store)) == 0
    assert len(starts(store, "MSFT")) == 4 * 390
    with pytest.raises(DataNotFoundError, match="no minute bars of 'AAPL'"):
        store.delete("AAPL")
    store.write("AAPL", BARS)
    assert len(starts(store)) == 4 * 390


def test_a_range_goes_from_its_first_to_before_its_last_moment(store):
    first, last = int(BARS.start_ns[395]), int(BARS.start_ns[800])
    assert store.delete("AAPL", first, last) == 800 - 395
    assert starts(store) == np.delete(BARS.start_ns, range(395, 800)).tolist()
    assert store.coverage("AAPL").rows == 4 * 390 - 405
    assert store.coverage("AAPL").labels == {"synthetic"}


def test_whole_months_are_files_removed(store, tmp_path):
    assert store.delete("AAPL", int(DAYS[1]), int(DAYS[3])) == 2 * 390
    names = sorted(path.name for path in (tmp_path / "1m" / "AAPL").glob("*.parquet"))
    assert names == ["2024-01.parquet", "2024-03.parquet"]


def test_a_range_without_bars_changes_nothing(store, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    assert store.delete("AAPL", int(DAYS[0]) - DAY_NS, int(DAYS[0])) == 0
    assert store.delete("AAPL", int(DAYS[3]) + DAY_NS, int(DAYS[3]) + 2 * DAY_NS) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before


def test_a_damaged_month_is_set_aside_and_named(store, tmp_path):
    path = tmp_path / "1m" / "AAPL" / "2024-02.parquet"
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(bytes(content))
    assert store.delete("AAPL") == 2 * 390
    assert [problem.part for problem in store.problems] == ["2024-02"]


@pytest.mark.parametrize("crash_at", [1, 2])
def test_a_crash_leaves_each_month_as_it_was_or_as_wanted(store, monkeypatch, crash_at):
    """January's file is removed, February's replaced: stopped before the one or the other."""
    calls = []

    def crashing(real):
        def act(*arguments):
            calls.append(real)
            if len(calls) == crash_at:
                raise KeyboardInterrupt
            return real(*arguments)

        return act

    for name in ("replace_file", "remove_file"):
        monkeypatch.setattr(parquet_storage, name, crashing(getattr(parquet_storage, name)))
    with pytest.raises(KeyboardInterrupt):
        store.delete("AAPL", int(DAYS[0]), int(DAYS[1]) + 100)
    whole = BARS.start_ns.tolist()
    assert starts(store) == (whole if crash_at == 1 else whole[390:])
    assert store.problems == ()
