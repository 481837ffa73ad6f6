import hashlib
import struct
import threading

import numpy as np
import polars as pl
import pytest

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.core.types import MINUTE_NS
from app.services.market_data.parquet_storage import ParquetStorage, fingerprint
from app.services.market_data.symbol_folders import folder_name, symbol_of


def ns(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


def run_of(start, count, price=100.0):
    starts = ns(start) + np.arange(count) * MINUTE_NS
    column = np.full(count, price)
    return BarColumns.of_minutes(starts, column, column + 1, column - 1, column, column * 10)


@pytest.fixture
def store(tmp_path):
    return ParquetStorage(tmp_path)


def assert_same(left, right):
    for ours, theirs in zip(left, right, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_bars_come_back_as_they_were(store):
    bars = run_of("2024-01-31T23:58", 5)
    summary = store.write("AAPL", bars)
    assert (summary.added, summary.replaced, summary.duplicates, summary.months) == (5, 0, 0, 2)
    assert_same(store.read("AAPL"), bars)


def test_one_file_per_symbol_and_month_of_the_start(store, tmp_path):
    store.write("AAPL", run_of("2023-12-31T23:59", 2))
    files = sorted(path.name for path in (tmp_path / "1m" / "AAPL").glob("*.parquet"))
    assert files == ["2023-12.parquet", "2024-01.parquet"]
    frame = pl.read_parquet(tmp_path / "1m" / "AAPL" / "2023-12.parquet")
    assert frame.columns == ["ts", "open", "high", "low", "close", "volume"]
    assert frame["ts"].to_list() == [ns("2023-12-31T23:59")]


def test_writing_again_replaces_and_counts(store):
    store.write("AAPL", run_of("2024-01-02T14:30", 10, price=100.0))
    summary = store.write("AAPL", run_of("2024-01-02T14:35", 10, price=200.0))
    assert (summary.added, summary.replaced, summary.duplicates) == (5, 5, 0)
    assert store.read("AAPL").close.tolist() == [100.0] * 5 + [200.0] * 10


def test_of_one_minute_the_last_row_wins_and_order_does_not_matter(store):
    first, second = (
        run_of("2024-01-02T14:30", 3, price=1.5),
        run_of("2024-01-02T14:31", 1, price=9.0),
    )
    batch = BarColumns.concatenate([first.take(np.array([2, 0, 1])), second])
    summary = store.write("AAPL", batch)
    assert (summary.added, summary.duplicates) == (3, 1)
    assert store.read("AAPL").close.tolist() == [1.5, 9.0, 1.5]


def test_range_is_half_open_and_opens_only_its_months(store, tmp_path):
    store.write("AAPL", run_of("2024-01-01T00:00", 10))
    store.write("AAPL", run_of("2024-02-01T00:00", 10))
    (tmp_path / "1m" / "AAPL" / "2024-01.parquet").write_bytes(b"never read")
    bars = store.read("AAPL", ns("2024-02-01T00:02"), ns("2024-02-01T00:05"))
    assert bars.start_ns.tolist() == [ns(f"2024-02-01T00:0{minute}") for minute in (2, 3, 4)]
    assert len(store.read("AAPL", ns("2024-02-01"), ns("2024-02-01"))) == 0
    assert store.problems == ()
    assert len(store.read("AAPL", ns("2024-01-31T23:59"), ns("2024-02-01T00:01"))) == 1
    assert len(store.problems) == 1


def test_what_is_read_cannot_be_written(store):
    store.write("AAPL", run_of("2024-01-02T14:30", 3))
    for column in store.read("AAPL"):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


def test_nothing_stored(store):
    assert store.symbols() == []
    assert len(store.read("AAPL")) == 0
    with pytest.raises(DataNotFoundError, match=r"'AAPL'.*data import-csv"):
        store.coverage("AAPL")


SYMBOLS = [
    *("BTC/USD", "BINANCE:BTCUSDT", "BRK.B", "^GSPC", "ES=F", "RELIANCE-EQ", "日経", "a b", "%2F"),
    *(".a", "..a/.b", "C:\\x", "quarantine", "~root", "-rf", "*"),
]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_any_symbol_is_a_safe_folder_and_comes_back(store, tmp_path, symbol):
    store.write(symbol, run_of("2024-01-02T14:30", 2))
    assert symbol_of(folder_name(symbol)) == symbol
    assert store.symbols() == [symbol]
    assert len(store.read(symbol)) == 2
    files = list(tmp_path.rglob("*.parquet"))
    assert [path.parent.parent for path in files] == [tmp_path / "1m"]


IMPOSSIBLE = ["", " AAPL", "AAPL\n", "A\0B", "A" * 65, "日" * 64]
UNREACHABLE = ["..", ".", "../../etc/passwd", "/abs", "A/", "A//B", "A/./B", "A/../B", "A/..."]
"""In an address of the API these are other symbols, or none."""


@pytest.mark.parametrize("symbol", [*IMPOSSIBLE, *UNREACHABLE])
def test_impossible_symbols_are_refused(store, symbol):
    with pytest.raises(ConfigurationError, match="symbol"):
        store.write(symbol, run_of("2024-01-02T14:30", 2))


def test_a_folder_that_no_symbol_has_is_left_out(store, tmp_path):
    """One of a symbol that is refused now: it does not keep the others from being listed."""
    store.write("AAPL", run_of("2024-01-02T14:30", 2))
    (tmp_path / "1m" / "AAPL").rename(tmp_path / "1m" / "A%2F..%2FB")
    store.write("MSFT", run_of("2024-01-02T14:30", 2))
    assert store.symbols() == ["MSFT"]


def test_coverage_is_read_from_the_footers(store):
    store.write("AAPL", run_of("2024-01-31T23:58", 5))
    coverage = store.coverage("AAPL")
    assert coverage.first_ns == ns("2024-01-31T23:58")
    assert coverage.last_ns == ns("2024-02-01T00:02")
    assert (coverage.rows, coverage.labels) == (5, frozenset())


def test_a_label_stays_while_a_row_that_came_with_it_does(store):
    store.write("AAPL", run_of("2024-01-02T14:30", 10), labels=["synthetic"])
    store.write("AAPL", run_of("2024-01-02T14:30", 9))
    assert store.coverage("AAPL").labels == {"synthetic"}
    store.write("AAPL", run_of("2024-01-02T14:30", 10))
    assert store.coverage("AAPL").labels == frozenset()


def test_fingerprint_is_of_the_content_not_the_layout(store, tmp_path):
    bars = run_of("2024-01-31T23:00", 120)
    store.write("AAPL", bars)
    other = ParquetStorage(tmp_path / "other")
    for part in (bars.slice(70, 120), bars.slice(0, 70)):
        other.write("AAPL", part)
    assert store.fingerprint("AAPL") == other.fingerprint("AAPL") == fingerprint(bars)
    assert store.fingerprint("AAPL", int(bars.start_ns[1])) != fingerprint(bars)


def test_fingerprint_by_hand():
    bars = BarColumns.of_minutes(
        *(np.array([value]) for value in (60_000_000_000, 1.0, 2.0, 0.5, 1.5, 7.0))
    )
    content = struct.pack("<qddddd", 60_000_000_000, 1.0, 2.0, 0.5, 1.5, 7.0)
    assert fingerprint(bars) == hashlib.blake2b(content, digest_size=16).hexdigest()


def test_writers_in_two_threads_lose_nothing(store):
    def write(offset):
        for minute in range(offset, 40, 2):
            store.write("AAPL", run_of(f"2024-01-02T14:{minute:02}", 1))

    threads = [threading.Thread(target=write, args=(offset,)) for offset in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(store.read("AAPL")) == 40
