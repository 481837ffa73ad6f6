"""A run's record, files, quality and views: what somebody finds afterwards."""

import csv
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app import __version__
from app.core.data_structures import BarColumns
from app.core.enums import OrderStatus
from app.core.run_record import RunRecord
from app.managers.system_manager import api, record_keeping
from app.models import database
from app.models.database import session_factory
from app.repositories import bulk
from tests.system_fixtures import FREE, PATIENCE_S, Installation, minutes, session_config

DAYS = [date(2024, 3, day) for day in (4, 5, 6)]
COSTS = {
    "starting_cash": 10_000,
    "commission": {"model": "per_order", "rate": 2.0},
    "slippage": {"model": "ticks", "amount": 2, "tick_size": 0.01},
}


@pytest.fixture
def market(installation: Installation) -> Installation:
    """AAA is whole; BBB lacks 10:00 to 10:09 of the second day and the last minute of the third."""
    whole = minutes(*DAYS)
    installation.store("AAA", whole)
    missing = {*range(390 + 30, 390 + 40), 3 * 390 - 1}
    kept = [row for row in range(len(whole)) if row not in missing]
    installation.store("BBB", BarColumns(*(column[kept] for column in whole)))
    return installation


def config(*strategies: str, **more: Any) -> dict[str, Any]:
    return session_config(
        *("AAA", "BBB"),
        first="2024-03-05",
        last="2024-03-06",
        strategies={name.lower(): (f"tests.session_strategies:{name}", {}) for name in strategies},
        historical={"data": [{"intervals": ["1d"], "trailing_days": 1}]},
        **({"execution": COSTS} | more),
    )


# ── the record ───────────────────────────────────────────────────────────────


def test_every_field_of_the_record(market: Installation) -> None:
    before = datetime.now(UTC)  # noqa: TID251  # the record's own clock is the computer's
    system = market.run(config("Buyer"))
    (record,) = market.records()
    assert record == system.record
    assert (record.session_name, record.mode) == ("test_session", "backtest")
    assert (record.status, record.reason) == ("completed", None)
    assert record.strategies == [
        {
            "name": "buyer",
            "class": "tests.session_strategies:Buyer",
            "symbols": ["AAA", "BBB"],
            "parameters": {"on": 1, "quantity": 10.0, "interval": "1m"},
            "ended": None,
            "ledger": system.result.strategy_ledgers["buyer"].to_dict(),
        }
    ]
    assert list(record.symbols) == ["AAA", "BBB"]
    assert (record.first_session, record.last_session) == (DAYS[1], DAYS[2])
    assert (record.sessions, record.bars) == (2, 4 * 390 - 11)
    assert before - timedelta(seconds=1) < record.started_at <= record.finished_at
    assert record.started_at.utcoffset() == timedelta()
    assert record.code_version == __version__
    assert record.order_hash == system.result.order_hash
    assert len(record.order_hash) == len(record.data_fingerprint) == 64
    assert record.synthetic is False
    assert record.config["execution"]["starting_cash"] == 10_000
    assert record.config["session_data_config"]["gap_filler"]["enable_session_quality"] is True
    # Bought on the second bar of each symbol at the close of the first, 101.000, plus two
    # ticks; the last closes are 102.389 and 102.388.
    cost = 2 * (10 * 101.02 + 2.0)
    assert record.metrics["final_equity"] == pytest.approx(
        10_000 - cost + 10 * 102.389 + 10 * 102.388
    )
    assert record.metrics["commission"] == 4.0
    assert record.metrics["slippage"] == pytest.approx(0.4)
    assert record.metrics["fills"] == 2
    json.dumps(record.metrics, allow_nan=False)


def test_a_run_waits_for_a_program_that_has_the_database_locked(
    market: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SQLITE_PRAGMAS", ("PRAGMA busy_timeout=50",))
    address = market.settings.database_url
    session_factory(address).kw["bind"].dispose()
    system = market.system()
    with closing(sqlite3.connect(make_url(address).database or "")) as other_program:
        other_program.execute("BEGIN IMMEDIATE")
        system.start(config("Buyer"))
        assert not system.wait(1.0)
    assert system.wait(PATIENCE_S)
    assert [record.status for record in market.records()] == ["completed"]
    with session_factory(address)() as db:
        assert db.execute(text("PRAGMA busy_timeout")).scalar_one() == 50


@pytest.mark.parametrize(
    ("mode", "remedy"),
    [
        ("backtest", "end it, and run it again"),
        ("paper", "end it, and run its config.json as a backtest of its days to have its orders"),
    ],
)
def test_a_database_that_stays_locked_does_not_cost_the_files(
    market: Installation, monkeypatch: pytest.MonkeyPatch, mode: str, remedy: str
) -> None:
    def of_mode(*run: Any, **known: Any) -> RunRecord:
        return replace(make_record(*run, **known), mode=mode)

    make_record = api.make_record
    monkeypatch.setattr(api, "make_record", of_mode)
    monkeypatch.setattr(bulk, "PATIENCE_S", 0.05)
    address = make_url(market.settings.database_url).database or ""
    system = market.system()
    with closing(sqlite3.connect(address)) as other_program:
        other_program.execute("BEGIN IMMEDIATE")
        system.start(config("Buyer"))
        assert system.wait(PATIENCE_S)
    assert system.state == "FAILED"
    assert "database is locked" in system.reason
    assert remedy in system.reason
    assert market.records() == ()
    (folder,) = market.settings.runs_dir.iterdir()
    assert pl.read_parquet(folder / "fills.parquet")["price"].to_list() == [101.02, 101.02]


def test_a_database_that_is_gone_does_not_cost_the_files(
    market: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    monkeypatch.setattr(record_keeping, "session_factory", lambda _: session_factory(nowhere))
    system = market.run(config("Buyer"))
    assert "does not answer" in system.reason
    assert system.reason.endswith("start the database, and run it again")
    (folder,) = market.settings.runs_dir.iterdir()
    assert pl.read_parquet(folder / "fills.parquet")["price"].to_list() == [101.02, 101.02]


def test_others_write_while_the_files_of_a_long_run_are_written(
    market: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = make_url(market.settings.database_url).database or ""
    write_files = record_keeping.write_files

    def others_write_too(*run: Any) -> Path:
        path = write_files(*run)
        with closing(sqlite3.connect(address, timeout=0.0)) as other_program:
            other_program.execute("BEGIN IMMEDIATE")
        return path

    monkeypatch.setattr(record_keeping, "write_files", others_write_too)
    monkeypatch.setattr(record_keeping, "_MOST_BARS_BESIDE_ROWS", 4 * 390 - 12)
    long = market.run(config("Buyer"))
    assert long.record in market.records()
    assert (Path(long.record.folder) / "report.html").exists()


def test_a_recorded_config_runs_again(market: Installation) -> None:
    first = market.run(config("Buyer")).record
    again = market.run(first.config).record
    assert again.order_hash == first.order_hash
    assert again.config == first.config


def test_synthetic_bars_are_said_to_be(market: Installation) -> None:
    market.storage.write("AAA", market.storage.read("AAA"), labels=["synthetic"])
    system = market.run(config("Buyer"))
    assert system.record.synthetic
    assert "ynthetic" in repr(system.result)
    assert "ynthetic" in (Path(system.record.folder) / "report.html").read_text()


def test_a_session_without_strategies_only_replays(market: Installation) -> None:
    bare = config()
    del bare["execution"]
    system = market.run(bare)
    assert (system.state, system.reason) == ("STOPPED", None)
    assert (system.record.bars, system.record.strategies) == (4 * 390 - 11, [])
    assert system.record.metrics["net_profit"] == 0.0


# ── quality ──────────────────────────────────────────────────────────────────


def test_quality_counts_the_missing_minutes(market: Installation) -> None:
    system = market.run(config("Buyer"))
    assert system.record.data_quality == {
        "AAA": quality(present=780, gaps=0, incomplete=0),
        "BBB": quality(present=769, gaps=2, incomplete=2),
    }
    assert system.get_session_data().get_quality("BBB") == pytest.approx(100 * 389 / 390)
    rows = validation_rows(system.validation_file)
    scores = {(row["symbol"], row["time"][:10]): float(row["quality_pct"]) for row in rows}
    assert scores == {
        ("AAA", "2024-03-05"): 100.0,
        ("AAA", "2024-03-06"): 100.0,
        ("BBB", "2024-03-05"): pytest.approx(100 * 380 / 390),
        ("BBB", "2024-03-06"): pytest.approx(100 * 389 / 390),
    }


def quality(*, present: int, gaps: int, incomplete: int) -> dict[str, Any]:
    return {
        "quality_pct": pytest.approx(100 * present / 780),
        "expected_minutes": 780,
        "present_minutes": present,
        "gaps": gaps,
        "incomplete_sessions": incomplete,
        "suspect_bars": 0,
    }


def test_a_spike_is_counted(market: Installation) -> None:
    """A price ten times that of its neighbours is stored, flagged and counted."""
    bar = market.storage.read("AAA").slice(500, 501)
    spiked = replace(bar, open=10 * bar.open, high=10 * bar.high, low=10 * bar.low)
    market.store("AAA", replace(spiked, close=10 * bar.close))
    counted = market.run(config("Buyer")).record.data_quality
    assert (counted["AAA"]["suspect_bars"], counted["BBB"]["suspect_bars"]) == (1, 0)


def test_quality_can_be_left_out(market: Installation) -> None:
    system = market.run(config("Buyer", gap_filler={"enable_session_quality": False}))
    assert (system.state, system.record.data_quality) == ("STOPPED", {})
    assert {row["quality_pct"] for row in validation_rows(system.validation_file)} == {""}


# ── files ────────────────────────────────────────────────────────────────────


def validation_rows(path: Path) -> list[dict[str, str]]:
    with path.open() as lines:
        return list(csv.DictReader(lines))


def test_the_folder_of_a_run(market: Installation) -> None:
    system = market.run(config("Buyer"))
    folder = Path(system.record.folder)
    assert folder.parent == market.settings.runs_dir
    tables = ("trades", "equity", "fills", "orders")
    wanted = {f"{name}.{kind}" for name in tables for kind in ("csv", "parquet")}
    assert {path.name for path in folder.iterdir()} == wanted | {
        "report.html",
        "metrics.json",
        "config.json",
        "validation.csv",
    }
    assert (folder / "validation.csv").read_bytes() == system.validation_file.read_bytes()
    for name in tables:
        from_csv = pl.read_csv(folder / f"{name}.csv")
        from_parquet = pl.read_parquet(folder / f"{name}.parquet")
        assert from_csv.shape == from_parquet.shape
        assert from_csv.columns == from_parquet.columns
    assert pl.read_parquet(folder / "fills.parquet")["price"].to_list() == [101.02, 101.02]
    equity = pl.read_parquet(folder / "equity.parquet")["equity"]
    assert equity[-1] == pytest.approx(system.record.metrics["final_equity"])
    written = json.loads((folder / "metrics.json").read_text())
    assert written["metrics"]["final_equity"] == system.record.metrics["final_equity"]
    assert json.loads((folder / "config.json").read_text()) == system.record.config
    report = (folder / "report.html").read_text()
    assert report.startswith("<!doctype html>")
    assert "test_session" in report
    assert 'src="http' not in report


def test_the_validation_file_has_a_row_per_bar(market: Installation) -> None:
    crossing = config(execution=COSTS)
    crossing["strategies"] = [
        {"name": "x", "class": "sma_cross", "parameters": {"fast": 2, "slow": 3, "interval": "5m"}}
    ]
    system = market.run(crossing)
    assert system.validation_file == market.settings.validation_dir / "test_session.csv"
    rows = validation_rows(system.validation_file)
    assert list(rows[0]) == [
        *("time", "time_utc", "symbol", "open", "high", "low", "close", "volume"),
        *("1d.close", "5m.close", "5m.SMA(timeperiod=2)", "5m.SMA(timeperiod=3)"),
        *("quality_pct", "position", "cash", "equity"),
    ]
    assert len(rows) == system.record.bars
    fifth, before = rows[2 * 4], rows[2 * 3]
    assert fifth["symbol"] == "AAA"
    assert fifth["time"].startswith("2024-03-05T09:34:00")
    assert fifth["time_utc"].startswith("2024-03-05T14:34:00")
    # Day 1, minute 4 closes at 101.004: the first five minutes are known when it has closed.
    # The 5m bars before it are those of the history: 100.389 and 100.384.
    assert float(fifth["5m.close"]) == pytest.approx(101.004)
    assert float(fifth["5m.SMA(timeperiod=2)"]) == pytest.approx((101.004 + 100.389) / 2)
    assert float(before["5m.close"]) == pytest.approx(100.389)
    assert float(before["1d.close"]) == pytest.approx(100.389)
    assert float(rows[-1]["equity"]) == pytest.approx(system.record.metrics["final_equity"])


# ── views of the account ─────────────────────────────────────────────────────


def test_views_of_the_account_while_it_runs(market: Installation, hooks: dict[str, Any]) -> None:
    system = market.system()
    execution = system.get_execution_manager()
    assert execution.get_account() is None
    assert execution.get_positions() == []
    assert execution.get_orders() == []
    seen: dict[str, Any] = {}

    def act(self: Any, bar: Any) -> None:
        if self.symbol != "AAA":
            return
        at = bar.time.strftime("%d %H:%M")
        if at == "05 09:31":
            self.buy(10)
            self.buy(5, limit=50.0, time_in_force="gtc")
            seen["working"] = execution.get_orders(working_only=True)
        elif at == "05 09:33":
            seen["account"] = execution.get_account()
            seen["positions"] = execution.get_positions()
            seen["orders"] = [order.status for order in execution.get_orders()]

    hooks["on_bar"] = act
    system.start(config("Hooked", execution=FREE))
    assert system.wait(30)
    assert (system.state, system.reason) == ("STOPPED", None)
    assert [order.quantity for order in seen["working"]] == [10.0, 5.0]
    # Bought 10 at 101.000; at 09:33 the third bar has closed at 101.002.
    (position,) = seen["positions"]
    assert (position.symbol, position.quantity) == ("AAA", 10.0)
    assert position.last_price == pytest.approx(101.002)
    account: Mapping[str, float] = asdict(seen["account"])
    assert account == pytest.approx(
        {
            "cash": 100_000 - 1_010.0,
            "equity": 100_000 + 0.02,
            "buying_power": 100_000 + 0.02 - 1_010.02,
            "gross_exposure": 1_010.02,
        }
    )
    assert seen["orders"] == [OrderStatus.FILLED, OrderStatus.NEW]
    assert [order.status for order in execution.get_orders()] == [
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
    ]
    assert execution.get_orders(working_only=True) == []
    assert execution.get_account().equity == pytest.approx(system.result.metrics["final_equity"])


def test_progress_of_a_run_that_is_over(market: Installation) -> None:
    progress = market.run(config("Buyer")).status().progress
    assert (progress.session, progress.sessions_done, progress.sessions_total) == (DAYS[2], 2, 2)
    assert progress.bars == 4 * 390 - 11
    assert progress.positions == {"AAA": 10.0, "BBB": 10.0}
    assert progress.equity - 10_000 == pytest.approx(progress.pnl)
    assert progress.orders == 2
