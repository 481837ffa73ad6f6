"""Orders that are changed, cancelled, under way, filled bit by bit, or carried over a split."""

import pytest

from app.core.corporate_actions import SplitEvent
from app.core.fill_rules import FillRules
from app.core.run_log import RunLog
from app.services.simulation.plan import StrategyEntry
from app.services.simulation.simulation import Simulation, Terms
from tests.engine_bars import FLAT, Row, bars, end_of, grid, play, scripted, start_of

TENTH = FillRules(participation_pct=10.0)
LOW = (98.0, 98.0, 97.0, 97.5)


def story(log: RunLog, order: int) -> list[tuple[int, str, str]]:
    """Time, state and cause of every transition of one order."""
    return [(e.time_ns, e.status.value, e.cause) for e in log.events if e.order_id == order]


def trades(log: RunLog) -> list[tuple[int, float, float]]:
    """Order, signed units and price of every fill."""
    fills = log.fills
    columns = (fills.order_id, fills.quantity, fills.price)
    return list(zip(*(column.tolist() for column in columns), strict=True))


# ── replacements ─────────────────────────────────────────────────────────────


def test_a_replacement_takes_the_place_of_a_working_order() -> None:
    follower = scripted(
        {
            0: lambda s: s.buy(5, limit=90.0, time_in_force="gtc", tag="dip"),
            2: lambda s: s.replace(s.sent[0], limit=98.5),
            3: lambda s: s.replace(s.sent[0], limit=99.0),  # replaced already: left as it is
        }
    )
    log = play([FLAT] * 4 + [LOW], {}, strategy=follower).log
    assert story(log, 1)[-1] == (end_of(2), "replaced", "replaced by order 2")
    assert story(log, 2) == [
        (end_of(2), "pending_new", ""),
        (end_of(2), "new", "in the place of order 1"),
        (start_of(4), "filled", ""),
    ]
    new = log.orders[1]
    assert (new.replaces, new.quantity, new.limit_price, new.tag, new.time_in_force) == (
        1,
        5.0,
        98.5,
        "dip",
        "gtc",
    )
    assert [order.id for order in follower.sent] == [1, 2, 1]
    assert trades(log) == [(2, 5.0, 98.0)]


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_the_quantity_of_a_replacement_has_the_side_of_the_order(side: float) -> None:
    def send(strategy) -> None:
        order = (strategy.buy if side > 0 else strategy.sell)(5, limit=100.0 - 10.0 * side)
        strategy.replace(order, quantity=7)

    assert [order.quantity for order in play([FLAT] * 3, {0: send}).log.orders] == [
        5.0 * side,
        7.0 * side,
    ]


def test_a_replacement_of_a_partly_filled_order_goes_on_from_there() -> None:
    """20 of 50 filled at 100; with a new total of 30, ten more at 98."""
    script = {
        0: lambda s: s.buy(50, limit=101.0),
        1: lambda s: s.replace(s.orders[0], quantity=30, limit=99.0),
    }
    rows = [FLAT, (*FLAT, 200.0), (*FLAT, 1_000.0), (*LOW, 1_000.0)]
    log = play(rows, script, fill_rules=TENTH).log
    assert trades(log) == [(1, 20.0, 100.0), (2, 10.0, 98.0)]
    old, new = log.orders
    assert (old.status, old.filled_quantity) == ("replaced", 20.0)
    # (20 × 100 + 10 × 98) / 30
    assert (new.status, new.filled_quantity, new.fill_price) == ("filled", 30.0, 2_980 / 30)


def test_a_replaced_order_goes_behind_those_that_work() -> None:
    def send(strategy) -> None:
        first = strategy.buy(1, limit=101.0)
        strategy.buy(2, limit=101.0)
        strategy.replace(first, limit=102.0)

    assert [fill[0] for fill in trades(play([FLAT] * 3, {0: send}).log)] == [2, 3]


def test_a_trailing_stop_keeps_where_it_stands() -> None:
    """High of 104 puts the stop at 103; the new order has it there, for more units."""
    script = {
        0: lambda s: s.buy(5),
        1: lambda s: s.sell(3, trail=1.0),
        2: lambda s: s.replace(s.orders[0], quantity=5),
    }
    rows = [FLAT, FLAT, (100.0, 104.0, 100.0, 103.5), (103.5, 103.8, 102.0, 103.0)]
    assert trades(play(rows, script).log)[1:] == [(3, -5.0, 103.0)]


def test_a_stop_that_was_reached_stays_reached() -> None:
    """Stop-limit 101/100.5: reached in bar 1, a limit order since. With a limit of 103 it trades
    at the next open of 100.2, though that is below the stop."""
    script = {
        0: lambda s: s.buy(1, stop=101.0, limit=100.1),
        1: lambda s: s.replace(s.orders[0], limit=103.0),
    }
    rows = [FLAT, (100.5, 102.0, 100.2, 101.0), (100.2, 100.4, 100.0, 100.1)]
    assert trades(play(rows, script).log) == [(2, 1.0, 100.2)]


def test_a_held_exit_can_be_replaced_and_stays_held() -> None:
    follower = scripted(
        {
            0: lambda s: s.buy(5, limit=99.0, take_profit=110.0, stop_loss=90.0),
            1: lambda s: s.replace(log_of[0].exchange.orders[2], stop=98.5),
        }
    )
    log_of: list[Simulation] = []
    log = run(follower, [FLAT, FLAT, (98.8, 99.0, 98.6, 98.8), LOW], log_of)
    assert story(log, 3)[-1] == (end_of(1), "replaced", "replaced by order 4")
    assert [status for _, status, _ in story(log, 4)] == ["pending_new", "held", "new", "filled"]
    assert trades(log) == [(1, 5.0, 98.8), (4, -5.0, 98.0)]
    assert log.orders[1].reason == "order 4 was filled"


def test_exits_belong_to_the_order_that_replaced_their_entry() -> None:
    """Also those that are replaced after it: they grow as it fills on."""
    simulations: list[Simulation] = []
    follower = scripted(
        {
            0: lambda s: s.buy(50, limit=101.0, stop_loss=90.0),
            1: lambda s: s.replace(s.orders[0], limit=101.5),
            2: lambda s: s.replace(simulations[0].exchange.orders[1], stop=95.0),
        }
    )
    rows = [FLAT, (*FLAT, 200.0), (*FLAT, 200.0), (*FLAT, 200.0), (94.0, 94.0, 93.0, 93.0)]
    log = run(follower, rows, simulations, fill_rules=TENTH)
    entry, stop = log.orders[2], log.orders[3]
    assert (stop.parent, stop.quantity) == (entry.id, -50.0)
    assert trades(log)[-1] == (stop.id, -50.0, 94.0)


def test_a_replacement_that_is_refused_leaves_the_order() -> None:
    """Cash of 1000 carries 10 at 99, not 11; the ten work on and fill."""
    script = {
        0: lambda s: s.buy(10, limit=99.0),
        1: lambda s: s.replace(s.orders[0], quantity=11),
    }
    follower = scripted(script)
    log = play([FLAT] * 3 + [LOW], {}, strategy=follower, cash=1_000.0).log
    assert story(log, 2)[-1] == (end_of(1), "rejected", "not enough buying power")
    assert trades(log) == [(1, 10.0, 98.0)]
    assert (2, end_of(1), "rejected") in follower.told


# ── latency ──────────────────────────────────────────────────────────────────

ONE_SECOND = FillRules(latency_ns=10**9)
ONE_BAR = FillRules(latency_bars=1)
STEPS = [(100.0 + k,) * 4 for k in range(10)]


@pytest.mark.parametrize(
    ("latency_ns", "latency_bars", "minute"),
    [
        (0, 0, 1),
        (1, 0, 2),
        (60 * 10**9, 0, 2),
        (60 * 10**9 + 1, 0, 3),
        (0, 1, 2),
        (0, 3, 4),
        (1, 1, 3),
        (61 * 10**9, 2, 5),
    ],
)
def test_an_order_acts_when_it_has_arrived(latency_ns: int, latency_bars: int, minute: int) -> None:
    rules = FillRules(latency_ns=latency_ns, latency_bars=latency_bars)
    log = play(STEPS, {0: lambda s: s.buy(1)}, fill_rules=rules).log
    assert story(log, 1) == [
        (end_of(0), "pending_new", ""),
        (end_of(0), "new", ""),
        (start_of(minute), "filled", ""),
    ]
    assert trades(log) == [(1, 1.0, 100.0 + minute)]


def test_bars_without_a_trade_are_not_missed_bars() -> None:
    rows: list[Row] = [FLAT, (*FLAT, 0.0), None, FLAT, (104.0,) * 4]
    log = play(rows, {0: lambda s: s.buy(1)}, fill_rules=ONE_BAR).log
    assert trades(log) == [(1, 1.0, 104.0)]


@pytest.mark.parametrize("rules", [ONE_SECOND, ONE_BAR])
def test_an_order_can_fill_while_its_cancellation_is_under_way(rules: FillRules) -> None:
    script = {0: lambda s: s.buy(1, limit=99.0), 3: lambda s: s.cancel(s.orders[0])}
    filled = play([FLAT] * 4 + [LOW] * 3, script, fill_rules=rules).log
    assert story(filled, 1)[-1] == (start_of(4), "filled", "")
    too_late = play([FLAT] * 5 + [LOW] * 3, script, fill_rules=rules).log
    assert story(too_late, 1)[-1] == (start_of(5), "canceled", "cancelled by the strategy")


@pytest.mark.parametrize("rules", [ONE_SECOND, ONE_BAR])
def test_an_order_can_fill_while_its_replacement_is_under_way(rules: FillRules) -> None:
    follower = scripted(
        {0: lambda s: s.buy(1, limit=99.0), 3: lambda s: s.replace(s.orders[0], limit=105.0)}
    )
    filled = play([FLAT] * 4 + [LOW] * 6, {}, strategy=follower, fill_rules=rules).log
    assert story(filled, 1)[-1] == (start_of(4), "filled", "")
    cause = "there was nothing left to replace"
    assert story(filled, 2) == [
        (end_of(3), "pending_new", ""),
        (start_of(5), "rejected", cause),
    ]
    assert (2, end_of(5), "rejected") in follower.told


@pytest.mark.parametrize("rules", [ONE_SECOND, ONE_BAR])
def test_a_replacement_acts_at_the_start_of_the_bar_it_arrives_at(rules: FillRules) -> None:
    script = {0: lambda s: s.buy(1, limit=90.0), 3: lambda s: s.replace(s.orders[0], limit=105.0)}
    log = play([FLAT] * 8, script, fill_rules=rules).log
    assert story(log, 1)[-1] == (start_of(5), "replaced", "replaced by order 2")
    assert story(log, 2) == [
        (end_of(3), "pending_new", ""),
        (start_of(5), "new", "in the place of order 1"),
        (start_of(5), "filled", ""),
    ]


def test_a_cancelled_exit_can_be_sent_and_fill_while_the_message_is_under_way() -> None:
    simulations: list[Simulation] = []
    follower = scripted(
        {
            0: lambda s: s.buy(1, stop_loss=97.0),
            2: lambda s: s.cancel(simulations[0].exchange.orders[1]),
        }
    )
    rows = [FLAT, FLAT, FLAT, (100.0, 100.0, 96.0, 97.0), FLAT]
    log = run(follower, rows, simulations, fill_rules=ONE_SECOND)
    assert trades(log) == [(1, 1.0, 100.0), (2, -1.0, 97.0)]


def test_exits_have_no_latency() -> None:
    """Bought at the open of bar 2, out at the stop in the same bar."""
    rows = [FLAT, FLAT, (100.0, 100.0, 96.0, 97.0)]
    log = play(rows, {0: lambda s: s.buy(1, stop_loss=97.0)}, fill_rules=ONE_SECOND).log
    assert trades(log) == [(1, 1.0, 100.0), (2, -1.0, 97.0)]


def test_a_message_is_not_lost_over_the_night() -> None:
    script = {
        0: lambda s: s.buy(1, limit=90.0, time_in_force="gtc"),
        9: lambda s: s.replace(s.orders[0], limit=105.0),
    }
    log = play([FLAT] * 13, script, fill_rules=ONE_BAR).log
    assert story(log, 2)[-1] == (start_of(11), "filled", "")


def test_a_replacement_of_what_expires_meanwhile_is_refused_when_it_arrives() -> None:
    script = {0: lambda s: s.buy(1, limit=90.0), 9: lambda s: s.replace(s.orders[0], limit=105.0)}
    log = play([FLAT] * 13, script, fill_rules=ONE_SECOND).log
    assert story(log, 1)[-1] == (end_of(9), "expired", "the session closed")
    assert story(log, 2)[-1] == (
        start_of(10),
        "rejected",
        "there was nothing left to replace",
    )


# ── a share of the volume ────────────────────────────────────────────────────


def test_an_order_fills_over_several_bars() -> None:
    """A tenth of 200, 55, 0 and 1000 is 20, 5 (whole units), nothing, and the last 15."""
    rows = [FLAT, *((*STEPS[k][:4], v) for k, v in ((1, 200.0), (2, 55.0), (3, 0.0), (4, 1e3)))]
    log = play(rows, {0: lambda s: s.buy(40)}, fill_rules=TENTH).log
    assert story(log, 1)[2:] == [
        (start_of(1), "partially_filled", "20 filled"),
        (start_of(2), "partially_filled", "5 filled"),
        (start_of(4), "filled", ""),
    ]
    assert trades(log) == [(1, 20.0, 101.0), (1, 5.0, 102.0), (1, 15.0, 104.0)]
    # (20 × 101 + 5 × 102 + 15 × 104) / 40
    assert log.orders[0].fill_price == pytest.approx(4_090 / 40)


def test_orders_over_parts_of_units_fill_in_parts() -> None:
    rows = [FLAT, (*FLAT, 55.0), (*FLAT, 100.0)]
    log = play(rows, {0: lambda s: s.buy(7.5)}, fill_rules=TENTH).log
    assert trades(log) == [(1, 5.5, 100.0), (1, 2.0, 100.0)]


def test_orders_share_the_volume_as_they_trade() -> None:
    """A tenth of 1000 for two orders of 60, then a market order before a limit."""
    rows = [FLAT, (*FLAT, 1_000.0), (*LOW, 200.0)]
    script = {0: lambda s: [s.buy(60), s.buy(60)], 1: lambda s: [s.buy(9, limit=99.0), s.buy(1)]}
    log = play(rows, script, fill_rules=TENTH).log
    assert trades(log) == [(1, 60.0, 100.0), (2, 40.0, 100.0), (2, 20.0, 98.0)]


def test_rounding_leaves_no_crumbs_to_trade() -> None:
    """Of 0.8, a tenth of 8, 0.1 and 0.7 leave nothing; in binary numbers they leave 1.1e-16."""
    rows = [FLAT, (*FLAT, 8.0)]
    script = {0: lambda s: [s.buy(0.1), s.buy(0.7), s.buy(0.5)]}
    log = play(rows, script, fill_rules=TENTH).log
    assert len(trades(log)) == 2


def test_a_session_ends_what_has_filled_in_part() -> None:
    log = play([FLAT] * 9 + [(*FLAT, 50.0)] * 2, {8: lambda s: s.buy(40)}, fill_rules=TENTH).log
    assert story(log, 1)[2:] == [
        (start_of(9), "partially_filled", "5 filled"),
        (end_of(9), "expired", "the session closed"),
    ]


# ── splits ───────────────────────────────────────────────────────────────────


def run(strategy: type, rows: list[Row], simulations: list[Simulation], **terms: object) -> RunLog:
    """A run whose simulation its strategy can look at, with `split` before the second session."""
    split = terms.pop("split", 0.0)
    actions = {1: (SplitEvent("S", start_of(10), float(split)),)} if split else {}
    count = -(-len(rows) // 10)
    entry = StrategyEntry(name="one", strategy=strategy, symbols=("S",), parameters={})
    simulation = Simulation(
        entries=[entry],
        symbols=("S",),
        sessions=grid(count),
        terms=Terms(**terms),
        actions=actions,
    )
    simulations.append(simulation)
    return simulation.run({"S": bars(rows)}, history_until_ns=0, until_ns=end_of(10 * count - 1))


def over_split(rows: list[Row], script: dict, **terms: object) -> RunLog:
    """Ten minutes at 100, a split of four for one, then `rows`."""
    return run(scripted(script), [FLAT] * 10 + rows, [], split=4.0, **terms)


def test_a_limit_order_over_a_split() -> None:
    """5 at 80 is 20 at 20 afterwards."""
    script = {0: lambda s: s.buy(5, limit=80.0, time_in_force="gtc")}
    log = over_split([(25.0,) * 4, (19.0, 19.5, 18.5, 19.0)], script)
    assert trades(log) == [(1, 20.0, 19.0)]
    assert story(log, 1)[2] == (start_of(10), "new", "split: 4 units for each")


def test_a_bracket_over_a_split() -> None:
    script = {
        0: lambda s: s.buy(5, take_profit=120.0, stop_loss=80.0, time_in_force="gtc"),
        9: lambda s: s.buy(5, take_profit=160.0, stop_loss=88.0, time_in_force="gtc"),
    }
    log = over_split([(25.0,) * 4, (25.0, 25.0, 21.5, 21.5), (21.0, 31.0, 20.5, 30.0)], script)
    assert trades(log) == [
        (1, 5.0, 100.0),
        (4, 20.0, 25.0),  # sent before, filled after: five old units are twenty
        (6, -20.0, 22.0),
        (2, -20.0, 30.0),
    ]


def test_a_trailing_stop_over_a_split() -> None:
    """A distance of 8 is one of 2: from a high of 27 the stop stands at 25."""
    script = {0: lambda s: s.buy(5), 1: lambda s: s.sell(5, trail=8.0, time_in_force="gtc")}
    log = over_split([(25.0, 27.0, 24.0, 26.0), (26.0, 26.5, 24.5, 25.0)], script)
    assert trades(log)[1:] == [(2, -20.0, 25.0)]


def test_what_has_filled_is_counted_in_new_units() -> None:
    """5 of 10 filled at 100, then 20 at 25: forty in all, 25 a unit on average."""
    script = {8: lambda s: s.buy(10, time_in_force="gtc")}
    rows = [(*FLAT, 50.0)] * 10 + [(25.0, 25.0, 25.0, 25.0, 1_000.0)]
    log = run(scripted(script), rows, [], split=4.0, fill_rules=TENTH)
    assert trades(log) == [(1, 5.0, 100.0), (1, 20.0, 25.0)]
    order = log.orders[0]
    assert (order.quantity, order.filled_quantity, order.fill_price) == (40.0, 40.0, 25.0)


def test_bars_of_before_a_split_are_not_held_against_new_prices() -> None:
    """A stop at 90 becomes one at 22.50: of the bars at 100 before, none is asked again."""
    script = {0: lambda s: s.buy(5), 1: lambda s: s.sell(5, stop=90.0, time_in_force="gtc")}
    log = over_split([(25.0,) * 4, (22.0,) * 4], script)
    assert trades(log)[1:] == [(2, -20.0, 22.0)]


def test_money_is_counted_in_new_units_before_the_first_bar_of_the_day() -> None:
    """Half of 2000 in ten units at 100. The day begins with A's bar, and B has none yet: its
    forty units count 25 each, so equity is 2000 and buying power 1000, not 4000 more."""
    seen = []
    script = {
        ("B", 0): lambda s: s.buy(10),
        ("A", 10): lambda s: seen.append((s.account.equity, s.account.buying_power)),
    }
    both = {"A": bars([FLAT] * 12), "B": bars([FLAT] * 10 + [None, (25.0,) * 4])}
    entry = StrategyEntry(name="one", strategy=scripted(script), symbols=("A", "B"), parameters={})
    simulation = Simulation(
        entries=[entry],
        symbols=("A", "B"),
        sessions=grid(2),
        terms=Terms(cash=2_000.0),
        actions={1: (SplitEvent("B", start_of(10), 4.0),)},
    )
    simulation.run(both, history_until_ns=0, until_ns=end_of(19))
    assert seen == [(2_000.0, 1_000.0)]
