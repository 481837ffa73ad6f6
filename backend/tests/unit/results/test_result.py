"""What a result hands out: frames, hash, text."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from app.core.enums import OrderStatus, OrderType, TimeInForce
from app.core.orders import Order
from app.services.analytics.definitions import METRICS, RETURN_METRICS, markdown
from app.services.analytics.result import RunInfo, RunResult

OPEN = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
DOCS = Path(__file__).resolve().parents[4] / "docs"


def order(number, quantity, *, filled_ns=0, price=0.0, kind=OrderType.MARKET, limit=0.0):
    status = OrderStatus.FILLED if filled_ns else OrderStatus.CANCELED
    return Order(
        id=number,
        strategy=0,
        symbol=0,
        quantity=quantity,
        type=kind,
        time_in_force=TimeInForce.DAY,
        limit_price=limit,
        stop_price=0.0,
        submitted_ns=5,
        status=status,
        filled_ns=filled_ns,
        fill_price=price,
    )


@pytest.fixture
def log(runs):
    fills = [
        runs.Fill(0, 1, 10, 11.0, commission=1.0, slippage=0.5),
        runs.Fill(0, 3, -10, 13.0, commission=1.0),
    ]
    made = runs.one_symbol([10, 11, 12, 13], fills)
    orders = [
        order(0, 10.0, filled_ns=int(made.fills.time_ns[0]), price=11.0),
        order(1, -10.0, filled_ns=int(made.fills.time_ns[1]), price=13.0),
        order(2, 10.0, kind=OrderType.LIMIT, limit=9.5),
    ]
    return replace(made, orders=orders)


def test_trades(log):
    (row,) = RunResult(log).trades.to_dicts()
    assert (row["strategy"], row["symbol"], row["side"]) == ("first", "ABC", "long")
    assert row["entry_time"] == OPEN.replace(minute=31)
    assert row["exit_time"] == OPEN.replace(minute=33)
    assert (row["gross_pnl"], row["commission"], row["slippage"], row["net_pnl"]) == (
        *(20.0, 2.0, 0.5, 18.0),
    )
    assert not row["is_open"]


def test_fills_and_orders(log):
    result = RunResult(log)
    assert result.fills["side"].to_list() == ["buy", "sell"]
    assert result.fills["quantity"].to_list() == [10, 10]
    orders = result.orders
    assert orders["status"].to_list() == ["filled", "filled", "canceled"]
    assert orders["limit_price"].to_list() == [None, None, 9.5]
    assert orders["filled_at"].to_list() == [OPEN.replace(minute=31), OPEN.replace(minute=33), None]
    assert orders.schema["filled_at"] == pl.Datetime("ns", "UTC")


def test_equity(log):
    equity = RunResult(log).equity
    assert equity["time"].to_list()[0] == OPEN.replace(minute=31)
    assert equity["equity"].to_list() == [1000, 999, 1009, 1018]
    assert (equity["cash"] + equity["position_value"]).to_list() == equity["equity"].to_list()


def test_frames_of_a_run_without_fills_have_the_same_columns(runs, log):
    idle, busy = RunResult(runs.one_symbol([10, 11])), RunResult(log)
    for name in ("trades", "fills", "orders"):
        assert getattr(idle, name).is_empty()
        assert getattr(idle, name).schema == getattr(busy, name).schema


def test_order_hash_is_that_of_its_documented_text(log):
    first, second = log.fills.time_ns.tolist()
    text = (
        f"order\t0\tfirst\tABC\tbuy\t10.0\tmarket\tday\t0.0\t0.0\t5\tfilled\t{first}\t11.0\n"
        f"order\t1\tfirst\tABC\tsell\t10.0\tmarket\tday\t0.0\t0.0\t5\tfilled\t{second}\t13.0\n"
        "order\t2\tfirst\tABC\tbuy\t10.0\tlimit\tday\t9.5\t0.0\t5\tcanceled\t0\t0.0\n"
        f"fill\t0\tfirst\tABC\t{first}\t10.0\t11.0\t1.0\t0.5\n"
        f"fill\t1\tfirst\tABC\t{second}\t-10.0\t13.0\t1.0\t0.0\n"
    )
    assert RunResult(log).order_hash == sha256(text.encode()).hexdigest()


def test_order_hash_changes_with_the_last_bit_of_a_price(log):
    price = log.fills.price.copy()
    price[1] = math.nextafter(price[1], math.inf)
    other = replace(log, fills=replace(log.fills, price=price))
    assert RunResult(log).order_hash != RunResult(other).order_hash


def test_text_names_every_figure_and_says_when_data_are_synthetic(log):
    text = repr(RunResult(log, RunInfo(name="My run", is_synthetic=True)))
    assert text.startswith("Synthetic data")
    for metric in METRICS:
        if metric.key != "benchmark_return_pct":
            assert metric.label in text
    lines = {line.split("  ")[0]: line.split() for line in text.splitlines()}
    assert lines["Return"] == ["Return", "1.80", "%", "30.00", "%"]  # 18 of 1,000; 10 -> 13
    assert lines["Start"][1:] == ["2024-01-02", "09:31"]
    assert "Synthetic" not in repr(RunResult(log))


def test_an_undefined_figure_is_a_dash(runs):
    text = repr(RunResult(runs.one_symbol([10, 11])))
    assert next(line for line in text.splitlines() if line.startswith("SQN")).split() == [
        *("SQN", "–")
    ]


def test_notebook_display_escapes_what_users_wrote(log):
    shown = RunResult(log, RunInfo(name="<script>alert(1)</script>"))._repr_html_()
    assert "<script>" not in shown
    assert "<svg" in shown
    assert "Sharpe Ratio" in shown


def test_metrics_print_as_a_table_and_stay_a_dict(log):
    metrics = RunResult(log).metrics
    assert json.loads(json.dumps(dict(metrics), allow_nan=True))["trades"] == 1
    assert "Final Equity" in repr(metrics)


def test_the_benchmark_has_the_figures_of_an_equity_curve(log):
    benchmark = RunResult(log).benchmark_metrics
    assert list(benchmark) == [metric.key for metric in RETURN_METRICS]
    assert benchmark["return_pct"] == pytest.approx(RunResult(log).metrics["benchmark_return_pct"])


def test_figures_need_neither_polars_nor_pandas():
    code = (
        "import sys; import app.services.analytics.result;"
        "print([name for name in ('polars', 'pandas', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=DOCS.parent / "backend",
    )
    assert done.stdout.strip() == "[]"


def test_the_page_of_definitions_is_current():
    assert (DOCS / "metrics.md").read_text(encoding="utf-8") == markdown()
