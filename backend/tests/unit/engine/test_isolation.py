"""A strategy that raises is ended alone while another one is left: the others never notice."""

from typing import Any

import pytest

from app.core.strategy import BarCursor, Strategy
from app.services.simulation.plan import StrategyEntry
from app.services.simulation.simulation import Simulation, Terms
from tests.engine_bars import FLAT, bars, end_of, grid

HOOKS = [
    "on_start",
    "on_bar",
    "on_order",
    "on_session_end",
]


class Steady(Strategy):
    """Buys and sells in turn, and says what it saw."""

    def on_start(self) -> None:
        self.seen: list[Any] = []

    def on_bar(self, bar: BarCursor) -> None:
        self.seen.append((self.now_ns, bar.close))
        self.close() if self.position else self.buy(1)


def failing(where: str) -> type[Strategy]:
    """Raises in one hook, at its second bar or the first time it is called otherwise."""

    class Failing(Strategy):
        def on_start(self) -> None:
            self._fail("on_start")

        def on_bar(self, bar: BarCursor) -> None:
            if self.now_ns == end_of(0):
                self.buy(1)
                self.buy(1, limit=1.0, time_in_force="gtc")
            if self.now_ns >= end_of(1):
                self._fail("on_bar")

        def on_order(self, order: Any) -> None:
            self._fail("on_order")

        def on_session_end(self) -> None:
            self._fail("on_session_end")

        def _fail(self, here: str) -> None:
            if here == where:
                raise RuntimeError(f"in {where}")

    return Failing


def simulate(entries: list[StrategyEntry], *, isolate: bool) -> tuple[Simulation, Any]:
    sessions = grid(2)
    simulation = Simulation(
        entries=entries,
        symbols=("A", "B"),
        sessions=sessions,
        terms=Terms(),
        isolate=isolate,
    )
    minutes = {symbol: bars([FLAT] * 20) for symbol in ("A", "B")}
    log = simulation.run(minutes, history_until_ns=0, until_ns=int(sessions.close_ns[-1]))
    return simulation, log


def entry(name: str, strategy: type[Strategy]) -> StrategyEntry:
    return StrategyEntry(name=name, strategy=strategy, symbols=("A", "B"))


def orders_of(log: Any, strategy: int) -> list[tuple]:
    return [
        (o.symbol, o.quantity, o.submitted_ns, o.filled_ns)
        for o in log.orders
        if o.strategy == strategy
    ]


@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
@pytest.mark.parametrize("where", HOOKS)
def test_the_others_go_on_as_if_it_had_never_been(where: str, *, first: bool) -> None:
    _, alone = simulate([entry("steady", Steady)], isolate=True)
    entries = [entry("steady", Steady), entry("failing", failing(where))]
    simulation, log = simulate(entries[::-1] if first else entries, isolate=True)
    assert orders_of(log, int(first)) == orders_of(alone, 0)
    assert [failure.name for failure in simulation.stepper.failures] == ["failing"]
    assert str(simulation.stepper.failures[0].error) == f"in {where}"


@pytest.mark.parametrize("where", HOOKS)
def test_what_it_had_working_is_cancelled_and_it_sends_no_more(where: str) -> None:
    entries = [entry("failing", failing(where)), entry("steady", Steady)]
    simulation, log = simulate(entries, isolate=True)
    (failure,) = simulation.stepper.failures
    own = [order for order in log.orders if order.strategy == 0]
    assert all(order.submitted_ns <= failure.time_ns for order in own)
    left = [order for order in own if order.status == "canceled"]
    assert {order.reason for order in left} <= {"strategy failing failed"}
    assert bool(left) == (where != "on_start")


@pytest.mark.parametrize("where", ["on_start", "on_bar", "on_order", "on_session_end"])
def test_without_isolation_its_error_ends_the_run(where: str) -> None:
    entries = [entry("failing", failing(where)), entry("steady", Steady)]
    with pytest.raises(RuntimeError, match=f"in {where}"):
        simulate(entries, isolate=False)


@pytest.mark.parametrize("where", HOOKS)
def test_the_last_one_left_ends_the_run(where: str) -> None:
    with pytest.raises(RuntimeError, match=f"in {where}"):
        simulate([entry("a", failing(where)), entry("b", failing(where))], isolate=True)
