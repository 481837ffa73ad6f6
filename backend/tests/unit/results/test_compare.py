"""Two runs, two tables: what differs first, by hand."""

import json
from pathlib import Path

import polars as pl
import pytest

from app.core.exceptions import DataError, DataNotFoundError
from app.services.analytics.compare import (
    FigureDifference,
    RunSide,
    SettingDifference,
    compare_files,
    compare_runs,
)
from app.services.analytics.frame_diff import Difference, compare_frames, read_table
from app.services.reporting.files import keep_beside

BARS = pl.DataFrame(
    {
        "time": ["09:30", "09:31", "09:32"],
        "symbol": ["A", "A", "A"],
        "close": [1.0, 2.0, None],
        "note": ["x", None, "z"],
    }
)


def changed(row: int, column: str, value: object) -> pl.DataFrame:
    values = BARS[column].to_list()
    values[row] = value
    return BARS.with_columns(pl.Series(column, values))


def test_equal_tables_undefined_values_included() -> None:
    found = compare_frames(BARS, BARS.with_columns(close=pl.Series([1.0, 2.0, float("nan")])))
    assert found.is_equal
    assert (found.rows_a, found.rows_b, found.different_rows, found.first) == (3, 3, 0, None)


def test_the_first_row_wins_then_the_first_column() -> None:
    other = changed(2, "symbol", "B").with_columns(
        pl.Series("note", ["x", "y", "w"]), close=pl.Series([1.0, 2.5, None])
    )
    found = compare_frames(BARS, other)
    assert not found.is_equal
    assert found.different_rows == 2
    assert found.first == Difference(
        row=1, named={"time": "09:31", "symbol": "A"}, column="close", a="2.0", b="2.5"
    )


@pytest.mark.parametrize(
    ("tolerance", "is_equal"), [(0.0, False), (0.24, False), (0.25, True), (1.0, True)]
)
def test_numbers_within_a_tolerance(tolerance: float, *, is_equal: bool) -> None:
    other = changed(1, "close", 2.25)
    assert compare_frames(BARS, other, tolerance=tolerance).is_equal is is_equal
    as_text = BARS.cast(pl.String), other.cast(pl.String)
    assert compare_frames(*as_text, tolerance=tolerance).is_equal is is_equal


def test_the_same_number_written_differently_and_text_that_is_none() -> None:
    left = pl.DataFrame({"a": ["1.0", "100", "x1", None]})
    assert compare_frames(left, pl.DataFrame({"a": ["1", "1e2", "x1", None]})).is_equal
    first = compare_frames(left, pl.DataFrame({"a": ["1", "1e2", "x2", None]}), tolerance=9).first
    assert first is not None
    assert (first.row, first.a, first.b) == (2, "x1", "x2")


def test_defined_against_undefined_is_a_difference_at_any_tolerance() -> None:
    first = compare_frames(BARS, changed(2, "close", 3.0), tolerance=1e9).first
    assert first is not None
    assert (first.row, first.column, first.a, first.b) == (2, "close", None, "3.0")


def test_a_row_more() -> None:
    first = compare_frames(BARS[:2], BARS).first
    assert first == Difference(
        row=2, named={"time": "09:32", "symbol": "A"}, column="row", a=None, b="there"
    )
    nothing = compare_frames(BARS, BARS[:0]).first
    assert nothing is not None
    assert nothing.row == 0


def test_columns_of_one_side_only() -> None:
    found = compare_frames(BARS, BARS.drop("note").with_columns(extra=1))
    assert (found.only_a, found.only_b, found.first) == (("note",), ("extra",), None)
    assert not found.is_equal


# ── runs ─────────────────────────────────────────────────────────────────────


def a_run(folder: Path, *, fast: int = 10, price: float = 100.0, profit: float | None = 5.0):
    folder.mkdir()
    config = {
        "backtest_config": {"start_date": "2024-01-02"},
        "strategies": [{"name": "cross", "parameters": {"fast": fast}}],
        "symbols": ["A", "B"],
    }
    facts = {
        "metrics": {"net_profit": profit, "trades": 3.0, "gone_since": 1.0},
        "order_hash": f"{price}",
        "data_fingerprint": "d",
        "code_version": "1",
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "metrics.json").write_text(json.dumps(facts))
    pl.DataFrame({"order_id": [1, 2], "price": [99.0, price]}).write_parquet(
        folder / "fills.parquet"
    )
    BARS.write_csv(folder / "validation.csv")
    return folder


def test_two_folders(tmp_path: Path) -> None:
    left = RunSide.of_path(a_run(tmp_path / "left"))
    right = RunSide.of_path(a_run(tmp_path / "right", fast=12, price=101.0, profit=7.5))
    found = compare_runs(left, right)
    assert found.settings == (SettingDifference("strategies[0].parameters.fast", 10, 12),)
    assert found.figures == (
        FigureDifference("net_profit", 5.0, 7.5, 2.5),
        FigureDifference("trades", 3.0, 3.0, 0.0),
    )
    assert (found.same_orders, found.same_data) == (False, True)
    assert list(found.tables) == ["fills", "bars"]
    assert found.tables["bars"].is_equal
    assert found.tables["fills"].first == Difference(
        row=1, named={"order_id": "2"}, column="price", a="100.0", b="101.0"
    )


def test_a_run_beside_a_pinned_file(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run")
    pinned = tmp_path / "pinned.json"
    facts = json.loads((folder / "metrics.json").read_text())
    facts["metrics"]["net_profit"] = None
    pinned.write_text(json.dumps(facts))
    found = compare_runs(RunSide.of_path(folder), RunSide.of_path(pinned))
    assert (found.settings, dict(found.tables), found.same_orders) == ((), {}, True)
    assert found.figures[0] == FigureDifference("net_profit", 5.0, None, None)


def test_per_bar_files_of_a_folder_and_of_a_path(tmp_path: Path) -> None:
    folder, pinned = a_run(tmp_path / "run"), tmp_path / "pinned.parquet"
    BARS.write_parquet(pinned)
    assert compare_files(folder, pinned).is_equal
    changed(0, "close", 1.5).write_parquet(pinned)
    found = compare_files(folder, pinned)
    assert found.first is not None
    assert (found.first.row, found.first.a, found.first.b) == (0, "1.0", "1.5")


@pytest.mark.parametrize(
    ("content", "words"), [("{}", "no figures"), ("[1]", "a list"), ("{", "cannot be read")]
)
def test_what_is_no_run_is_named(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(content)
    with pytest.raises(DataError, match=words):
        RunSide.of_path(path)
    damaged = tmp_path / "bad.parquet"
    damaged.write_text(content)
    with pytest.raises(DataError, match="not a table"):
        read_table(damaged)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="there is no run at "):
        RunSide.of_path(tmp_path / "nowhere")
    with pytest.raises(DataNotFoundError, match="there is no file "):
        compare_files(tmp_path, tmp_path)


def test_a_kept_file_outlives_its_successor(tmp_path: Path) -> None:
    source, kept = tmp_path / "a.csv", tmp_path / "run" / "b.csv"
    source.write_text("old")
    keep_beside(source, kept)
    (tmp_path / "next").write_text("new")
    (tmp_path / "next").replace(source)
    assert (source.read_text(), kept.read_text()) == ("new", "old")
    keep_beside(source, kept)
    assert kept.read_text() == "new"
