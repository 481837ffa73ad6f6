"""No strategy can know what has not happened: its decisions do not depend on bars to come."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.data_structures import BarColumns
from app.core.enums import OrderType
from app.core.run_log import RunLog
from app.core.types import DAY_NS
from tests.engine_walks import (
    Diary,
    Market,
    described,
    make_market,
    markets,
    new_simulation,
)


def cut_off(bars: BarColumns, time_ns: int) -> BarColumns:
    """The bars that had closed by `time_ns`."""
    return bars.slice(0, int(np.searchsorted(bars.end_ns, time_ns, side="right")))


def other_future(bars: BarColumns, time_ns: int) -> BarColumns:
    """The same bars up to `time_ns`; after it other prices, and every second bar missing."""
    known = len(cut_off(bars, time_ns))
    later = bars.slice(known, len(bars))
    prices = (column * 1.7 for column in (later.open, later.high, later.low, later.close))
    changed = BarColumns(later.start_ns, later.end_ns, *prices, later.volume + 100.0)
    return BarColumns.concatenate(
        [bars.slice(0, known), changed.take(np.arange(0, len(changed), 2))]
    )


def known_by(time_ns: int, diary: Diary, log: RunLog) -> tuple:
    """What was seen, sent and traded by `time_ns`."""
    told = described(log)
    traded = np.array(told["fills"]["bar_end_ns"]) <= time_ns
    return (
        [entry for entry in diary if entry[0] <= time_ns],
        [
            # What later bars cannot change; the rest of it, as of then, is in the diary.
            (o.id, o.strategy, o.symbol, o.type, o.time_in_force, o.submitted_ns, o.tag, o.replaces)
            for o in log.orders
            if o.submitted_ns <= time_ns
        ],
        {name: np.array(column)[traded].tolist() for name, column in told["fills"].items()},
    )


@pytest.mark.parametrize("reads_values_when_told", [False, True])
@settings(max_examples=40, deadline=None)
@given(market=markets(), share=st.floats(0.0, 1.0), kind=st.integers(0, 5))
def test_decisions_are_the_same_whatever_comes_after(
    market: Market, share: float, kind: int, *, reads_values_when_told: bool
) -> None:
    """`kind` runs one kind of strategy alone, or (the last) all of them in one account."""
    ends = market.ends_ns
    time_ns = int(ends[int(share * (len(ends) - 1))])
    until_ns = int(market.sessions.close_ns[-1])
    kinds = [kind] if kind < 5 else range(5)
    outcomes = []
    for future in (lambda bars, _time: bars, cut_off, other_future):
        diary: Diary = []
        minutes = {symbol: future(bars, time_ns) for symbol, bars in market.minutes.items()}
        simulation = new_simulation(
            replace(market, minutes=minutes),
            diary,
            reads_values_when_told=reads_values_when_told,
            kinds=kinds,
        )
        log = simulation.run(minutes, history_until_ns=0, until_ns=until_ns)
        outcomes.append(known_by(time_ns, diary, log))
    full, truncated, changed = outcomes
    assert full == truncated
    assert full == changed


def test_the_wanderers_do_trade() -> None:
    """The property would hold for a strategy that never acts; these do, in every hook."""
    market = make_market(7, symbols=3, sessions=3, minutes=16, present=0.9)
    diary: Diary = []
    simulation = new_simulation(market, diary)
    log = simulation.run(
        market.minutes, history_until_ns=0, until_ns=int(market.sessions.close_ns[-1])
    )
    assert {entry[3] for entry in diary} == {"start", "bar", "slice", "order", "end"}
    assert len(log.fills) > 100
    types = {(order.type.value, order.status.value) for order in log.orders}
    ends = ("filled", "expired", "canceled", "rejected", "replaced")
    assert types >= {(kind, end) for kind in ("limit", "stop") for end in ends[:3]}
    assert {end for _, end in types} == set(ends)
    assert {kind for kind, end in types if end == "filled"} == set(OrderType)
    assert any(event.status == "partially_filled" for event in log.events)
    assert max(entry[0] for entry in diary) - min(entry[0] for entry in diary) > 2 * DAY_NS
