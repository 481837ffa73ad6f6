"""A run in one thread leaves what the four threads leave, to the bit."""

import gc
import weakref
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.core.data_structures import BarColumns
from app.managers.system_manager.conclusion import make_result
from app.managers.system_manager.inline_run import InlineRun
from app.managers.system_manager.session_plan import plan_alone
from app.managers.time_manager.clock import SystemClock
from app.models.session_config import read_session_config
from app.services.analytics.result import RunResult
from app.services.simulation.stepper import Stepper
from tests.system_fixtures import PATIENCE_S, Installation, minutes, session_config, until

DAYS = [date(2024, 3, day) for day in (4, 5, 6, 7)]
STRATEGIES = {
    "bracketed": ("tests.session_strategies:Bracketed", {}),
    "buyer": ("tests.session_strategies:Buyer", {"on": 45}),
    "cross": ("sma_cross", {"fast": 2, "slow": 5, "quantity": 3, "interval": "5m"}),
    "raises": ("tests.session_strategies:Raises", {"on": 500}),
}
INDICATORS: dict[str, Any] = {
    "data": [{"intervals": ["1m", "1d"], "trailing_days": 2}],
    "indicators": {
        "volume": {
            "type": "trailing_average",
            "field": "volume",
            "period": "2d",
            "granularity": "daily",
        }
    },
}
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "one strategy": {"strategies": {"buyer": STRATEGIES["buyer"]}},
    "no strategy": {"strategies": {}},
    "history": {"historical": INDICATORS},
    "a gate": {
        "quality_gate": {"min_quality_pct": 99.0, "max_gap_minutes": 5, "action": "block_entries"}
    },
    "extended hours": {"extended_hours": True},
}


@pytest.fixture
def market(installation: Installation) -> Installation:
    """AAA swings; BBB lacks ten minutes of the third day."""
    swings = minutes(*DAYS, close=lambda day, minute: 100.0 + (minute * 7 + day) % 23 / 10)
    installation.store("AAA", swings)
    whole = minutes(*DAYS)
    kept = [row for row in range(len(whole)) if not 810 <= row < 820]
    installation.store("BBB", BarColumns(*(column[kept] for column in whole)))
    return installation


def config(**more: Any) -> dict[str, Any]:
    given = {"first": "2024-03-06", "last": "2024-03-07", "strategies": STRATEGIES}
    return session_config("AAA", "BBB", **(given | more))


def inline(market: Installation, given: dict[str, Any]) -> tuple[InlineRun, RunResult]:
    plan = plan_alone(read_session_config(given), market.settings, market.storage, SystemClock())
    run = InlineRun(plan, storage=market.storage)
    run.start()
    assert run.finished.wait(PATIENCE_S)
    assert run.log is not None
    return run, make_result(run, run.log)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_that_is_over_is_not_kept_in_memory(market: Installation, *, stopped: bool) -> None:
    """Several feeds, whose calls are found through arrays, which no garbage collector follows."""
    plan = plan_alone(read_session_config(config()), market.settings, market.storage, SystemClock())
    run = InlineRun(plan, storage=market.storage)
    if stopped:
        run.board.on_publish = run.control.request_stop
    run.start()
    assert run.finished.wait(PATIENCE_S)
    run.join(PATIENCE_S)
    kept = weakref.ref(run.simulation.stepper)
    del run

    def is_gone() -> bool:  # the watchdog looks a last time
        gc.collect()
        return kept() is None

    until(is_gone)


@pytest.mark.parametrize("case", CASES)
def test_it_leaves_what_four_threads_leave(case: str, market: Installation) -> None:
    given = config(**CASES[case])
    run, ours = inline(market, given)
    theirs = market.run(given).result
    assert theirs is not None
    assert ours.order_hash == theirs.order_hash
    assert repr(dict(ours.metrics)) == repr(dict(theirs.metrics))
    assert (ours.log.sessions.dates == theirs.log.sessions.dates).all()
    for name in ("data_quality", "data_fingerprint", "parameters", "config", "ended"):
        assert getattr(ours.info, name) == getattr(theirs.info, name), name
    columns = "columns", "quality_pct"
    assert [repr(getattr(ours.info, name)) for name in columns] == [
        repr(getattr(theirs.info, name)) for name in columns
    ]
    assert run.control.failure is None
    assert run.board.latest.sessions_done == 2


def test_the_comparison_sees_another_fill(
    market: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = config()
    theirs = market.run(given).result
    assert theirs is not None
    finish = Stepper.finish

    def finish_otherwise(self: Stepper) -> Any:
        log = finish(self)
        return replace(log, orders=log.orders[:-1])

    monkeypatch.setattr(Stepper, "finish", finish_otherwise)
    assert inline(market, given)[1].order_hash != theirs.order_hash
