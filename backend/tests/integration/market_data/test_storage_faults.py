"""Damaged files and killed writers: never silent, never half."""

import os
import signal
import time

import numpy as np
import polars as pl
import pytest

from app.core.data_structures import BarColumns
from app.core.types import DAY_NS, MINUTE_NS
from app.services.market_data.parquet_storage import ParquetStorage, fingerprint
from app.services.market_data.sealed_files import replace_file, seal, writing

FIRST_NS = int(np.datetime64("2024-01-01", "ns").astype(np.int64))


def three_months(price=100.0):
    starts = FIRST_NS + np.arange(0, 91 * DAY_NS, 15 * MINUTE_NS)
    column = price + np.arange(len(starts)) % 7 / 100
    return BarColumns.of_minutes(starts, column, column + 1, column - 1, column, column)


def mutation(number, content, rng):
    """One of eight kinds of damage; every byte of the file is within reach of some of them."""
    size, at = len(content), int(rng.integers(len(content)))
    kinds = [
        lambda: (
            content[:at] + bytes([content[at] ^ (1 << int(rng.integers(8)))]) + content[at + 1 :]
        ),
        lambda: content[:at],
        lambda: content[at:],
        lambda: content[: at // 2] + bytes(512) + content[at // 2 + 512 :],
        lambda: content[:at] + content[at + 1 :],
        lambda: content + rng.bytes(1 + at % 100),
        lambda: content[: size // 2] + content[: size - size // 2],
        lambda: b"" if at % 2 else rng.bytes(size),
    ]
    return kinds[number % len(kinds)]()


@pytest.mark.parametrize("number", range(56))
def test_a_damaged_file_is_named_set_aside_and_skipped(tmp_path, number):
    store, bars = ParquetStorage(tmp_path), three_months()
    store.write("BRK.B", bars)
    path = tmp_path / "1m" / "BRK.B" / "2024-02.parquet"
    sound = path.read_bytes()
    damaged = mutation(number, sound, np.random.default_rng(number))
    assert damaged != sound
    path.write_bytes(damaged)

    read = store.read("BRK.B")

    months = read.start_ns.astype("datetime64[ns]").astype("datetime64[M]").astype(str)
    assert set(months) == {"2024-01", "2024-03"}
    assert len(read) == (31 + 31) * 96
    (problem,) = store.problems
    assert (problem.symbol, problem.part) == ("BRK.B", "2024-02")
    assert problem.moved_to.read_bytes() == damaged
    assert problem.moved_to.parent == path.parent / "quarantine"
    assert "data import-csv FILE --symbol BRK.B" in str(problem)
    assert not path.exists()
    # imported again, everything is there
    store.write("BRK.B", bars)
    assert fingerprint(store.read("BRK.B")) == fingerprint(bars)


def test_another_months_file_is_not_taken_for_it(tmp_path):
    store = ParquetStorage(tmp_path)
    store.write("AAPL", three_months())
    folder = tmp_path / "1m" / "AAPL"
    (folder / "2024-01.parquet").write_bytes((folder / "2024-02.parquet").read_bytes())
    assert len(store.read("AAPL")) == (29 + 31) * 96
    assert [problem.part for problem in store.problems] == ["2024-01"]


def test_a_file_of_another_program_is_set_aside_not_trusted(tmp_path):
    store = ParquetStorage(tmp_path)
    store.write("AAPL", three_months())
    pl.DataFrame({"ts": [1], "open": [1.0]}).write_parquet(
        tmp_path / "1m" / "AAPL" / "2024-01.parquet"
    )
    assert len(store.read("AAPL")) == (29 + 31) * 96
    assert "not written by this store" in store.problems[0].reason


def test_damage_is_found_before_a_merge_and_by_coverage(tmp_path):
    store = ParquetStorage(tmp_path)
    store.write("AAPL", three_months())
    folder = tmp_path / "1m" / "AAPL"
    (folder / "2024-01.parquet").write_bytes(b"PAR1 nonsense")
    assert store.coverage("AAPL").rows == (29 + 31) * 96
    (folder / "2024-02.parquet").write_bytes(b"PAR1 nonsense")
    january = three_months().slice(0, 96)
    assert store.write("AAPL", january).added == 96
    february = three_months().between(FIRST_NS + 31 * DAY_NS, FIRST_NS + 32 * DAY_NS)
    assert store.write("AAPL", february).added == 96
    assert [problem.part for problem in store.problems] == ["2024-01", "2024-02"]
    (folder / "2024-02.parquet").write_bytes(b"PAR1 nonsense")
    assert len(store.read("AAPL")) == 96 + 31 * 96
    assert sorted(path.name for path in (folder / "quarantine").iterdir()) == [
        "2024-01.parquet",
        "2024-02.2.parquet",
        "2024-02.parquet",
    ]


def test_a_flipped_bit_among_the_facts_is_noticed(tmp_path):
    store = ParquetStorage(tmp_path)
    store.write("AAPL", three_months())
    path = tmp_path / "1m" / "AAPL" / "2024-01.parquet"
    sound = path.read_bytes()
    digit = sound.rindex(b'"rows": ') + len(b'"rows": ')
    for at in range(digit - 17, digit + 4):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        assert store.coverage("AAPL").rows == (29 + 31) * 96
    assert len(store.problems) == 21


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path):
    """200 times: a child rewrites a file without pause and is killed at a random moment."""
    store, folder = ParquetStorage(tmp_path), tmp_path / "1m" / "AAPL"
    path = folder / "2024-01.parquet"
    versions = [sealed_january(price) for price in (100.0, 200.0)]
    replace_file(path, versions[0])
    rng, seen = np.random.default_rng(7), set()
    for _ in range(200):
        child = os.fork()
        if child == 0:
            rewrite_for_ever(folder, path, versions)
        time.sleep(rng.uniform(0, 0.006))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert path.read_bytes() in versions
        seen.add(store.read("AAPL").open[0])
    assert store.problems == ()
    assert seen == {100.0, 200.0}
    assert store.write("AAPL", three_months()).months == 3
    assert len(store.read("AAPL")) == 91 * 96


def sealed_january(price):
    rows = three_months(price).slice(0, 31 * 96)
    values = dict(zip(("ts", "end", "open", "high", "low", "close", "volume"), rows, strict=True))
    del values["end"]
    facts = {"rows": len(rows), "first_ns": 0, "last_ns": 0, "labels": []}
    return seal(pl.DataFrame(values), "AAPL/2024-01.parquet", facts)


def rewrite_for_ever(folder, path, versions):
    try:
        while True:
            for version in versions:
                with writing(folder):
                    replace_file(path, version)
    finally:
        os._exit(1)
