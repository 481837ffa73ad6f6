"""The system from STOPPED to RUNNING and back, whatever happens on the way."""

import random
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.managers.system_manager import SystemManager
from app.models.database import SessionFactory
from app.services.analytics.result import RunResult
from app.services.market_data import bar_aggregation
from app.services.market_data.parquet_storage import ParquetStorage
from app.threads import data_quality_manager
from tests import session_strategies
from tests.running_time import running_time
from tests.system_fixtures import (
    PATIENCE_S,
    Gate,
    Installation,
    ends_within,
    minutes,
    session_config,
    until,
)

DAYS = [date(2024, 3, day) for day in (4, 5, 6, 7, 8, 11, 12, 13)]
WORKERS = {"SessionCoordinator", "DataProcessor", "DataQualityManager", "AnalysisEngine"}
STOP_DEADLINE_S = 2.0


@pytest.fixture
def market(installation: Installation) -> Installation:
    """Two symbols with eight whole sessions around a change to summer time."""
    for symbol in ("AAA", "BBB"):
        installation.store(symbol, minutes(*DAYS))
    return installation


def config(strategy: str = "Idle", **parameters: Any) -> dict[str, Any]:
    return session_config(
        *("AAA", "BBB"),
        first="2024-03-04",
        last="2024-03-13",
        strategies={strategy.lower(): (f"tests.session_strategies:{strategy}", parameters)},
        historical=None,
    )


def slow(pause_s: float = 0.001) -> dict[str, Any]:
    """Sixteen sessions of 390 bars: 6 s and more unless it is stopped."""
    return config("Idle", pause_s=pause_s)


def require_no_thread_left(system: SystemManager) -> None:
    """The thread that says the run is over may need a moment more to be gone itself."""
    until(lambda: not any(system.status().threads.values()))


def stop_in_time(system: SystemManager) -> None:
    with running_time() as passed:
        system.stop()
    assert passed.seconds < STOP_DEADLINE_S
    assert (system.state, system.reason) == ("STOPPED", None)


# ── from start to end ────────────────────────────────────────────────────────


def test_a_run_from_start_to_end(market: Installation, hooks: dict[str, Any], gate: Gate) -> None:
    hooks["on_bar"] = gate
    system = market.system()
    assert (system.state, system.is_running()) == ("STOPPED", False)
    assert system.get_session_data() is None
    system.start(config("Hooked"))
    assert (system.state, system.is_running()) == ("RUNNING", True)
    assert set(system.status().threads) >= WORKERS
    assert system.status().session_name == "test_session"
    gate.opened.set()
    assert system.wait(PATIENCE_S)
    assert (system.state, system.is_running(), system.reason) == ("STOPPED", False, None)
    require_no_thread_left(system)
    assert system.record.status == "completed"
    assert system.status().progress.sessions_done == len(DAYS)
    assert system.status().progress.bars == 2 * 390 * len(DAYS)


def test_a_second_start_is_refused_and_harmless(market: Installation) -> None:
    system = market.system()
    system.start(slow())
    with pytest.raises(ConfigurationError, match="running already; stop it first"):
        system.start(slow())
    assert system.is_running()
    stop_in_time(system)


def test_one_system_runs_one_session_after_another(market: Installation) -> None:
    system = market.system()
    for _ in range(3):
        system.start(config())
        assert system.wait(PATIENCE_S)
        assert system.state == "STOPPED"
    assert len({record.id for record in market.records()}) == 3
    assert len({record.order_hash for record in market.records()}) == 1


def test_two_systems_run_in_one_process(market: Installation) -> None:
    systems = [market.system() for _ in range(2)]
    for system in systems:
        system.start(config())
    for system in systems:
        assert system.wait(PATIENCE_S)
        assert (system.state, system.reason) == ("STOPPED", None)
    assert systems[0].result.order_hash == systems[1].result.order_hash
    assert len(market.records()) == 2


def test_a_mistake_starts_nothing(market: Installation) -> None:
    system = market.system()
    with pytest.raises(ConfigurationError, match=r"session_data_config\.symbols"):
        system.start(session_config("NONE", first="2024-03-04", last="2024-03-05", strategies=None))
    assert (system.state, system.reason) == ("STOPPED", None)
    system.start(config())
    assert system.wait(PATIENCE_S)
    assert [record.status for record in market.records()] == ["completed"]


def test_the_managers_of_a_system_use_its_settings(
    market: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the database of the process was asked for")

    monkeypatch.setattr(SessionFactory, "__call__", refuse)
    system = market.system()
    data_manager = system.get_data_manager()
    path = tmp_path / "CCC.csv"
    path.write_text("timestamp,open,high,low,close,volume\n2024-03-04 09:30,1,2,1,2,10\n")
    summary = data_manager.import_from_csv(path, symbol="CCC", timezone="America/New_York")
    assert (summary.symbols[0].sessions, summary.symbols[0].outside) == (1, 0)
    assert len(data_manager.get_bars("CCC", "1m", date(2024, 3, 4), date(2024, 3, 4))) == 1
    assert market.storage.coverage("CCC").rows == 1
    assert system.get_time_manager().get_current_time().utcoffset() is not None


# ── stop ─────────────────────────────────────────────────────────────────────


def test_stop_before_any_start_and_after_the_end(market: Installation) -> None:
    system = market.system()
    system.stop()
    assert system.state == "STOPPED"
    system.start(config())
    assert system.wait(PATIENCE_S)
    system.stop()
    system.stop()
    assert system.state == "STOPPED"
    assert [record.status for record in market.records()] == ["completed"]


def test_stop_keeps_what_was_done(market: Installation) -> None:
    system = market.system()
    system.start(slow())
    until(lambda: system.status().progress.sessions_done > 0)
    stop_in_time(system)
    require_no_thread_left(system)
    (record,) = market.records()
    assert (record.status, record.reason) == ("stopped", "stopped on request")
    assert 780 <= record.bars < 2 * 390 * len(DAYS)
    assert record.first_session == DAYS[0]
    assert system.result.log.final_cash == 100_000
    assert (Path(record.folder) / "report.html").is_file()


def test_quality_of_a_stopped_run_is_that_of_what_was_traded(market: Installation) -> None:
    system = market.system()
    system.start(slow())
    until(lambda: system.status().progress.sessions_done > 0)
    stop_in_time(system)
    for quality in system.record.data_quality.values():
        assert quality["expected_minutes"] == 390 * system.record.sessions


@pytest.mark.parametrize("seed", range(12))
def test_stop_at_any_moment(seed: int, market: Installation) -> None:
    """At once, a little later, twice in a row, from several threads at a time."""
    draw = random.Random(seed)  # noqa: S311  # chance, not secrecy
    system = market.system()
    system.start(slow(draw.choice([0.0, 0.0001, 0.0005])))
    time.sleep(draw.choice([0.0, 0.0, 0.001, 0.01, 0.05, draw.random() * 0.2]))
    others = [threading.Thread(target=system.stop) for _ in range(draw.choice([0, 0, 1, 3]))]
    for other in others:
        other.start()
    stop_in_time(system)
    system.stop()
    for other in others:
        other.join(PATIENCE_S)
        assert not other.is_alive()
    require_no_thread_left(system)
    (record,) = market.records()
    assert record.status in {"stopped", "completed"}
    assert record.id == system.record.id
    if record.sessions == 0:
        assert (record.first_session, record.bars) == (None, 0)


def test_files_that_take_long_do_not_hold_up_the_stop(
    market: Installation, monkeypatch: pytest.MonkeyPatch, gate: Gate
) -> None:
    hold_files(monkeypatch, gate)
    system = market.system()
    system.start(slow())
    time.sleep(0.05)
    with running_time() as passed:
        system.stop()
    assert passed.seconds < STOP_DEADLINE_S + 0.2
    assert (system.state, system.reason) == ("STOPPED", None)
    assert not system.wait(0.0)
    gate.opened.set()
    assert system.wait(PATIENCE_S)
    assert (system.state, system.reason) == ("STOPPED", None)
    assert market.records()[0].status == "stopped"


def hold_files(monkeypatch: pytest.MonkeyPatch, gate: Gate) -> None:
    """Let no run write its files before `gate` is opened."""
    save = RunResult.save

    def late(result: RunResult, folder: Path) -> dict[str, Path]:
        gate()
        return save(result, folder)

    monkeypatch.setattr(RunResult, "save", late)


def test_a_slow_strategy_does_not_hold_up_the_stop(market: Installation) -> None:
    system = market.system()
    system.start(slow(0.02))
    time.sleep(0.05)
    stop_in_time(system)
    require_no_thread_left(system)
    assert market.records()[0].status == "stopped"


def test_a_strategy_that_never_returns(market: Installation) -> None:
    """Stop gives up after its deadline and says which thread hangs; a new run is none the worse."""
    system = market.system()
    system.start(config("Stuck"))
    time.sleep(0.05)
    with running_time() as passed:
        system.stop()
    assert passed.seconds < STOP_DEADLINE_S + 0.5
    assert system.state == "FAILED"
    assert "AnalysisEngine" in system.reason
    assert system.status().threads["AnalysisEngine"]
    ends_within(system, 5.0)
    hung = next(thread for thread in threading.enumerate() if thread.name == "AnalysisEngine")
    system.start(slow(0.0001))
    session_strategies.RELEASE.set()  # the hung strategy comes back while the next run is at work
    hung.join(PATIENCE_S)
    assert system.wait(PATIENCE_S)
    assert (system.state, system.reason) == ("STOPPED", None)
    assert market.records()[0].status == "completed"
    assert market.records()[0].bars == 2 * 390 * len(DAYS)


def test_a_strategy_that_loops_for_ever_is_ended(market: Installation) -> None:
    """It is broken off inside its call, at the latest when the run is to stop."""
    system = market.system()
    system.start(config("Loops"))
    time.sleep(0.05)
    with running_time() as passed:
        system.stop()
    assert passed.seconds < STOP_DEADLINE_S
    require_no_thread_left(system)
    (record,) = market.records()
    assert record.status in {"failed", "stopped"}


# ── a thread dies ────────────────────────────────────────────────────────────


class BrokenError(Exception):
    """What the tests make a thread die of."""


def break_(*_: Any, **__: Any) -> None:
    raise BrokenError("on purpose")


FAULTS: dict[str, tuple[object, str]] = {
    "SessionCoordinator": (ParquetStorage, "read"),
    "DataProcessor": (bar_aggregation.Aggregator, "step"),
    "DataQualityManager": (data_quality_manager, "session_quality"),
}


@pytest.mark.parametrize("thread", FAULTS)
def test_a_dying_thread_takes_the_run_down_with_its_name(
    thread: str, market: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = market.system()
    with monkeypatch.context() as broken:
        broken.setattr(*FAULTS[thread], break_)
        system.start(config("Hooked"))  # wants daily bars, so that something is aggregated
        ends_within(system, 5.0)
    require_no_thread_left(system)
    assert (system.state, system.is_running()) == ("FAILED", False)
    assert system.reason == f"{thread}: BrokenError: on purpose"
    assert system.status().reason == system.reason
    (record,) = market.records()
    assert (record.status, record.reason) == ("failed", system.reason)
    require_works_again(system, market)


def require_works_again(system: SystemManager, market: Installation) -> None:
    system.start(config())
    assert system.wait(PATIENCE_S)
    assert (system.state, system.reason) == ("STOPPED", None)
    assert market.records()[0].status == "completed"


def test_a_raising_strategy_fails_the_run_with_where_it_was(market: Installation) -> None:
    system = market.system()
    system.start(config("Raises", on=400))
    assert system.wait(PATIENCE_S)
    require_no_thread_left(system)
    assert system.state == "FAILED"
    assert "ZeroDivisionError: the strategy's own mistake" in system.reason
    assert "2024-03-05 09:40:00 EST" in system.reason  # bar 400: the tenth of the second day
    (record,) = market.records()
    assert (record.status, record.reason) == ("failed", system.reason)
    assert (record.first_session, record.last_session) == (DAYS[0], DAYS[1])
    require_works_again(system, market)


def test_a_raising_strategy_leaves_the_others_alone(market: Installation) -> None:
    both, alone = (config("Buyer", on=500) for _ in range(2))
    both["strategies"].insert(
        0, {"name": "bad", "class": "tests.session_strategies:Raises", "parameters": {"on": 400}}
    )
    together, without = market.run(both), market.run(alone)
    assert together.state == "STOPPED"
    assert together.record.bars == without.record.bars == 2 * 390 * len(DAYS)
    for column in ("time_ns", "quantity", "price"):
        fills = [getattr(each.result.log.fills, column).tolist() for each in (together, without)]
        assert fills[0] == fills[1]
    assert "bad" in (together.record.reason or "")
    assert "ZeroDivisionError: the strategy's own mistake" in together.record.reason


def test_a_start_right_after_a_failure_loses_nothing(
    market: Installation, monkeypatch: pytest.MonkeyPatch, gate: Gate
) -> None:
    """FAILED is told before the failed run has written what it did: a second start waits for
    that, or is refused until then."""
    hold_files(monkeypatch, gate)
    system = market.system()
    system.start(config("Raises", on=700))
    until(lambda: system.state == "FAILED")
    threading.Timer(0.2, gate.opened.set).start()
    try:
        system.start(config())
    except ConfigurationError:
        assert system.wait(PATIENCE_S)
        system.start(config())
    assert system.wait(PATIENCE_S)
    assert (system.state, system.reason) == ("STOPPED", None)
    completed, failed = market.records()
    assert (completed.status, failed.status) == ("completed", "failed")
    assert "ZeroDivisionError" in failed.reason
    assert system.record.id == completed.id


@pytest.mark.parametrize("name", ["test_session.csv", "config.json"])
def test_files_that_cannot_be_written_fail_the_run(
    market: Installation, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Neither the first nor the last of them: nothing of the run is kept."""
    replace = Path.replace

    def full(beside: Path, target: Path) -> Path:
        if target.name == name:
            raise OSError(28, "No space left on device")
        return replace(beside, target)

    system = market.system()
    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", full)
        system.start(config())
        ends_within(system, 5.0)
    require_no_thread_left(system)
    assert system.state == "FAILED"
    assert "No space left on device" in system.reason
    assert market.records() == ()
    assert list(market.settings.runs_dir.glob("*")) == []
    require_works_again(system, market)


# ── damaged data ─────────────────────────────────────────────────────────────


def test_a_damaged_month_is_set_aside_and_the_rest_runs(installation: Installation) -> None:
    days = [date(2024, 3, 28), date(2024, 4, 1)]  # 29 March is Good Friday
    installation.store("AAA", minutes(*days))
    damaged = next(installation.settings.bars_dir.rglob("2024-03.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-100])
    system = installation.run(
        session_config("AAA", first="2024-03-28", last="2024-04-01", strategies=BUYER)
    )
    assert (system.state, system.reason) == ("STOPPED", None)
    assert (system.record.bars, system.record.sessions) == (390, 2)
    assert system.record.data_quality["AAA"]["quality_pct"] == 50.0
    (problem,) = system.get_data_manager().storage.problems
    assert "AAA" in str(problem)
    assert "data import-csv" in str(problem)
    assert not damaged.exists()
    assert list(installation.settings.bars_dir.rglob("quarantine/*"))


def test_nothing_left_of_a_symbol_is_said_before_the_start(installation: Installation) -> None:
    installation.store("AAA", minutes(date(2024, 3, 28)))
    damaged = next(installation.settings.bars_dir.rglob("2024-03.parquet"))
    damaged.write_bytes(b"nothing")
    system = installation.system()
    with pytest.raises((ConfigurationError, DataNotFoundError), match="AAA"):
        system.start(session_config("AAA", first="2024-03-28", last="2024-03-28"))
    assert system.state == "STOPPED"


BUYER = {"buyer": ("tests.session_strategies:Buyer", {})}
