"""Sessions that are paused, stepped, hurried and stopped: what they show, and that orders stay."""

import random
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError
from app.core.types import MINUTE_NS
from app.managers.system_manager import SystemManager
from app.threads.pace import Stopwatch
from tests import steering_fixtures
from tests.running_time import running_time
from tests.steering_fixtures import BusyHand, DrivenStopwatch, FakeStopwatch
from tests.system_fixtures import PATIENCE_S, Installation, minutes, session_config, until

DAYS = [date(2024, 3, day) for day in (7, 8, 11)]  # summer time begins on the 10th
FIRST, LAST = "2024-03-08", "2024-03-11"
OPEN_NS = 1_709_908_200 * 1_000_000_000  # 2024-03-08 14:30 UTC, 9:30 in New York


def walk(seed: int, *, keep: float = 1.0) -> BarColumns:
    """A random walk over `DAYS`; `keep` is the share of minutes that are there."""
    draw = np.random.default_rng(seed)
    steps = np.cumsum(draw.normal(0.0, 0.05, 390 * len(DAYS)))
    whole = minutes(*DAYS, close=lambda day, minute: 100.0 + round(steps[day * 390 + minute], 3))
    return whole if keep == 1.0 else whole.take(np.flatnonzero(draw.random(len(whole)) < keep))


@pytest.fixture
def market(installation: Installation) -> Installation:
    """AAA is whole, BBB has holes: at the end of hours, of days, anywhere."""
    installation.store("AAA", walk(1))
    installation.store("BBB", walk(2, keep=0.6))
    return installation


def config(*, speed: float = 0.0, prefetch_days: int = 1) -> dict[str, Any]:
    made = session_config(
        *("AAA", "BBB"),
        first=FIRST,
        last=LAST,
        strategies=steering_fixtures.strategies(),
        prefetch_days=prefetch_days,
    )
    made["backtest_config"]["speed_multiplier"] = speed
    return made


def fast_system(market: Installation, stopwatch: Stopwatch | None = None) -> SystemManager:
    """A system whose waits take no time, unless the stopwatch has them take some."""
    system = SystemManager(market.settings, stopwatch=stopwatch or FakeStopwatch())
    market.systems.append(system)
    return system


def outcome(system: SystemManager) -> tuple[object, ...]:
    """Everything a run decided, to the bit."""
    assert (system.state, system.reason) == ("STOPPED", None)
    log, metrics = system.result.log, system.result.metrics
    columns = (log.fills.time_ns, log.fills.quantity, log.fills.price)
    return (
        system.record.order_hash,
        system.record.bars,
        log.final_cash,
        tuple(column.tobytes() for column in columns),
        repr([*log.events]),
        np.array(list(metrics.values())).tobytes(),
    )


@pytest.fixture
def undisturbed(market: Installation) -> tuple[object, ...]:
    system = market.run(config())
    assert len(system.result.log.orders) > 150
    assert len(system.result.log.fills) > 50
    return outcome(system)


@pytest.fixture(autouse=True)
def no_hook() -> Iterator[None]:
    steering_fixtures.ON_CALL.clear()
    yield
    steering_fixtures.ON_CALL.clear()


# ── bit-equal ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("speed", [30.0, 1_000.0, 1e6])
def test_the_speed_changes_no_order(
    speed: float, market: Installation, undisturbed: tuple[object, ...]
) -> None:
    stopwatch = FakeStopwatch()
    system = fast_system(market, stopwatch)
    system.start(config(speed=speed))
    assert system.wait(PATIENCE_S)
    assert outcome(system) == undisturbed
    # two sessions of 390 minutes, and no night between them
    assert stopwatch.now == pytest.approx(2 * 390 * 60 / speed, rel=1e-6)


def test_stepping_changes_no_order(market: Installation, undisturbed: tuple[object, ...]) -> None:
    system = market.system()
    system.start(config(), paused=True)
    steps = 0
    while not system.wait(0):
        system.step()
        steps += 1
    assert outcome(system) == undisturbed
    assert steps == 2 * 390  # AAA has every minute


@pytest.mark.parametrize("seed", range(4))
def test_random_steering_changes_no_order(
    seed: int, market: Installation, undisturbed: tuple[object, ...]
) -> None:
    draw = random.Random(seed)  # noqa: S311  # chance, not secrecy
    system = fast_system(market)
    speed = draw.choice([0.0, 1e4, 1e5])
    hands = [BusyHand(system, 10 * seed + k) for k in range(2)]
    slow_down(hands)
    system.start(config(speed=speed, prefetch_days=draw.choice([1, 2, 50])))
    for hand in hands:
        hand.start()
    finish(system, hands)
    assert outcome(system) == undisturbed


def slow_down(hands: list[BusyHand]) -> None:
    """Give the hands a moment now and then while a run is played in one go, the first a long one.

    A run has more than a thousand calls: a hand comes to act before it is over.
    """

    def linger(_symbol: str, now_ns: int) -> None:
        time.sleep(now_ns % 7 * 1e-9 if any(hand.done for hand in hands) else 0.01)

    steering_fixtures.ON_CALL.append(linger)


def finish(system: SystemManager, hands: list[BusyHand]) -> None:
    assert system.wait(PATIENCE_S), system.status()
    for hand in hands:
        hand.join(PATIENCE_S)
        assert not hand.is_alive()
        assert hand.error is None
    assert sum(len(hand.done) for hand in hands) > 0


ACTIONS = st.sampled_from(["pause", "hurry", "slow", "rush"])


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(plan=st.dictionaries(st.integers(0, 1_200), ACTIONS, max_size=12))
def test_steering_within_any_call_changes_no_order(
    plan: Mapping[int, str], market: Installation, undisturbed: tuple[object, ...]
) -> None:
    """The wish comes while a strategy is being called: in the middle of a chunk, of an instant."""
    system = fast_system(market)
    numbers = iter(range(10**9))

    def act(_symbol: str, _now_ns: int) -> None:
        match plan.get(next(numbers)):
            case "pause":
                system.pause()
            case "hurry":
                system.set_speed(0.0)
            case "slow":
                system.set_speed(60.0)
            case "rush":
                system.set_speed(1e7)

    steering_fixtures.ON_CALL[:] = [act]
    system.start(config())
    steps = 0
    while not system.wait(0.0005):
        if system.state == "PAUSED":
            steps += 1
            if steps % 3:
                system.step()
            else:
                system.resume()
    assert outcome(system) == undisturbed


# ── what a paused session shows ──────────────────────────────────────────────


def test_a_step_is_one_moment_of_all_symbols(market: Installation) -> None:
    calls: list[tuple[str, int]] = []
    steering_fixtures.ON_CALL.append(lambda symbol, now_ns: calls.append((symbol, now_ns)))
    system = market.system()
    system.start(config(), paused=True)
    assert (system.state, system.is_running()) == ("PAUSED", True)
    stored = {
        symbol: set(market.storage.read(symbol, OPEN_NS, OPEN_NS + 390 * MINUTE_NS).end_ns.tolist())
        for symbol in ("AAA", "BBB")
    }
    data = system.get_session_data()
    for number in range(1, 40):
        system.step()
        now_ns = OPEN_NS + number * MINUTE_NS
        assert calls == [(symbol, now_ns) for symbol in stored if now_ns in stored[symbol]]
        calls.clear()
        assert system.get_time_manager().now_ns() == now_ns
        assert data.get_bars("AAA").end_ns[-1] == now_ns
        assert (data.get_bars("BBB").end_ns <= now_ns).all()
        assert data.get_bars("AAA", "5m").end_ns[-1:].tolist() in (
            [],
            [now_ns - number % 5 * MINUTE_NS],
        )
        progress = system.status().progress
        assert (progress.now_ns, progress.session, progress.sessions_done) == (now_ns, DAYS[1], 0)
        assert progress.bars == sum(len([t for t in stored[s] if t <= now_ns]) for s in stored)
        assert system.state == "PAUSED"


def test_a_fill_shows_at_its_own_step(market: Installation) -> None:
    """A strategy on five-minute bars buys at 9:35; the next minute's bar fills it."""
    made = session_config(
        "AAA",
        first=FIRST,
        last=LAST,
        strategies={"buyer": ("tests.session_strategies:Buyer", {"interval": "5m"})},
    )
    system = market.system()
    system.start(made, paused=True)
    held = []
    for _ in range(7):
        system.step()
        held.append(system.status().progress.positions.get("AAA", 0.0))
    assert held == [0, 0, 0, 0, 0, 10, 10]


def test_a_pause_within_an_instant_finishes_it(market: Installation) -> None:
    """The wish comes in the call for AAA; BBB has that minute too and is called before it holds."""
    end_ns = OPEN_NS + 390 * MINUTE_NS
    of_both = set(market.storage.read("BBB", OPEN_NS, end_ns).end_ns.tolist()[50:])
    calls: list[tuple[str, int]] = []
    asked: list[int] = []
    system = market.system()

    def act(symbol: str, now_ns: int) -> None:
        calls.append((symbol, now_ns))
        if symbol == "AAA" and now_ns in of_both and not asked:
            asked.append(now_ns)
            system.pause()

    steering_fixtures.ON_CALL.append(act)
    system.start(config())
    while not asked:
        time.sleep(0.001)
    system.pause()
    assert calls[-2:] == [("AAA", asked[0]), ("BBB", asked[0])]
    assert system.get_time_manager().now_ns() == asked[0]


def test_a_session_ends_with_its_last_step(market: Installation) -> None:
    system = market.system()
    system.start(config(), paused=True)
    clock = system.get_time_manager()
    for _ in range(390):
        system.step()
    close_ns = OPEN_NS + 390 * MINUTE_NS
    assert (clock.now_ns(), system.status().progress.sessions_done) == (close_ns, 1)
    orders = system.get_execution_manager().get_orders(working_only=True)
    day_orders = [order for order in orders if order.time_in_force == "day"]
    assert all(order.submitted_ns == close_ns for order in day_orders)  # of `on_session_end`
    system.step()  # over the week-end, in which an hour is lost, to the first bar of Monday
    assert clock.now_ns() == OPEN_NS + 3 * 86_400 * 10**9 - 3_600 * 10**9 + MINUTE_NS
    assert system.status().progress.session == DAYS[2]
    for _ in range(388):
        system.step()
    assert system.state == "PAUSED"
    system.step()  # the last one of the run
    assert (system.state, system.record.status) == ("STOPPED", "completed")
    with pytest.raises(ConfigurationError, match="step: no session is running, the system is STOP"):
        system.step()


def test_a_pause_stands_still_and_a_resume_goes_on(market: Installation) -> None:
    system = market.system()
    playing, resumed, calls = threading.Event(), threading.Event(), []

    def act(_symbol: str, now_ns: int) -> None:
        calls.append(now_ns)
        if len(calls) == 300:
            pause_from_elsewhere(system)
            playing.set()
        if len(calls) == 400:
            resumed.wait(PATIENCE_S)

    steering_fixtures.ON_CALL.append(act)
    system.start(config())
    assert playing.wait(PATIENCE_S)
    system.pause()
    system.pause()
    assert (system.state, system.status().state, system.is_running()) == ("PAUSED", "PAUSED", True)
    progress, now_ns = system.status().progress, system.get_time_manager().now_ns()
    assert progress.now_ns == now_ns
    before = len(calls)
    time.sleep(0.3)
    after = system.status().progress
    assert (after.now_ns, after.bars, after.orders) == (now_ns, progress.bars, progress.orders)
    assert system.get_time_manager().now_ns() == now_ns
    assert len(calls) == before < 310  # the rest of an instant: three strategies, two symbols
    system.resume()
    system.resume()
    assert system.state == "RUNNING"
    resumed.set()
    assert system.wait(PATIENCE_S)
    assert len(calls) > before


def pause_from_elsewhere(system: SystemManager) -> None:
    """Another thread asks for it while this one, the deciding one, is in a call."""
    asking = threading.Thread(target=system._run.pace.pause)
    asking.start()
    asking.join()


def test_streams_and_progress_follow_a_clocked_session(market: Installation) -> None:
    """A bar comes when its minute is over and no earlier; progress is on its way in between."""
    stopwatch = DrivenStopwatch()
    system = fast_system(market, stopwatch)
    streams = system.get_data_manager()
    stream = streams.start_bar_stream("AAA", "1m")
    system.start(config(speed=1_200.0))  # a minute in 50 ms
    assert system.status().speed == 1_200.0
    until(lambda: stopwatch.waits > 0)
    for number in range(1, 41):
        stopwatch.now = (number - 0.5) * 0.05
        until(partial(is_at, system, number - 0.5))
        assert streams.next_bars(stream, timeout=0.0) is None
        stopwatch.now = (number + 0.1) * 0.05
        part = streams.next_bars(stream, timeout=PATIENCE_S)
        assert part is not None
        assert part.columns.end_ns.tolist() == [ns_after(number)]
    assert 0.0 < stopwatch.longest_s <= 0.25  # after each wait the present is told
    system.stop()


def is_at(system: SystemManager, minutes: float) -> bool:
    return bool(system.status().progress.now_ns == ns_after(minutes))


def ns_after(minutes: float) -> int:
    return OPEN_NS + round(minutes * MINUTE_NS)


# ── what makes no sense ──────────────────────────────────────────────────────


def test_nothing_to_steer(market: Installation) -> None:
    system = market.system()
    for act, name in ((system.pause, "pause"), (system.resume, "resume"), (system.step, "step")):
        with pytest.raises(ConfigurationError, match=f"{name}: no session is running.*STOPPED"):
            act()
    with pytest.raises(ConfigurationError, match="speed: no session is running"):
        system.set_speed(1.0)
    assert (system.state, system.status().speed) == ("STOPPED", 0.0)


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf")])
def test_no_speed(speed: float, market: Installation) -> None:
    system = market.system()
    system.start(config(), paused=True)
    with pytest.raises(ConfigurationError, match=r"speed_multiplier: .* finite number, 0 or more"):
        system.set_speed(speed)
    system.stop()


def test_only_a_paused_session_is_stepped(market: Installation) -> None:
    system = market.system()
    system.start(config(speed=1.0))
    with pytest.raises(ConfigurationError, match="not paused; pause it first"):
        system.step()
    system.pause()
    system.set_speed(60.0)
    assert (system.state, system.status().speed) == ("PAUSED", 60.0)
    with pytest.raises(ConfigurationError, match="running already"):
        system.start(config())
    system.stop()
    assert system.state == "STOPPED"


# ── stop, storms ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("steps", [0, 1, 390, 391])
def test_stop_while_paused(steps: int, market: Installation) -> None:
    system = market.system()
    system.start(config(), paused=True)
    for _ in range(steps):
        system.step()
    with running_time() as passed:
        system.stop()
    assert passed.seconds < 2.0
    assert (system.state, system.reason) == ("STOPPED", None)
    assert system.record.status == "stopped"
    assert len(system.result.log.bars["AAA"]) == steps


@pytest.mark.parametrize("pause_s", [0.0, 0.02])
def test_a_pause_comes_within_a_call(
    pause_s: float, market: Installation, hooks: dict[str, Any]
) -> None:
    """Not after a chunk of hundreds: a quick strategy and a slow one are held after this bar."""
    made = session_config(
        "AAA",
        first=FIRST,
        last=LAST,
        strategies={"hooked": ("tests.session_strategies:Hooked", {})},
    )
    system = market.system()
    playing, bars = threading.Event(), []

    def act(_strategy: Any, bar: Any) -> None:
        bars.append(bar.row)
        if len(bars) == 5:
            pause_from_elsewhere(system)
            playing.set()
        time.sleep(pause_s)

    hooks["on_bar"] = act
    system.start(made)
    assert playing.wait(PATIENCE_S)
    system.pause()
    assert (len(bars), system.state) == (5, "PAUSED")
    system.stop()


def test_a_strategy_may_steer_its_own_session(market: Installation, hooks: dict[str, Any]) -> None:
    """None of it may wait for the thread it is called in."""
    made = session_config(
        "AAA",
        first=FIRST,
        last=LAST,
        strategies={"hooked": ("tests.session_strategies:Hooked", {})},
    )
    system = market.system()
    bars: list[int] = []

    def act(_strategy: Any, bar: Any) -> None:
        bars.append(bar.row)
        if len(bars) == 5:
            system.pause()
        if len(bars) == 7:
            system.stop()

    hooks["on_bar"] = act
    system.start(made)
    while system.state != "PAUSED":
        time.sleep(0.001)
    system.step()
    assert len(bars) == 6
    system.resume()
    assert system.wait(PATIENCE_S)
    assert (len(bars), system.record.status) == (7, "stopped")


@pytest.mark.parametrize("seed", range(4))
def test_a_storm_of_hands_leaves_a_clean_end(seed: int, market: Installation) -> None:
    system = fast_system(market)
    hands = [BusyHand(system, 100 + 10 * seed + k, may_stop=k == 3) for k in range(4)]
    slow_down(hands)
    system.start(config(), paused=bool(seed % 2))
    for hand in hands:
        hand.start()
    finish(system, hands)
    assert (system.state, system.reason) == ("STOPPED", None)
    assert market.records()[0].status in {"stopped", "completed"}
    again = market.run(config())
    assert again.record.status == "completed"
