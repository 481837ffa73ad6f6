"""The exchange does what a second, deliberately simple one does, on random sessions.

MISMARTERA_RANDOM_SESSIONS says on how many; ``python -m tests.reference_exchange 10000`` does
the same outside the tests.
"""

import os
from collections import Counter

import pytest

from tests.engine_walks import described
from tests.random_sessions import difference, draw_session, simulate

SESSIONS = int(os.environ.get("MISMARTERA_RANDOM_SESSIONS", "400"))
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_orders_events_fills_and_cash_are_those_of_the_reference(part: int) -> None:
    for seed in range(part, SESSIONS, PARTS):
        assert not difference(seed)


@pytest.mark.parametrize("minutes", [1, 4, 300])
def test_batches_change_nothing(minutes: int) -> None:
    """However the stream is cut: in a session, at its end, in the night."""
    for seed in range(60 if minutes > 1 else 20):
        session = draw_session(seed)
        whole, cut = (described(simulate(session, minutes=m)[0]) for m in (0, minutes))
        assert cut == whole, seed


def test_the_random_sessions_have_everything_in_them() -> None:
    """Two exchanges that never do a thing would agree as well."""
    filled, ended, statuses = Counter(), Counter(), Counter()
    for seed in range(300):
        log, _ = simulate(draw_session(seed))
        for order in log.orders:
            if order.filled_quantity:
                filled[order.type.value, order.time_in_force.value] += 1
            ended[order.reason.partition(" ")[0]] += 1
        statuses.update(event.status.value for event in log.events)
    opening = ("opg", "cls")
    patient = ("day", "gtc", "gtd", "ioc", "fok")
    types = ("market", "limit", "stop", "stop_limit", "trailing_stop")
    for type_ in types:
        for force in (*patient, *(opening if type_ in ("market", "limit") else ())):
            assert filled[type_, force], (type_, force)
    assert all(statuses[word] > 50 for word in ("held", "partially_filled", "replaced", "expired"))
    assert all(ended[word] for word in ("order", "its", "reduce-only:", "ioc:", "fok:", "there"))
