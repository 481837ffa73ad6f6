"""Deadlines that are counted in looks, so that a stall is one of them."""

from threading import Event, Thread

import pytest

from app.threads.sync import wait_in_looks


@pytest.mark.parametrize("timeout_s", [0.0, 0.1, 0.25, 0.6, 2.0])
def test_a_deadline_is_what_its_looks_are_together(timeout_s: float) -> None:
    looks: list[float] = []
    assert not wait_in_looks(looks.append, timeout_s)
    assert sum(looks) == pytest.approx(timeout_s)
    assert 0.0 <= max(looks) <= 0.25


def test_a_stall_of_any_length_is_one_look() -> None:
    """The process stands still in its second look, past every deadline; it is asked on."""
    now_s, stalls = 0.0, iter([0.0, 3_600.0])

    def wait(look_s: float) -> bool:
        nonlocal now_s
        now_s += look_s + next(stalls, 0.0)
        return now_s > 3_600.9

    assert wait_in_looks(wait, 2.0)
    assert now_s == pytest.approx(3_601.0)


def test_who_is_answered_waits_no_longer() -> None:
    answers = iter([False, True])
    asked: list[float] = []
    assert wait_in_looks(lambda look_s: asked.append(look_s) or next(answers), 2.0)
    assert len(asked) == 2


def test_an_event_ends_the_wait() -> None:
    event = Event()
    Thread(target=event.set).start()
    assert wait_in_looks(event.wait, 30.0)
    assert not wait_in_looks(Event().wait, 0.01)
