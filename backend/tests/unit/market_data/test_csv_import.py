import gzip
import tracemalloc

import numpy as np
import polars as pl
import pytest

from app.core.exceptions import ConfigurationError, DataError
from app.core.types import MINUTE_NS
from app.services.market_data.csv_import import import_bars
from app.services.market_data.parquet_storage import ParquetStorage

HEADER = "timestamp,open,high,low,close,volume"
FIRST_NS = int(np.datetime64("2024-01-02T14:30", "ns").astype(np.int64))


@pytest.fixture
def store(tmp_path):
    return ParquetStorage(tmp_path / "store")


@pytest.fixture
def file(tmp_path):
    """Write lines to a file and give its path."""

    def write(*lines, name="bars.csv"):
        path = tmp_path / name
        content = ("\n".join(lines) + "\n").encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


def row(minute=0, open_="10", high="11", low="9", close="10.5", volume="100"):
    return f"2024-01-02T14:{30 + minute}:00Z,{open_},{high},{low},{close},{volume}"


def test_a_plain_file(store, file):
    told = []
    path = file(HEADER, row(0), row(1), row(2))
    summary = import_bars(
        path, store, symbol="AAPL", progress=lambda done, doing: told.append((done, doing))
    )
    bars = store.read("AAPL")
    assert bars.start_ns.tolist() == [FIRST_NS + step * MINUTE_NS for step in range(3)]
    assert [column.tolist()[0] for column in bars][2:] == [10.0, 11.0, 9.0, 10.5, 100.0]
    (symbol,) = summary.symbols
    assert (summary.rows, summary.rejected, symbol.rows, symbol.write.added) == (3, 0, 3, 3)
    assert (symbol.first_ns, symbol.last_ns) == (FIRST_NS, FIRST_NS + 2 * MINUTE_NS)
    assert told[0] == (0.0, "reading")
    assert told[-1] == (1.0, "done")
    assert [done for done, _ in told] == sorted(done for done, _ in told)


IMPOSSIBLE = [
    *(
        (field, bad)
        for field in ("open", "high", "low", "close")
        for bad in (
            "nan",
            "NaN",
            "inf",
            "-inf",
            "-1",
            "0",
            "-0.0",
            "1e308",
            "1e999",
            "",
            "abc",
            "1.2.3",
        )
    ),
    *(("volume", bad) for bad in ("nan", "inf", "-1", "1e308", "", "abc")),
]


@pytest.mark.parametrize(("field", "bad"), IMPOSSIBLE)
def test_an_impossible_value_is_refused_with_line_and_reason(store, file, field, bad):
    name = {"open": "open_"}.get(field, field)
    path = file(HEADER, row(0), row(1, **{name: bad}), row(2))
    summary = import_bars(path, store, symbol="AAPL")
    (rejection,) = summary.rejections
    assert rejection.line == 3
    assert rejection.reason.startswith(field)
    assert (summary.rejected, len(store.read("AAPL"))) == (1, 2)


@pytest.mark.parametrize(
    "values",
    [
        {"high": "8.9", "low": "9"},
        {"high": "10.4"},
        {"low": "10.2"},
        {"open_": "12"},
        {"close": "8"},
    ],
)
def test_high_and_low_must_enclose(store, file, values):
    summary = import_bars(file(HEADER, row(0), row(1, **values)), store, symbol="AAPL")
    assert "do not enclose" in summary.rejections[0].reason
    assert len(store.read("AAPL")) == 1


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("2024-01-02T14:31:15Z", "not on a whole minute"),
        ("2024-01-02T14:31:00.500Z", "not on a whole minute"),
        ("yesterday", "cannot be read"),
        ("", "cannot be read"),
        ("1960-01-02T14:31:00Z", "not between 1970 and 2100"),
        ("2150-01-02T14:31:00Z", "not between 1970 and 2100"),
        ("2024-03-10 02:30:00", "does not exist"),
        ("2024-11-03 01:30:00", "happens twice"),
    ],
)
def test_an_impossible_time_is_refused(store, file, time, reason):
    path = file(HEADER, row(0), f"{time},10,11,9,10.5,100")
    summary = import_bars(path, store, symbol="AAPL", timezone="America/New_York")
    assert [rejection.line for rejection in summary.rejections] == [3]
    assert reason in summary.rejections[0].reason
    assert repr(time) in summary.rejections[0].reason or not time


def test_a_tenfold_spike_is_flagged_and_kept(store, file):
    rows = [row(minute) for minute in range(9)]
    rows[4] = row(4, open_="100", high="110", low="90", close="105")
    (symbol,) = import_bars(file(HEADER, *rows), store, symbol="AAPL").symbols
    assert (symbol.spikes, symbol.first_spike_ns) == (1, FIRST_NS + 4 * MINUTE_NS)
    assert len(store.read("AAPL")) == 9


def test_no_volume_and_disorder_are_flagged_and_duplicates_counted(store, file):
    path = file(HEADER, row(3), row(1, volume="0"), row(2), row(1, close="10.7"))
    (symbol,) = import_bars(path, store, symbol="AAPL").symbols
    assert (symbol.zero_volume, symbol.out_of_order, symbol.write.duplicates) == (1, 3, 1)
    assert store.read("AAPL").close.tolist() == [10.7, 10.5, 10.5]


def test_blank_short_and_long_lines_keep_their_numbers(store, file):
    path = file(HEADER, row(0), "", row(1), "2024-01-02T14:32:00Z,10,11", row(3), row(4) + ",1,2")
    summary = import_bars(path, store, symbol="AAPL")
    assert [(r.line, r.reason) for r in summary.rejections] == [
        (5, "low is missing or not a number"),
        (7, "8 fields where there are 6 columns"),
    ]
    assert (summary.rejected, summary.rows, len(store.read("AAPL"))) == (2, 5, 3)


def test_only_the_first_hundred_refusals_are_held_but_all_are_counted(store, file):
    path = file(HEADER, row(0), *["x"] * 150)
    summary = import_bars(path, store, symbol="AAPL")
    assert (len(summary.rejections), summary.rejected) == (100, 150)
    assert summary.rejections[99].line == 102


@pytest.mark.parametrize(
    "lines",
    [
        [HEADER.upper(), row(0)],
        ["Timestamp;Open;High;Low;Close;Volume", row(0).replace(",", ";").replace(".", ",")],
        [HEADER.replace(",", "\t"), row(0).replace(",", "\t")],
        [
            '"timestamp","open","high","low","close","volume"',
            '"' + row(0).replace(",", '","') + '"',
        ],
        [HEADER.replace(",", ", "), row(0).replace(",", ", ")],
        ["\ufeff" + HEADER, row(0)],
        ["# made by a vendor", "https://example.com", HEADER, row(0)],
        [HEADER + "\r", row(0) + "\r"],
        ["date,time,open,high,low,close,volume", row(0).replace("T", ",").replace("Z", "")],
        ["date,time,open,high,low,close,volume", "20240102,143000,10,11,9,10.5,100"],
    ],
)
def test_dialects(store, file, lines):
    import_bars(file(*lines), store, symbol="AAPL")
    bars = store.read("AAPL")
    assert bars.start_ns.tolist() == [FIRST_NS]
    assert bars.close.tolist() == [10.5]


def test_a_file_without_header_takes_column_numbers(store, file):
    path = file("1704205800,10,11,9,10.5,100")
    with pytest.raises(ConfigurationError, match=r"the columns #1, #2.*`columns`"):
        import_bars(path, store, symbol="AAPL")
    fields = ("timestamp", "open", "high", "low", "close", "volume")
    columns = {field: f"#{place}" for place, field in enumerate(fields, start=1)}
    import_bars(path, store, symbol="AAPL", columns=columns)
    assert store.read("AAPL").start_ns.tolist() == [FIRST_NS]


@pytest.mark.parametrize("name", ["bars.csv.gz", "bars.CSV"])
def test_kinds_of_file(store, file, name):
    import_bars(file(HEADER, row(0), name=name), store, symbol="AAPL")
    assert len(store.read("AAPL")) == 1


def test_parquet_with_typed_columns(store, tmp_path):
    times = pl.Series([FIRST_NS, FIRST_NS + MINUTE_NS, None]).cast(pl.Datetime("ns", "UTC"))
    frame = pl.DataFrame({"Datetime": times, "Open": [10, 10, 10], "High": [11, 11, 11]})
    frame = frame.with_columns(Low=pl.lit(9), Close=pl.lit(10.5), Volume=pl.Series([100, -1, 100]))
    path = tmp_path / "bars.parquet"
    frame.write_parquet(path)
    summary = import_bars(path, store, symbol="AAPL")
    assert [rejection.line for rejection in summary.rejections] == [2, 3]
    assert store.read("AAPL").start_ns.tolist() == [FIRST_NS]


def test_symbols_of_the_file(store, file):
    lines = [f"{name},{row(0)}" for name in ("AAPL", "BTC/USD", "", " MSFT ", "A" * 70)]
    summary = import_bars(file("ticker," + HEADER, *lines), store)
    assert [each.symbol for each in summary.symbols] == ["AAPL", "BTC/USD", "MSFT"]
    assert [rejection.line for rejection in summary.rejections] == [4, 6]
    assert store.symbols() == ["AAPL", "BTC/USD", "MSFT"]


def test_symbol_given_and_in_the_file(store, file):
    one = file("symbol," + HEADER, f"AAPL.O,{row(0)}", name="one.csv")
    assert import_bars(one, store, symbol="AAPL").symbols[0].symbol == "AAPL"
    two = file("symbol," + HEADER, f"A,{row(0)}", f"B,{row(0)}", name="two.csv")
    with pytest.raises(ConfigurationError, match=r"2 symbols \(A, B"):
        import_bars(two, store, symbol="AAPL")
    with pytest.raises(ConfigurationError, match="`symbol`"):
        import_bars(file(HEADER, row(0)), store)


def test_files_that_cannot_be_read(store, file, tmp_path):
    with pytest.raises(ConfigurationError, match="no such file"):
        import_bars(tmp_path / "nope.csv", store, symbol="A")
    with pytest.raises(ConfigurationError, match=r"must be \.csv"):
        import_bars(file("x", name="bars.xlsx"), store, symbol="A")
    with pytest.raises(DataError, match="empty"):
        import_bars(file("", name="empty.csv"), store, symbol="A")
    with pytest.raises(ConfigurationError, match="no header line"):
        import_bars(file("just text", name="text.csv"), store, symbol="A")
    with pytest.raises(DataError, match=r"none of its 1 rows can be stored \(line 2: the time"):
        import_bars(file(HEADER, "x,1,1,1,1,1", name="bad.csv"), store, symbol="A")
    with pytest.raises(DataError, match="none of its 0 rows"):
        import_bars(file(HEADER, name="header.csv"), store, symbol="A")
    (tmp_path / "utf16.csv").write_bytes((HEADER + "\n" + row(0)).encode("utf-16"))
    with pytest.raises(ConfigurationError, match="UTF-16"):
        import_bars(tmp_path / "utf16.csv", store, symbol="A")
    assert store.symbols() == []


def test_a_missing_last_line_end_is_noted(store, tmp_path):
    path = tmp_path / "cut.csv"
    path.write_text(f"{HEADER}\n{row(0)}\n{row(1)[:-2]}")
    assert "cut short" in import_bars(path, store, symbol="AAPL").notes[0]


@pytest.mark.parametrize("number", range(50))
def test_a_damaged_zipped_file_is_never_read_in_silence(store, file, number):
    rng = np.random.default_rng(number)
    rows = [row(minute, volume=str(int(rng.integers(1, 9_999)))) for minute in range(29)]
    path = file(HEADER, *rows, name="bars.csv.gz")
    sound = path.read_bytes()
    cut = int(rng.integers(1, len(sound) - 9))
    path.write_bytes(sound[:cut] if number % 2 else sound[:cut] + sound[cut + 8 :])
    with pytest.raises(DataError, match=r"bars\.csv\.gz: the file is damaged"):
        import_bars(path, store, symbol="AAPL")
    assert store.symbols() == []


@pytest.mark.parametrize("number", range(20))
def test_a_truncated_parquet_file_is_refused(store, tmp_path, number):
    path = tmp_path / "bars.parquet"
    pl.read_csv("\n".join([HEADER, row(0), row(1)]).encode()).write_parquet(path)
    sound = path.read_bytes()
    path.write_bytes(sound[: int(np.random.default_rng(number).integers(1, len(sound)))])
    with pytest.raises(DataError, match=r"bars\.parquet: the Parquet file is damaged"):
        import_bars(path, store, symbol="AAPL")


def test_a_field_too_many_in_the_first_row_is_named_too(store, file):
    path = file(HEADER, row(0) + ",1", row(1))
    summary = import_bars(path, store, symbol="AAPL")
    assert [(r.line, r.reason) for r in summary.rejections] == [
        (2, "7 fields where there are 6 columns")
    ]
    assert (summary.rejected, summary.rows, len(store.read("AAPL"))) == (1, 2, 1)


def test_a_field_too_many_in_every_row_is_told_with_the_first(store, file):
    path = file(HEADER, row(0) + ",1", row(1) + ",1")
    first = r"none of its 2 rows can be stored \(line 2: 7 fields where there are 6 columns\)"
    with pytest.raises(DataError, match=first):
        import_bars(path, store, symbol="AAPL")


def test_a_quoted_field_without_end_is_refused_with_its_line(store, file):
    """The reader of CSV takes fields of up to 131,072 characters."""
    path = file(HEADER, row(0), row(1) + ",1", row(2) + ',"' + "x" * 140_000)
    summary = import_bars(path, store, symbol="AAPL")
    assert [rejection.line for rejection in summary.rejections] == [3, 4]
    assert "field larger than field limit" in summary.rejections[1].reason


def test_malformed_lines_are_counted_and_the_first_hundred_held(store, file):
    """200,000 lines are 1.4 MB; held with their reasons they took 65 MB more."""
    path = file(HEADER, row(0), *[",,,,,,"] * 200_000, row(1))
    tracemalloc.start()
    try:
        summary = import_bars(path, store, symbol="AAPL")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (summary.rejected, summary.rows, len(store.read("AAPL"))) == (200_000, 200_002, 2)
    assert [rejection.line for rejection in summary.rejections] == list(range(3, 103))
    assert peak < 10 * path.stat().st_size
