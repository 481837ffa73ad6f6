"""Pace: when an instant is due, by arithmetic; a fake stopwatch makes the seconds pass."""

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from app.threads.pace import Pace
from app.threads.sync import RunControl
from tests.steering_fixtures import FakeStopwatch
from tests.system_fixtures import PATIENCE_S

MINUTE_NS = 60_000_000_000
OPEN_NS = 1_000 * MINUTE_NS


@pytest.fixture
def watch() -> FakeStopwatch:
    return FakeStopwatch()


@pytest.fixture
def control() -> Iterator[RunControl]:
    made = RunControl()
    yield made
    made.request_stop()


def ignore(_now_ns: int) -> None:
    pass


def minute(number: int) -> int:
    return OPEN_NS + number * MINUTE_NS


def play(pace: Pace, watch: FakeStopwatch, *numbers: int) -> list[float]:
    """The real time at which each of the minutes was let through."""
    times = []
    present_ns = minute(numbers[0] - 1)
    for number in numbers:
        assert pace.admit(minute(number), present_ns, ignore)
        present_ns = minute(number)
        times.append(watch.now)
    return times


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 60.0), (60.0, 1.0), (0.5, 120.0)])
def test_a_bar_comes_when_its_end_is_due(
    speed: float, seconds: float, control: RunControl, watch: FakeStopwatch
) -> None:
    """(bar end − open) / speed: minute k ends 60 k market seconds after the open."""
    pace = Pace(control, speed=speed, stopwatch=watch)
    watch.now = 17.0
    assert pace.begin(OPEN_NS, ignore)
    expected = [17.0 + k * seconds for k in (1, 2, 3, 10)]
    assert play(pace, watch, 1, 2, 3, 10) == pytest.approx(expected, abs=1e-6)


def test_without_a_speed_nothing_waits(control: RunControl, watch: FakeStopwatch) -> None:
    pace = Pace(control, stopwatch=watch)
    assert pace.is_free
    assert pace.begin(OPEN_NS, ignore)
    assert play(pace, watch, 1, 2, 300) == [0.0, 0.0, 0.0]
    assert watch.waits == 0


def test_delays_do_not_add_up(control: RunControl, watch: FakeStopwatch) -> None:
    pace = Pace(control, speed=60.0, stopwatch=watch)
    pace.begin(OPEN_NS, ignore)
    assert play(pace, watch, 1) == pytest.approx([1.0])
    watch.now += 2.5  # a strategy that takes its time: minutes 2 and 3 are late, 4 is not
    assert play(pace, watch, 2, 3, 4) == pytest.approx([3.5, 3.5, 4.0])


def test_nights_take_no_time(control: RunControl, watch: FakeStopwatch) -> None:
    pace = Pace(control, speed=60.0, stopwatch=watch)
    pace.begin(OPEN_NS, ignore)
    play(pace, watch, 1)
    tomorrow_ns = OPEN_NS + 1_440 * MINUTE_NS
    pace.begin(tomorrow_ns, ignore)
    assert pace.admit(tomorrow_ns + MINUTE_NS, tomorrow_ns, ignore)
    assert watch.now == pytest.approx(2.0)


def at(second: float, watch: FakeStopwatch, act: Callable[[], None]) -> Callable[[int], None]:
    """Act once, when so many seconds have passed for whoever waits."""
    done: list[bool] = []

    def on_wait(_now_ns: int) -> None:
        if watch.now >= second - 1e-9 and not done:
            done.append(True)
            act()

    return on_wait


def test_a_change_of_speed_counts_from_where_time_is(
    control: RunControl, watch: FakeStopwatch
) -> None:
    """At 60, half of the first minute takes 0.6 s of 1.0; the other 24 s, at 6, take 4 s."""
    pace = Pace(control, speed=60.0, stopwatch=watch)
    pace.begin(OPEN_NS, ignore)
    change = at(0.6, watch, lambda: pace.set_speed(6.0))
    assert pace.admit(minute(1), OPEN_NS, change)
    assert watch.now == pytest.approx(4.6)
    assert play(pace, watch, 2) == pytest.approx([14.6])


def test_a_pause_takes_no_time_of_the_session(control: RunControl, watch: FakeStopwatch) -> None:
    pace = Pace(control, speed=60.0, stopwatch=watch)
    pace.begin(OPEN_NS, ignore)

    def hold() -> None:
        pace.pause()
        watch.now += 1_000.0
        pace.resume()

    assert pace.admit(minute(1), OPEN_NS, at(0.4, watch, hold))
    assert watch.now == pytest.approx(1_001.0)


def test_from_no_waiting_to_a_speed_counts_from_the_present(
    control: RunControl, watch: FakeStopwatch
) -> None:
    pace = Pace(control, stopwatch=watch)
    pace.begin(OPEN_NS, ignore)
    watch.now = 5.0  # meanwhile 200 minutes are played in one go
    pace.set_speed(60.0)
    assert not pace.is_free
    assert pace.admit(minute(201), minute(200), ignore)
    assert watch.now == pytest.approx(6.0)
    pace.set_speed(0.0)
    assert pace.is_free
    assert play(pace, watch, 202) == pytest.approx([6.0])
    pace.set_speed(30.0)
    assert play(pace, watch, 203) == pytest.approx([8.0])


def test_time_is_told_several_times_a_second(control: RunControl, watch: FakeStopwatch) -> None:
    told: list[tuple[float, int]] = []
    pace = Pace(control, speed=60.0, stopwatch=watch)
    pace.begin(OPEN_NS, ignore)
    for number in (1, 2, 3):
        pace.admit(minute(number), minute(number - 1), lambda now: told.append((watch.now, now)))
    seconds = [second for second, _ in told] + [3.0]
    assert max(b - a for a, b in pairwise(seconds)) <= 0.25
    for second, now_ns in told:  # a second is a minute of the market
        assert now_ns == pytest.approx(OPEN_NS + second * MINUTE_NS, abs=1e6)


def test_a_step_lets_one_instant_through(control: RunControl) -> None:
    pace = Pace(control, speed=60.0, paused=True)
    played: list[int] = []

    def decide() -> None:
        with pace.playing():
            pace.begin(OPEN_NS, ignore)
            for number in range(1, 6):
                let = pace.admit(minute(number), minute(number - 1), ignore)
                played.extend([number] * let)
        pace.finish()

    thread = threading.Thread(target=decide)
    thread.start()
    assert pace.wait_for_rest(PATIENCE_S)
    assert played == []
    for expected in ([1], [1, 2]):
        assert pace.step()
        assert pace.wait_for_steps(PATIENCE_S)
        assert played == expected
    assert pace.step()
    assert pace.step()  # twice in a row
    assert pace.wait_for_steps(PATIENCE_S)
    assert played == [1, 2, 3, 4]
    control.request_stop()  # while paused
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert played == [1, 2, 3, 4]


def test_only_what_is_paused_can_be_stepped(control: RunControl) -> None:
    pace = Pace(control)
    assert not pace.step()
    pace.pause()
    pace.pause()
    assert pace.step()
    pace.resume()
    pace.resume()
    assert not pace.step()
    assert pace.is_free
