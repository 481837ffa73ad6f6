"""Exits of an entry, orders that cancel one another, and orders that only reduce."""

import pytest

from app.core.fill_rules import FillRules
from app.core.run_log import RunLog
from app.services.simulation.plan import StrategyEntry
from app.services.simulation.simulation import Simulation, Terms
from tests.engine_bars import FLAT, Row, bars, end_of, grid, play, scripted, start_of

TENTH = FillRules(participation_pct=10.0)
UP = (104.0, 105.0, 103.5, 104.0)


def story(log: RunLog, order: int) -> list[tuple[int, str, str]]:
    """Time, state and cause of every transition of one order."""
    return [(e.time_ns, e.status.value, e.cause) for e in log.events if e.order_id == order]


def trades(log: RunLog) -> list[tuple[int, float, float]]:
    """Order, signed units and price of every fill."""
    fills = log.fills
    columns = (fills.order_id, fills.quantity, fills.price)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def bracket(rows: list[Row], *, rules: FillRules = TENTH, quantity: float = 50, **terms) -> RunLog:
    """A run of one bracket sent at the close of minute 0; volumes of 1000 fill 100 units."""
    exits = {"take_profit": 103.0, "stop_loss": 97.0}
    script = {0: lambda s: s.buy(quantity, **(exits | terms))}
    return play([FLAT, *rows], script, fill_rules=rules).log


# ── exits ────────────────────────────────────────────────────────────────────


def test_the_life_of_a_bracket() -> None:
    log = bracket([FLAT, FLAT, UP])
    entry, target, stop = log.orders
    assert story(log, entry.id) == [
        (end_of(0), "pending_new", ""),
        (end_of(0), "new", ""),
        (start_of(1), "filled", ""),
    ]
    assert story(log, target.id) == [
        (end_of(0), "pending_new", ""),
        (end_of(0), "held", "until order 1 fills"),
        (start_of(1), "new", "order 1 was filled"),
        (start_of(3), "filled", ""),
    ]
    assert story(log, stop.id)[2:] == [
        (start_of(1), "new", "order 1 was filled"),
        (end_of(3), "canceled", "order 2 was filled"),
    ]
    assert (target.type, target.quantity, target.limit_price, target.tag) == (
        "limit",
        -50.0,
        103.0,
        "take profit",
    )
    assert (stop.type, stop.quantity, stop.stop_price, stop.tag) == (
        "stop",
        -50.0,
        97.0,
        "stop loss",
    )
    assert target.parent == stop.parent == entry.id
    assert target.group == stop.group != 0
    assert target.instructions.reduce_only
    assert trades(log) == [(1, 50.0, 100.0), (2, -50.0, 104.0)]


@pytest.mark.parametrize("exit_", ["take_profit", "stop_loss"])
def test_one_exit_alone(exit_: str) -> None:
    script = {0: lambda s: s.sell(5, **{exit_: 97.0 if exit_ == "take_profit" else 103.0})}
    rows = [FLAT, FLAT, (96.0,) * 4 if exit_ == "take_profit" else (104.0,) * 4]
    log = play(rows, script).log
    assert trades(log) == [(1, -5.0, 100.0), (2, 5.0, rows[2][0])]
    assert log.orders[1].group == 0


@pytest.mark.parametrize(
    ("force", "leg"), [("day", "day"), ("gtc", "gtc"), ("ioc", "gtc"), ("opg", "gtc")]
)
def test_exits_of_day_orders_are_day_orders_and_all_others_gtc(force: str, leg: str) -> None:
    log = bracket([FLAT], time_in_force=force)
    assert [order.time_in_force for order in log.orders[1:]] == [leg, leg]


@pytest.mark.parametrize(
    ("terms", "status"),
    [
        ({"limit": 90.0}, "expired"),
        ({"limit": 90.0, "time_in_force": "ioc"}, "canceled"),
        ({"limit": 90.0, "time_in_force": "gtc"}, "canceled"),
    ],
)
def test_exits_end_with_an_entry_that_never_filled(terms: dict, status: str) -> None:
    log = bracket([FLAT] * 9, **terms)
    assert [order.status for order in log.orders] == [status, "canceled", "canceled"]
    cause = "order 1 ended without a fill"
    assert [order.reason for order in log.orders[1:]] == [cause, cause]


def test_a_rejected_entry_has_no_exits() -> None:
    assert [o.status for o in bracket([FLAT], quantity=1e9).orders] == ["rejected"]


def test_exits_work_for_what_has_filled() -> None:
    """40, then 10 more of 50: the exits grow with it."""
    seen = []
    script = {
        0: lambda s: s.buy(50, take_profit=103.0, stop_loss=97.0),
        1: lambda s: seen.append([order.quantity for order in s.orders]),
        2: lambda s: seen.append([order.quantity for order in s.orders]),
    }
    rows = [FLAT, (*FLAT, 400.0), (*FLAT, 400.0), (104.0, 104.0, 104.0, 104.0, 1_000.0)]
    log = play(rows, script, fill_rules=TENTH).log
    assert seen == [[50.0, -40.0, -40.0], [-50.0, -50.0]]
    assert trades(log) == [(1, 40.0, 100.0), (1, 10.0, 100.0), (2, -50.0, 104.0)]


@pytest.mark.parametrize(
    ("bar", "expected"),
    [
        # The target, at a gap.
        ((104.0, 105.0, 103.5, 104.0, 1_000.0), [(2, -40.0, 104.0)]),
        # The stop, before the entry's limit of 100 could have been traded through.
        ((101.0, 101.0, 96.0, 97.0, 1_000.0), [(3, -40.0, 97.0)]),
        # At the open the entry comes first, having been there first.
        ((96.0, 96.5, 95.0, 96.0, 1_000.0), [(1, 10.0, 96.0), (3, -50.0, 96.0)]),
    ],
)
def test_the_trade_of_an_exit_cancels_what_is_left_of_the_entry(bar: Row, expected: list) -> None:
    """40 of 50 have filled at 99, the open of the bar before."""
    log = bracket([(99.0, 100.0, 99.0, 99.5, 400.0), bar, (99.0, 99.0, 99.0, 99.0)], limit=100.0)
    assert trades(log) == [(1, 40.0, 99.0), *expected]
    entry = log.orders[0]
    if len(expected) == 1:
        cause = f"its exit, order {expected[0][0]}, was filled"
        assert story(log, 1)[-1] == (end_of(2), "canceled", cause)
        assert entry.filled_quantity == 40.0
    else:
        assert entry.status == "filled"


def test_an_exit_filled_in_part_leaves_the_other_the_rest() -> None:
    """50 held; the target sells 30 of them, and the stop the other 20 two bars later."""
    rows = [
        (*FLAT, 1_000.0),
        (104.0, 104.0, 104.0, 104.0, 300.0),
        (*FLAT, 1_000.0),
        (96.0, 96.0, 96.0, 96.0, 1_000.0),
    ]
    log = bracket(rows)
    assert trades(log) == [(1, 50.0, 100.0), (2, -30.0, 104.0), (3, -20.0, 96.0)]
    assert story(log, 3)[3] == (end_of(2), "new", "order 2 was partly filled")
    assert story(log, 2)[-1] == (end_of(4), "canceled", "order 3 was filled")


def test_what_is_left_of_a_stop_that_was_reached_is_sold_at_market() -> None:
    """The stop at 97 sells 30 in its bar and 20 at the next open, though that is at 99."""
    rows = [
        (*FLAT, 1_000.0),
        (98.0, 98.0, 96.0, 97.5, 300.0),
        (99.0, 99.5, 98.5, 99.0, 1_000.0),
    ]
    log = bracket(rows)
    assert trades(log) == [(1, 50.0, 100.0), (3, -30.0, 97.0), (3, -20.0, 99.0)]


def test_a_trailing_stop_that_was_reached_trails_no_more() -> None:
    """Stop at 99 reached with 30 of 50; the rest goes at 105, the next open, not below a high."""
    script = {0: lambda s: s.buy(50), 1: lambda s: s.sell(50, trail=1.0)}
    rows = [
        FLAT,
        (*FLAT, 1_000.0),
        (100.0, 104.0, 98.0, 103.0, 300.0),
        (105.0, 106.0, 104.5, 105.0, 1_000.0),
    ]
    log = play(rows, script, fill_rules=TENTH).log
    assert trades(log)[1:] == [(2, -30.0, 99.0), (2, -20.0, 105.0)]


def test_an_exit_does_not_fill_at_a_price_that_was_not_there() -> None:
    """A stop loss above the price the entry got: out at once, at that price, not at the stop."""
    rows = [(95.0, 95.5, 94.0, 95.0)]
    log = bracket(rows, rules=FillRules(), stop_loss=99.0)
    assert trades(log) == [(1, 50.0, 95.0), (3, -50.0, 95.0)]
    within = bracket([(100.0, 100.5, 94.0, 95.0)], rules=FillRules(), limit=98.0, stop_loss=99.0)
    assert trades(within) == [(1, 50.0, 98.0), (3, -50.0, 98.0)]


# ── one cancels the other ────────────────────────────────────────────────────


def linked(rows: list[Row], *sizes: float, rules: FillRules = TENTH) -> RunLog:
    """Buy limits at 99, 98, 97 … of these sizes, each cancelling the others."""

    def send(strategy) -> None:
        orders = [strategy.buy(size, limit=99.0 - k) for k, size in enumerate(sizes)]
        strategy.one_cancels_other(*orders)

    return play([FLAT, *rows], {0: send}, fill_rules=rules).log


def test_what_fills_cancels_the_others() -> None:
    log = linked([(98.5, 98.6, 98.1, 98.5)], 5, 6, 7)
    assert [order.status for order in log.orders] == ["filled", "canceled", "canceled"]
    assert {order.reason for order in log.orders[1:]} == {"order 1 was filled"}
    assert story(log, 3)[-1][0] == end_of(1)


def test_what_fills_in_part_leaves_the_others_no_more_than_it_has_left() -> None:
    """10 of 30 filled, 20 left: 25 becomes 20, and 8 stays 8."""
    log = linked([(98.5, 98.6, 98.1, 98.5, 100.0), (*FLAT, 1_000.0)], 30, 25, 8)
    assert [order.quantity for order in log.orders] == [30.0, 20.0, 8.0]
    assert story(log, 2)[2] == (end_of(1), "new", "order 1 was partly filled")
    assert len(story(log, 3)) == 3  # sent, working, expired


def test_buying_power_is_freed_with_what_is_shrunk() -> None:
    """Cash 5000. Linked buys of 30 at 99 and 20 at 98 hold 4930; after 25 of the 30 have filled
    at 98.5 (2462.50) five are left of each: 495 + 490. 2537.50 − 985 = 1552.50 may be bought."""
    got = []

    def send(strategy) -> None:
        strategy.one_cancels_other(strategy.buy(30, limit=99.0), strategy.buy(20, limit=98.0))

    script = {
        0: send,
        1: lambda s: got.extend([s.buy(155.3, limit=10.0), s.buy(155.2, limit=10.0)]),
    }
    rows = [FLAT, (98.5, 98.5, 98.5, 98.5, 250.0), (98.5,) * 4]
    play(rows, script, cash=5_000.0, fill_rules=TENTH)
    assert [order.status for order in got] == ["rejected", "expired"]


def test_linking_what_has_ended_cancels_the_rest() -> None:
    def send(strategy) -> None:
        gone = strategy.buy(1e9)
        strategy.one_cancels_other(strategy.buy(1, limit=99.0), gone)

    log = play([FLAT] * 3, {0: send}).log
    assert log.orders[1].reason == "an order linked to it had ended before"


def test_groups_grow_together() -> None:
    def send(strategy) -> None:
        a, b, c = (strategy.buy(1, limit=price) for price in (99.0, 98.0, 97.0))
        strategy.one_cancels_other(a, b)
        strategy.one_cancels_other(b, c)
        strategy.one_cancels_other(a, b)

    log = play([FLAT, (98.5, 98.6, 98.1, 98.5)], {0: send}).log
    assert [order.status for order in log.orders] == ["filled", "canceled", "canceled"]
    assert sum(event.cause == "order 1 was filled" for event in log.events) == 2


@pytest.mark.parametrize("first", ["A", "B"])
def test_links_between_symbols_in_the_runs_order_of_symbols(first: str) -> None:
    """Both would fill at the same open; whoever sent first, A comes first in the run."""
    sent = []

    def send(strategy) -> None:
        sent.append(strategy.buy(1))
        if len(sent) == 2:
            strategy.one_cancels_other(*(sent if first == "A" else sent[::-1]))

    follower = scripted({("A", 0): send, ("B", 0): send})
    log = play({"A": [FLAT] * 3, "B": [FLAT] * 3}, {}, strategy=follower).log
    assert [(log.symbols[order.symbol], order.status) for order in log.orders] == [
        ("A", "filled"),
        ("B", "canceled"),
    ]


def test_two_entries_with_exits_that_cancel_one_another() -> None:
    """A breakout either way: the side that was not taken goes, with its exits."""

    def send(strategy) -> None:
        up = strategy.buy(1, stop=101.0, take_profit=110.0, stop_loss=99.0)
        down = strategy.sell(1, stop=99.0, take_profit=90.0, stop_loss=101.0)
        strategy.one_cancels_other(up, down)

    rows = [FLAT, (100.0, 102.0, 99.5, 101.5), (101.0, 110.5, 100.5, 110.0)]
    log = play(rows, {0: send}).log
    assert trades(log) == [(1, 1.0, 101.0), (2, -1.0, 110.0)]
    assert [order.status for order in log.orders[3:]] == ["canceled"] * 3
    assert {order.reason for order in log.orders[4:]} == {"order 4 ended without a fill"}


# ── reduce-only ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_reduce_only_without_a_position_is_cancelled_when_it_would_trade(side: str) -> None:
    script = {0: lambda s: getattr(s, side)(5, reduce_only=True)}
    log = play([FLAT] * 3, script).log
    cause = "reduce-only: there is no position to reduce"
    assert story(log, 1)[-1] == (end_of(1), "canceled", cause)


def test_reduce_only_waits_while_it_does_not_trade() -> None:
    """Sent flat, a target for a position to come; it is there when the price is."""
    script = {0: lambda s: s.sell(5, limit=103.0, reduce_only=True), 1: lambda s: s.buy(5)}
    log = play([FLAT] * 3 + [UP], script).log
    assert trades(log) == [(2, 5.0, 100.0), (1, -5.0, 104.0)]


def test_reduce_only_trades_what_is_held_and_the_rest_is_cancelled() -> None:
    script = {0: lambda s: s.buy(3), 1: lambda s: s.sell(5, reduce_only=True)}
    log = play([FLAT] * 5, script).log
    assert trades(log) == [(1, 3.0, 100.0), (2, -3.0, 100.0)]
    assert story(log, 2)[2:] == [
        (start_of(2), "partially_filled", "3 filled"),
        (end_of(2), "canceled", "reduce-only: the position is closed"),
    ]


def test_reduce_only_does_not_add() -> None:
    script = {0: lambda s: s.buy(3), 1: lambda s: s.buy(5, reduce_only=True)}
    assert trades(play([FLAT] * 5, script).log) == [(1, 3.0, 100.0)]


def test_reduce_only_needs_no_buying_power() -> None:
    """All cash is in the position and in a working order; the exit of the next is taken yet."""
    script = {
        0: lambda s: s.buy(10),
        1: lambda s: [s.sell(30, limit=103.0, reduce_only=True), s.sell(10, reduce_only=True)],
    }
    log = play([FLAT] * 5, script, cash=1_000.0).log
    assert [order.status for order in log.orders] == ["filled", "expired", "filled"]


def test_entries_that_are_blocked_leave_exits_and_reductions_alone() -> None:
    """As the watchdog or the gate blocks them: nothing enlarges, everything reduces."""
    simulations = []

    def block(strategy) -> None:
        simulations[0].exchange.entries_blocked = "for a reason"
        strategy.buy(1)
        strategy.sell(4, reduce_only=True)
        strategy.sell(9)

    script = {0: lambda s: s.buy(5, stop_loss=97.0), 1: lambda s: s.buy(2, limit=99.0), 2: block}
    minutes = bars([FLAT] * 4 + [(98.0, 98.5, 96.0, 97.0)] + [FLAT] * 5)
    entry = StrategyEntry(name="one", strategy=scripted(script), symbols=("S",), parameters={})
    simulation = Simulation(entries=[entry], symbols=("S",), sessions=grid(1), terms=Terms())
    simulations.append(simulation)
    log = simulation.run({"S": minutes}, history_until_ns=0, until_ns=end_of(9))
    assert trades(log) == [(1, 5.0, 100.0), (5, -4.0, 100.0), (2, -1.0, 97.0)]
    refused = [order for order in log.orders if order.reason == "for a reason"]
    # A purchase, a sale that would turn the position, and the limit order when it would fill.
    assert [(order.id, order.status) for order in refused] == [
        (3, "rejected"),
        (4, "rejected"),
        (6, "rejected"),
    ]
