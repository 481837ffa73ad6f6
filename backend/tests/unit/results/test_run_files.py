"""The files a run leaves."""

import csv
import json

import numpy as np
import polars as pl
import pytest

from app.core.exceptions import TradingError
from app.services.analytics.result import RunInfo, RunResult
from app.services.reporting.files import write_atomically, write_json, write_text


@pytest.fixture
def result(runs):
    bars = {
        "A": runs.bars([10, 11, 12], per_session=3),
        "B": runs.bars([20, 21, 22], per_session=3).take(np.array([0, 2])),
    }
    fills = [runs.Fill(0, 1, 10, 11.0, commission=1.0), runs.Fill(1, 1, -1, 22.0)]
    log = runs.log(bars, fills, sessions=runs.sessions(1, 3))
    columns = {"A": {"sma": np.array([np.nan, 10.5, 11.5])}, "B": {"rsi": np.array([40.0, 60.0])}}
    quality = {"B": np.array([100.0, 66.7])}
    return RunResult(
        log, RunInfo(config={"session_name": "x"}, columns=columns, quality_pct=quality)
    )


def test_the_run_folder(result, tmp_path):
    paths = result.save(tmp_path / "runs" / "1")
    assert sorted(paths) == [
        *("config.json", "equity.csv", "equity.parquet", "fills.csv", "fills.parquet"),
        *("metrics.json", "orders.csv", "orders.parquet", "report.html"),
        *("strategy_equity.csv", "strategy_equity.parquet", "trades.csv", "trades.parquet"),
    ]
    assert sorted(path.name for path in (tmp_path / "runs" / "1").iterdir()) == sorted(paths)
    assert pl.read_parquet(paths["trades.parquet"]).equals(result.trades)
    assert pl.read_csv(paths["equity.csv"])["equity"].to_list() == result.equity["equity"].to_list()
    metrics = json.loads(paths["metrics.json"].read_text())
    assert metrics["metrics"]["sqn"] is None  # undefined: both trades are still open
    assert metrics["order_hash"] == result.order_hash
    assert json.loads(paths["config.json"].read_text()) == {"session_name": "x"}


def test_the_validation_file_has_a_row_per_bar_and_symbol(result, tmp_path):
    path = result.save_validation(tmp_path / "validation" / "x.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [(row["time"], row["symbol"]) for row in rows] == [
        ("2024-01-02T09:30:00-05:00", "A"),
        ("2024-01-02T09:30:00-05:00", "B"),
        ("2024-01-02T09:31:00-05:00", "A"),
        ("2024-01-02T09:32:00-05:00", "A"),
        ("2024-01-02T09:32:00-05:00", "B"),
    ]
    assert rows[0]["time_utc"] == "2024-01-02T14:30:00+00:00"
    assert [row["sma"] for row in rows] == ["", "", "10.5", "11.5", ""]
    assert [row["rsi"] for row in rows] == ["", "40.0", "", "", "60.0"]
    assert [row["quality_pct"] for row in rows] == ["", "100.0", "", "", "66.7"]
    assert [float(row["position"]) for row in rows] == [0, 0, 10, 10, -1]
    # after bar 2: 1,000 - 110 - 1 in cash and 10 at 11; after bar 3 also one B sold at 22
    assert [float(row["cash"]) for row in rows] == [1000, 1000, 889, 911, 911]
    assert [float(row["equity"]) for row in rows] == [1000, 1000, 999, 1009, 1009]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = write_text(tmp_path / "report.html", "old")

    def fail(target):
        target.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(TradingError, match=r"report\.html cannot be written \(No space left"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


def test_json_has_null_where_a_figure_is_undefined(tmp_path):
    path = write_json(tmp_path / "a.json", {"a": float("nan"), "b": [float("inf"), 1.5, {"c": 2}]})
    assert json.loads(path.read_text()) == {"a": None, "b": [None, 1.5, {"c": 2}]}
