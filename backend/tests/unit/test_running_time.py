"""The stopwatch of the tests: what it counts, and what it does not."""

from time import sleep

import pytest

from tests.running_time import RunningTime, running_time


def test_a_stall_counts_as_one_look() -> None:
    moments = iter([100.0, 100.01, 100.03, 103.03, 103.04])
    passed = RunningTime(lambda: next(moments))
    for _ in range(4):
        passed.look()
    assert passed.seconds == pytest.approx(0.01 + 0.02 + 0.05 + 0.01)


def test_time_that_passes_is_counted() -> None:
    with running_time() as passed:
        while passed.seconds < 0.1:
            sleep(0.001)
    assert passed.seconds >= 0.1
    assert not passed.is_alive()
