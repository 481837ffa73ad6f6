"""A thread that dies or hangs: no entry five seconds later, and a reason that says which."""

import sys
import threading
import time
from datetime import date
from functools import partial
from typing import Any

import pytest

from app.managers.system_manager import SystemManager, api
from app.managers.system_manager.session_run import SessionRun
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.simulation.derivation import Derivation
from app.threads import data_quality_manager
from app.threads.sync import RunControl
from app.threads.watchdog import Patience
from app.threads.worker import Worker
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

DAYS = [date(2024, 3, day) for day in (4, 5, 6, 7, 8)]
DEADLINE_S = 5.0


@pytest.fixture
def market(installation: Installation) -> Installation:
    installation.store("AAA", minutes(*DAYS))
    return installation


def config(strategy: str = "Hooked", **parameters: Any) -> dict[str, Any]:
    return session_config(
        "AAA",
        first="2024-03-04",
        last="2024-03-08",
        strategies={strategy.lower(): (f"tests.session_strategies:{strategy}", parameters)},
    )


STAGES: dict[str, tuple[object, str]] = {
    "SessionCoordinator": (ParquetStorage, "read"),
    "DataProcessor": (Derivation, "step"),
    "DataQualityManager": (data_quality_manager, "session_quality"),
}


@pytest.mark.parametrize("thread", STAGES)
def test_a_hung_thread_ends_entries_and_is_named(
    thread: str, market: Installation, monkeypatch: pytest.MonkeyPatch, gate: Gate
) -> None:
    system = market.system()
    monkeypatch.setattr(*STAGES[thread], gate)
    began = time.perf_counter()
    system.start(config())
    assert gate.begun.wait(PATIENCE_S)
    with running_time() as passed:
        until(lambda: system.state == "FAILED")
    assert passed.seconds < DEADLINE_S
    assert time.perf_counter() - began > 3.5  # and not at the first stutter
    assert f"{thread}: StageFailedError: it has waited" in system.reason
    assert system._run.simulation.exchange.entries_blocked == system.reason
    assert system.wait(PATIENCE_S)
    (record,) = market.records()
    assert (record.status, record.reason) == ("failed", system.reason)
    monkeypatch.undo()
    require_works_again(system)


def require_works_again(system: SystemManager) -> None:
    system.start(config())
    assert system.wait(PATIENCE_S)
    assert (system.state, system.reason) == ("STOPPED", None)


@pytest.mark.parametrize("thread", STAGES)
@pytest.mark.parametrize("error", [RuntimeError("broken"), SystemExit(3)])
def test_a_dead_thread_ends_entries_at_once(
    error: BaseException, thread: str, market: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise error

    system = market.system()
    with monkeypatch.context() as broken:
        broken.setattr(*STAGES[thread], die)
        system.start(config())
        ends_within(system, 2.0)
    assert system.state == "FAILED"
    assert system.reason == f"{thread}: {type(error).__name__}: {error}"
    assert system._run.simulation.exchange.entries_blocked == system.reason
    require_works_again(system)


def test_after_a_failure_nothing_is_entered_but_exits_pass(
    market: Installation, hooks: dict[str, Any]
) -> None:
    """A call that goes on while another thread dies: its orders are refused, with the reason."""
    statuses: list[tuple[str, str]] = []
    system = market.system()

    def on_bar(strategy: Any, bar: Any) -> None:
        if bar.row == 5:
            strategy.buy(10)
        if bar.row == 10:
            system._run.control.fail("DataProcessor", RuntimeError("gone"))
            orders = (strategy.buy(1), strategy.sell(5), strategy.sell(10 + 5))
            statuses.extend((order.status.value, order.reason) for order in orders)

    hooks["on_bar"] = on_bar
    system.start(config())
    assert system.wait(PATIENCE_S)
    reason = "DataProcessor: RuntimeError: gone"
    assert system.reason == reason
    assert statuses[0][0] == "rejected"
    assert reason in statuses[0][1]
    assert statuses[1][0] != "rejected"


def test_a_pause_is_not_a_hang(market: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is waiting for the time of a bar, nor a full channel."""
    impatient(monkeypatch, call_s=1.0, notice_s=0.5, waiting_s=1.0, computing_s=1.0)
    system = market.system()
    system.start(config(), paused=True)
    system.step()
    time.sleep(1.5)
    assert (system.state, system.reason, system.status().notice) == ("PAUSED", None, None)
    system.set_speed(1.0)
    system.resume()
    time.sleep(1.5)
    assert (system.state, system.reason, system.status().notice) == ("RUNNING", None, None)
    system.stop()
    assert (system.state, system.reason) == ("STOPPED", None)


def impatient(monkeypatch: pytest.MonkeyPatch, **patience: float) -> None:
    monkeypatch.setattr(api, "SessionRun", partial(SessionRun, patience=Patience(**patience)))


def test_a_slow_call_is_told_before_it_is_ended(
    market: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch, call_s=1.5, notice_s=0.5)
    system = market.system()
    system.start(config("Loops"))
    notices = set()
    while not system.wait(0.02):
        notices.add(system.status().notice)
    assert any("has not come back from a call" in notice for notice in notices if notice)
    assert system.state == "FAILED"
    assert "StrategyHungError" in system.reason


def test_a_call_in_foreign_code_fails_the_run(
    market: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock without a timeout cannot be interrupted: the run is given up, and its thread left."""
    impatient(monkeypatch, call_s=0.5, notice_s=0.5, grace_s=0.5)
    system = market.system()
    system.start(config("Stuck"))
    ends_within(system, DEADLINE_S)
    assert system.state == "FAILED"
    assert "does not react; look for a wait without a timeout" in system.reason
    session_strategies.RELEASE.set()
    monkeypatch.undo()
    require_works_again(system)


def test_a_strategy_that_exits_is_ended_alone(market: Installation, hooks: dict[str, Any]) -> None:
    """`sys.exit()` in a strategy ends neither the thread nor the other strategy."""

    def on_bar(strategy: Any, bar: Any) -> None:
        if bar.row == 7:
            sys.exit("enough")

    hooks["on_bar"] = on_bar
    both = config("Hooked")
    both["strategies"].append(
        {"name": "buyer", "class": "tests.session_strategies:Buyer", "parameters": {"on": 400}}
    )
    system = market.run(both)
    assert (system.state, system.record.bars) == ("STOPPED", 390 * len(DAYS))
    assert "strategy hooked was ended: SystemExit: enough" in system.record.reason
    assert len(system.result.log.fills) == 1


# ── what counts as hung ──────────────────────────────────────────────────────


class Computes(Worker):
    """Uses the processor without a beat until it is told to end."""

    def work(self) -> None:
        with self.working():
            while not self.control.stopping:
                sum(range(1_000))


def test_a_worker_that_computes_shows_it() -> None:
    """Time on the processor is what tells slow work from a wait; a dead thread uses none."""
    control = RunControl()
    worker = Computes("computes", control)
    assert worker.cpu_s() == 0.0
    worker.start()
    until(lambda: worker.cpu_s() > 0.02)
    control.request_stop()
    worker.join(PATIENCE_S)
    assert worker.finished.is_set()
    until(lambda: worker.cpu_s() == 0.0)


@pytest.mark.parametrize("stage", ["DataProcessor"])
def test_slow_work_is_left_alone_and_endless_work_is_not(
    stage: str, market: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def spin(*_: Any) -> None:
        while not over.is_set():
            sum(range(1_000))

    impatient(monkeypatch, waiting_s=0.5, computing_s=2.0)
    system = market.system()
    with monkeypatch.context() as broken:
        broken.setattr(*STAGES[stage], spin)
        system.start(config())
        ends_within(system, DEADLINE_S)
    over.set()
    assert "DataProcessor: StageFailedError: it has computed for 2 s" in system.reason
