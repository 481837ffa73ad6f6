"""Punctuality: what counts as decided in time, by arithmetic."""

import pytest

from app.threads.punctuality import Punctuality

SECOND_NS = 1_000_000_000
NOON_NS = 1_000_000 * SECOND_NS


def at(seconds: float) -> Punctuality:
    """So many seconds after noon, with 15 s of waiting for a bar."""
    return Punctuality(lambda: NOON_NS + round(seconds * SECOND_NS), 15.0)


@pytest.mark.parametrize(
    ("seconds", "overdue", "behind_s"), [(0, 0, 0), (15, 0, 0), (75, 0, 0), (76, 1, 61)]
)
def test_a_minute_after_the_wait_is_too_late(seconds: float, overdue: int, behind_s: float) -> None:
    punctuality = at(seconds)
    punctuality.decides(NOON_NS)
    assert (punctuality.overdue, punctuality.behind_s) == (overdue, behind_s)


def test_who_catches_up_is_not_behind_any_more() -> None:
    punctuality = at(600)
    for minute in range(11):
        punctuality.decides(NOON_NS + minute * 60 * SECOND_NS)
    # Of the minutes from noon to 12:10, decided at 12:10, those to 12:08 are more than 75 s old.
    assert (punctuality.overdue, punctuality.behind_s) == (9, 0)


@pytest.mark.parametrize(("seconds", "is_long_ago"), [(135, False), (136, True)])
def test_when_a_bar_must_have_come(seconds: float, is_long_ago: bool) -> None:
    assert at(seconds).is_long_ago(NOON_NS) is is_long_ago
