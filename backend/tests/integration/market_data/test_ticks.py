"""Ticks and quotes: the real files stored and read back, and damage named."""

import csv
import gzip
from datetime import date, datetime

import numpy as np
import pytest

from app.core.data_structures import Quote, Tick
from app.core.exceptions import ConfigurationError, DataError, DataNotFoundError
from app.managers.data_manager import DataManager
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.market_data.tick_storage import TickStorage

TICKS = "nautilus/crypto_ticks_BTCUSDT_2021-01-08.csv.gz"
QUOTES = "nautilus/crypto_quotes_BTCUSDT_2021-01-08.csv.gz"
DAY = date(2021, 1, 8)


@pytest.fixture
def manager(tmp_path, calendar_db, market_time):
    storage = ParquetStorage(tmp_path)
    return DataManager(storage, market_time("CRYPTO"), open_database=calendar_db.sessions)


def rows_of(path):
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


def utc_ns(text):
    return int(np.datetime64(text.removesuffix("Z"), "ns").astype(np.int64))


def test_real_ticks(shared_data, manager):
    summary = manager.import_ticks(shared_data / TICKS)
    assert (summary.kind, summary.rows, summary.stored, summary.rejections) == (
        "ticks",
        2_001,
        2_001,
        (),
    )
    rows = rows_of(shared_data / TICKS)
    found = manager.get_ticks("BTCUSDT", DAY)
    assert [(t.time_ns, t.price, t.volume) for t in found] == [
        (utc_ns(row["timestamp"]), float(row["price"]), float(row["size"])) for row in rows
    ]
    assert isinstance(found[0], Tick)
    manager.import_ticks(shared_data / TICKS)
    assert manager.get_ticks("BTCUSDT", DAY) == found


def test_real_quotes(shared_data, manager):
    assert manager.import_ticks(shared_data / QUOTES).kind == "quotes"
    rows = rows_of(shared_data / QUOTES)
    found = manager.get_quotes("BTCUSDT", DAY)
    assert [(q.bid, q.bid_size, q.ask, q.ask_size) for q in found] == [
        tuple(float(row[name]) for name in ("bid", "bid_size", "ask", "ask_size")) for row in rows
    ]
    assert isinstance(found[0], Quote)


def test_nothing_stored(shared_data, manager):
    manager.import_ticks(shared_data / TICKS)
    for ask in (
        lambda: manager.get_ticks("BTCUSDT", date(2021, 1, 9)),
        lambda: manager.get_quotes("BTCUSDT", DAY),
    ):
        with pytest.raises(DataNotFoundError, match=r"no (ticks|quotes) of .* import_ticks"):
            ask()
    with pytest.raises(ConfigurationError, match=r"'\.\./\.\./etc' is not usable"):
        manager.get_ticks("../../etc", DAY)


def test_nothing_later_than_the_present(shared_data, tmp_path, calendar_db, market_time):
    now = datetime.fromisoformat("2021-01-08T00:00:10Z")
    data = DataManager(
        ParquetStorage(tmp_path), market_time("CRYPTO", now=now), open_database=calendar_db.sessions
    )
    data.import_ticks(shared_data / TICKS)
    limit = utc_ns("2021-01-08T00:00:10Z")
    expected = [row for row in rows_of(shared_data / TICKS) if utc_ns(row["timestamp"]) <= limit]
    assert len(data.get_ticks("BTCUSDT", DAY)) == len(expected)


def test_refused_rows_and_files(tmp_path):
    store, path = TickStorage(tmp_path / "store"), tmp_path / "ticks.csv"
    good = "A,2024-01-02T10:00:00.123456789Z,10,5"
    bad = [
        "A,x,10,5",
        "A,2024-01-02T10:00:01Z,nan,5",
        "A,2024-01-02T10:00:01Z,1,-5",
        ",2024-01-02T10:00:02Z,1,5",
    ]
    path.write_text("\n".join(["symbol,timestamp,price,size", good, *bad]) + "\n")
    summary = store.import_csv(path)
    assert [line for line, _ in summary.rejections] == [3, 4, 5, 6]
    first = utc_ns("2024-01-02T10:00:00.123456789")
    assert [tick.time_ns for tick in store.ticks("A", first, first + 1)] == [first]
    assert store.ticks("A", first + 1, first + 2) == []
    path.write_text("symbol,timestamp,open\n")
    with pytest.raises(ConfigurationError, match="ticks have the columns"):
        store.import_csv(path)
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"symbol,timestamp,price,size\n")[:-3])
    with pytest.raises(DataError, match="damaged"):
        store.import_csv(tmp_path / "cut.csv.gz")
    with pytest.raises(ConfigurationError, match="no such file"):
        store.import_csv(tmp_path / "nope.csv")


def test_a_later_file_takes_the_place_of_its_stretch_only(tmp_path):
    store, path = TickStorage(tmp_path / "store"), tmp_path / "ticks.csv"
    head = "symbol,timestamp,price,size\n"
    rows = "".join(f"A,2024-01-02T10:00:0{second}Z,{second + 1},5\n" for second in range(6))
    path.write_text(head + rows)
    store.import_csv(path)
    path.write_text(head + "A,2024-01-02T10:00:02Z,90,5\nA,2024-01-02T10:00:04Z,91,5\n")
    store.import_csv(path)
    day = utc_ns("2024-01-02"), utc_ns("2024-01-03")
    assert [tick.price for tick in store.ticks("A", *day)] == [1.0, 2.0, 90.0, 91.0, 6.0]


def test_a_damaged_day_is_named_and_set_aside(tmp_path):
    store, path = TickStorage(tmp_path / "store"), tmp_path / "ticks.csv"
    path.write_text(
        "symbol,timestamp,price,size\nA,2024-01-02T10:00:00Z,1,5\nA,2024-01-03T10:00:00Z,2,5\n"
    )
    store.import_csv(path)
    (tmp_path / "store/ticks/A/2024-01-02.parquet").write_bytes(b"PAR1")
    found = store.ticks("A", utc_ns("2024-01-01"), utc_ns("2024-01-09"))
    assert [tick.price for tick in found] == [2.0]
    assert [problem.part for problem in store.problems] == ["2024-01-02"]
