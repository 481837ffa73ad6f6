"""The order state machine: the table itself, and runs that never leave it."""

from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pytest

from app.core.enums import OrderStatus, TimeInForce
from app.core.exceptions import OrderStateError
from app.core.orders import FINAL, TRANSITIONS, require_transition
from app.core.run_log import RunLog
from app.core.strategy import Strategy
from app.research import run_backtest
from tests.engine_bars import FLAT, bars, end_of, grid, play, scripted, start_of

S = OrderStatus
LISTED = {
    (S.PENDING_NEW, S.NEW),
    (S.PENDING_NEW, S.HELD),
    (S.PENDING_NEW, S.REJECTED),
    (S.PENDING_NEW, S.CANCELED),
    (S.HELD, S.NEW),
    (S.HELD, S.CANCELED),
    (S.HELD, S.EXPIRED),
    (S.HELD, S.REPLACED),
    (S.NEW, S.PARTIALLY_FILLED),
    (S.NEW, S.FILLED),
    (S.NEW, S.CANCELED),
    (S.NEW, S.EXPIRED),
    (S.NEW, S.REJECTED),
    (S.NEW, S.REPLACED),
    (S.PARTIALLY_FILLED, S.PARTIALLY_FILLED),
    (S.PARTIALLY_FILLED, S.FILLED),
    (S.PARTIALLY_FILLED, S.CANCELED),
    (S.PARTIALLY_FILLED, S.EXPIRED),
    (S.PARTIALLY_FILLED, S.REJECTED),
    (S.PARTIALLY_FILLED, S.REPLACED),
}


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_a_transition_is_allowed_if_the_table_lists_it_and_refused_otherwise(
    before: OrderStatus, after: OrderStatus
) -> None:
    assert (after in TRANSITIONS[before]) == ((before, after) in LISTED)
    if (before, after) in LISTED:
        require_transition(before, after)
        return
    with pytest.raises(OrderStateError, match=f"is {before} cannot become {after}"):
        require_transition(before, after)


def test_final_states_are_those_nothing_follows() -> None:
    assert {S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.REPLACED} == FINAL


def events_of(log: RunLog, order_id: int) -> list[tuple[int, str, str]]:
    """Time, state and cause of every transition of one order."""
    return [(e.time_ns, e.status.value, e.cause) for e in log.events if e.order_id == order_id]


# ── every way an order can go, with time and cause ───────────────────────────


def test_filled() -> None:
    log = play([FLAT] * 3, {1: lambda s: s.buy(10)}).log
    assert events_of(log, 1) == [
        (end_of(1), "pending_new", ""),
        (end_of(1), "new", ""),
        (start_of(2), "filled", ""),
    ]
    order = log.orders[0]
    assert (order.status, order.filled_ns, order.fill_price) == (S.FILLED, start_of(2), 100.0)
    assert (order.side, order.type, order.time_in_force) == ("buy", "market", "day")


def test_cancelled_by_the_strategy() -> None:
    script = {0: lambda s: s.buy(10, limit=90.0), 2: lambda s: s.cancel(s.orders[0])}
    log = play([FLAT] * 5, script).log
    assert events_of(log, 1)[-1] == (end_of(2), "canceled", "cancelled by the strategy")
    assert log.orders[0].reason == "cancelled by the strategy"
    assert len(log.fills) == 0


def test_a_cancelled_order_never_fills() -> None:
    script = {0: lambda s: s.buy(10), 1: lambda s: s.buy(10, limit=90.0)}
    script[2] = lambda s: s.cancel(s.orders[0])
    log = play([FLAT] * 3 + [(80.0, 80.0, 80.0, 80.0)] * 3, script).log
    assert [order.status for order in log.orders] == [S.FILLED, S.CANCELED]
    assert len(log.fills) == 1


def test_cancelling_what_has_ended_changes_nothing() -> None:
    follower = scripted({0: lambda s: s.buy(10), 2: lambda s: s.cancel(s.sent[0])})
    log = play([FLAT] * 4, {}, strategy=follower).log
    assert [status for _, status, _ in events_of(log, 1)] == ["pending_new", "new", "filled"]


def test_a_day_order_expires_at_its_sessions_close() -> None:
    log = play([FLAT] * 30, {3: lambda s: s.buy(10, limit=90.0)}).log
    assert events_of(log, 1)[-1] == (end_of(9), "expired", "the session closed")
    assert log.orders[0].reason == "the session closed"


def test_a_gtc_order_survives_the_close_and_fills_later() -> None:
    rows = [FLAT] * 25 + [(80.0, 80.0, 80.0, 80.0)]
    log = play(rows, {3: lambda s: s.buy(10, limit=90.0, time_in_force="gtc")}).log
    assert events_of(log, 1)[-1] == (start_of(25), "filled", "")
    assert log.fills.price.tolist() == [80.0]


def test_a_gtc_order_that_never_fills_ends_with_the_run() -> None:
    log = play([FLAT] * 20, {3: lambda s: s.buy(10, limit=90.0, time_in_force="gtc")}).log
    assert events_of(log, 1)[-1] == (end_of(19), "canceled", "the run ended")


@pytest.mark.parametrize("moment", [9, ("end", 0)])
def test_a_day_order_sent_at_the_close_works_in_the_next_session(moment: object) -> None:
    rows = [FLAT] * 14 + [(80.0, 80.0, 80.0, 80.0)] * 16
    log = play(rows, {moment: lambda s: s.buy(10, limit=90.0)}).log
    assert log.orders[0].submitted_ns == end_of(9)
    assert events_of(log, 1)[-1] == (start_of(14), "filled", "")


@pytest.mark.parametrize("moment", [9, ("end", 0)])
def test_and_expires_at_the_close_of_that_session(moment: object) -> None:
    log = play([FLAT] * 30, {moment: lambda s: s.buy(10, limit=90.0)}).log
    assert events_of(log, 1)[-1] == (end_of(19), "expired", "the session closed")


def test_an_order_of_the_start_works_from_the_first_bar() -> None:
    rows = [(101.0, 102.0, 100.0, 101.0), FLAT]
    log = play(rows, {"start": lambda s: s.buy(10)}).log
    assert log.fills.time_ns.tolist() == [start_of(0)]
    assert log.fills.price.tolist() == [101.0]


def test_refused_at_once() -> None:
    log = play([FLAT] * 3, {1: lambda s: s.buy(11)}, cash=1_000.0).log
    assert events_of(log, 1) == [
        (end_of(1), "pending_new", ""),
        (end_of(1), "rejected", "not enough buying power"),
    ]


def test_refused_at_the_fill() -> None:
    rows = [FLAT, FLAT, (101.0, 101.0, 101.0, 101.0)]
    log = play(rows, {1: lambda s: s.buy(10)}, cash=1_000.0).log
    states = [(status, cause) for _, status, cause in events_of(log, 1)]
    assert states[1:] == [
        ("new", ""),
        ("rejected", "not enough buying power at the price of the fill"),
    ]
    assert len(log.fills) == 0


def test_what_on_order_is_told_and_when() -> None:
    """Fills, refusals at the exchange and expiry are told; the strategy's own cancel is not."""
    follower = scripted(
        {
            0: lambda s: s.buy(1),
            1: lambda s: s.buy(1, limit=90.0),
            2: lambda s: s.buy(1_000_000),
            3: lambda s: s.buy(1, limit=91.0),
            4: lambda s: s.cancel(s.sent[-1]),
        }
    )
    play([FLAT] * 20, {}, strategy=follower)
    assert follower.told == [
        (1, end_of(1), S.FILLED),
        (3, end_of(2), S.REJECTED),
        (2, end_of(9), S.EXPIRED),
    ]


def test_orders_lists_what_works_oldest_first() -> None:
    seen = []
    script = {
        0: lambda s: s.buy(1, limit=90.0),
        1: lambda s: s.sell(1, limit=110.0, tag="above"),
        2: lambda s: seen.append([(order.id, order.tag) for order in s.orders]),
        3: lambda s: s.cancel(s.orders[0]),
        4: lambda s: seen.append([(order.id, order.tag) for order in s.orders]),
    }
    play([FLAT] * 6, script)
    assert seen == [[(1, ""), (2, "above")], [(2, "above")]]


# ── a busy run ───────────────────────────────────────────────────────────────


class Busy(Strategy):
    """Sends and cancels all kinds of orders, by a seeded generator."""

    def on_start(self) -> None:
        self.random = np.random.default_rng(len(self.symbol))

    def on_bar(self, bar: object) -> None:
        draw = self.random.random(5)
        quantity, send = float(int(draw[0] * 90) + 1), self.buy if draw[1] < 0.5 else self.sell
        tif = "day" if draw[2] < 0.5 else "gtc"
        if draw[3] < 0.15:
            send(quantity)
        elif draw[3] < 0.35:
            send(quantity, limit=bar.close + draw[4] - 0.5, time_in_force=tif)
        elif draw[3] < 0.55:
            send(quantity, stop=bar.close + draw[4] - 0.5, time_in_force=TimeInForce(tif))
        elif draw[3] < 0.65 and self.orders:
            self.cancel(self.orders[int(draw[4] * len(self.orders))])


@pytest.fixture(scope="module")
def busy_run() -> RunLog:
    random = np.random.default_rng(3)
    minutes = {}
    for symbol in ("A", "BB", "CCC"):
        close = 100.0 + np.cumsum(random.integers(-20, 21, 600)) / 100.0
        open_ = close + random.integers(-5, 6, 600) / 100.0
        high, low = np.maximum(open_, close) + 0.03, np.minimum(open_, close) - 0.03
        volume = random.integers(0, 6, 600).astype(float)
        rows = zip(*(c.tolist() for c in (open_, high, low, close, volume)), strict=True)
        minutes[symbol] = bars([row if random.random() < 0.9 else None for row in rows])
    return run_backtest(Busy, minutes, sessions=grid(60), cash=12_000.0, leverage=1.5).log


def test_a_busy_run_makes_only_listed_transitions(busy_run: RunLog) -> None:
    last: dict[int, OrderStatus] = {}
    for event in busy_run.events:
        if event.order_id in last:
            assert (last[event.order_id], event.status) in LISTED
        else:
            assert event.status is S.PENDING_NEW
        last[event.order_id] = event.status
    assert last == {order.id: order.status for order in busy_run.orders}
    ends = Counter(last.values())
    assert set(ends) == FINAL - {S.REPLACED}
    assert min(ends.values()) > 5, ends


def test_a_busy_runs_events_are_in_time_order_for_each_order(busy_run: RunLog) -> None:
    times = defaultdict(list)
    for event in busy_run.events:
        times[event.order_id].append(event.time_ns)
    assert all(one == sorted(one) for one in times.values())
    submitted = {order.id: order.submitted_ns for order in busy_run.orders}
    assert {order: one[0] for order, one in times.items()} == submitted


def test_a_busy_run_gives_a_cause_for_every_end_but_a_fill(busy_run: RunLog) -> None:
    causes = defaultdict(set)
    for event in busy_run.events:
        causes[event.status].add(event.cause)
    assert causes[S.PENDING_NEW] == causes[S.NEW] == causes[S.FILLED] == {""}
    assert causes[S.EXPIRED] == {"the session closed"}
    assert causes[S.CANCELED] == {"cancelled by the strategy", "the run ended"}
    assert causes[S.REJECTED] == {
        "not enough buying power",
        "not enough buying power at the price of the fill",
    }
    assert {order.reason for order in busy_run.orders if order.status is S.FILLED} == {""}


def test_a_busy_runs_fills_are_its_filled_orders(busy_run: RunLog) -> None:
    filled = {o.id: (o.filled_ns, o.fill_price) for o in busy_run.orders if o.status is S.FILLED}
    log = busy_run.fills
    rows = zip(log.time_ns.tolist(), log.price.tolist(), strict=True)
    assert dict(zip(log.order_id.tolist(), rows, strict=True)) == filled
    assert len(log) == len(filled)


def test_a_busy_run_fills_only_in_bars_of_the_sessions_that_traded(busy_run: RunLog) -> None:
    """Every fill lies within a bar with volume that began when the order was sent or later."""
    log, sent = busy_run.fills, {order.id: order.submitted_ns for order in busy_run.orders}
    columns = zip(
        *(
            getattr(log, n).tolist()
            for n in ("order_id", "symbol", "time_ns", "bar_end_ns", "price")
        ),
        strict=True,
    )
    for order_id, symbol, time_ns, bar_end_ns, price in columns:
        minutes = busy_run.bars[busy_run.symbols[symbol]]
        row = int(np.searchsorted(minutes.end_ns, bar_end_ns))
        assert minutes.end_ns[row] == bar_end_ns
        assert minutes.volume[row] > 0
        assert sent[order_id] <= minutes.start_ns[row] <= time_ns <= bar_end_ns
        assert minutes.low[row] <= price <= minutes.high[row]


def test_a_busy_runs_day_orders_never_outlive_their_session(busy_run: RunLog) -> None:
    closes_ns = busy_run.sessions.close_ns
    ended = {event.order_id: event.time_ns for event in busy_run.events}
    for order in busy_run.orders:
        if order.time_in_force is TimeInForce.DAY:
            own = closes_ns[np.searchsorted(closes_ns, order.submitted_ns, side="right") :]
            assert not len(own) or ended[order.id] <= own[0]


def test_slices_of_the_events_read_like_the_whole(busy_run: RunLog) -> None:
    events = busy_run.events
    assert list(events[3:6]) == [events[3], events[4], events[5]]
    assert events[-1] == list(events)[-1]
