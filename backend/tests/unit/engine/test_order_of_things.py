"""What happens first within one instant: all fills, then those who own them, then strategies."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.core.run_log import RunLog
from app.core.strategy import BarCursor, BarInterval, Slice, Strategy
from app.services.simulation.plan import StrategyEntry
from app.services.simulation.simulation import Simulation, Terms
from tests.engine_bars import FLAT, bars, end_of, grid, start_of


def run(entries: Sequence[StrategyEntry], rows: dict[str, list], **terms: Any) -> RunLog:
    sessions = grid(-(-max(map(len, rows.values())) // 10))
    simulation = Simulation(
        entries=entries, symbols=tuple(rows), sessions=sessions, terms=Terms(**terms)
    )
    minutes = {symbol: bars(one) for symbol, one in rows.items()}
    return simulation.run(minutes, history_until_ns=0, until_ns=int(sessions.close_ns[-1]))


def recorder(name: str, story: list, **members: Any) -> type[Strategy]:
    """A strategy that tells what it was called for; `act(strategy, what)` may send orders."""
    act = members.pop("act", lambda _strategy, _what: None)

    class Recorder(Strategy):
        def on_start(self) -> None:
            story.append((name, self.symbol, "start", self.now_ns))

        def on_bar(self, bar: BarCursor) -> None:
            story.append((name, self.symbol, "bar", self.now_ns))
            act(self, ("bar", self.now_ns))

        def on_order(self, order: object) -> None:
            story.append((name, self.symbol, order.status.value, self.now_ns))
            act(self, (order.status.value, self.now_ns))

        def on_session_end(self) -> None:
            story.append((name, self.symbol, "end", self.now_ns))

    for key, value in members.items():
        setattr(Recorder, key, value)
    return Recorder


def entry(name: str, strategy: type[Strategy], *symbols: str) -> StrategyEntry:
    return StrategyEntry(name=name, strategy=strategy, symbols=symbols)


def test_strategies_in_the_configs_order_each_over_its_symbols_in_its_own_order() -> None:
    story: list = []
    first = entry("first", recorder("first", story), "B", "A")
    second = entry("second", recorder("second", story), "A", "C")
    run([first, second], {name: [FLAT] * 2 for name in ("A", "B", "C")})
    at = [(name, symbol) for name, symbol, what, now in story if (what, now) == ("bar", end_of(1))]
    assert at == [("first", "B"), ("first", "A"), ("second", "A"), ("second", "C")]
    order = [(name, symbol) for name, symbol, what, _ in story if what == "start"]
    assert order == at
    assert [(name, symbol) for name, symbol, what, _ in story if what == "end"] == at


def test_all_fills_then_their_owners_then_the_bars() -> None:
    story: list = []

    def act(strategy: Strategy, what: tuple) -> None:
        if what == ("bar", end_of(0)):
            strategy.buy(1)

    strategy = recorder("it", story, act=act)
    run([entry("it", strategy, "A", "B")], {"A": [FLAT] * 2, "B": [FLAT] * 2})
    assert [(s, what) for _, s, what, now in story if now == end_of(1)] == [
        ("A", "filled"),
        ("B", "filled"),
        ("A", "bar"),
        ("B", "bar"),
    ]


def test_the_fills_of_an_instant_are_booked_before_anyone_is_told() -> None:
    seen = []

    class Looks(Strategy):
        def on_bar(self, bar: BarCursor) -> None:
            if self.now_ns == end_of(0):
                self.buy(1)

        def on_order(self, order: object) -> None:
            held = {symbol: position.quantity for symbol, position in self.positions.items()}
            seen.append((self.symbol, held, self.account.cash))

    run([entry("it", Looks, "A", "B")], {"A": [FLAT] * 2, "B": [FLAT] * 2}, cash=1_000.0)
    everything = ({"A": 1.0, "B": 1.0}, 800.0)
    assert seen == [("A", *everything), ("B", *everything)]


def test_fills_go_by_the_runs_symbols_then_by_the_orders_age() -> None:
    class Buys(Strategy):
        def on_bar(self, bar: BarCursor) -> None:
            if self.now_ns == end_of(0):
                self.buy(1)
                self.buy(2)

    entries = [entry("one", Buys, "B", "A"), entry("two", Buys, "A", "B")]
    fills = run(entries, {"A": [FLAT] * 2, "B": [FLAT] * 2}).fills
    rows = zip(fills.symbol.tolist(), fills.order_id.tolist(), strict=True)
    # Sent: one B 1-2, one A 3-4, two A 5-6, two B 7-8.
    assert list(rows) == [(0, 3), (0, 4), (0, 5), (0, 6), (1, 1), (1, 2), (1, 7), (1, 8)]


@pytest.mark.parametrize("cross_sectional", [False, True])
def test_no_symbol_fills_at_a_price_older_than_the_decision(*, cross_sectional: bool) -> None:
    """All symbols decide at 09:31 and fill at the 09:31 open, none at 09:30, none at 09:32.

    An engine that takes symbol after symbol (bar of A, strategy, bar of B, strategy) has B's
    order matched against a bar that A's strategy already saw: here A, called first, buys B too.
    """

    class BuysBoth(Strategy):
        def on_slice(self, bars: Slice) -> None:
            if self.now_ns == end_of(0):
                for symbol in self.symbols:
                    self.buy(1, symbol=symbol)

    class BuysOwn(Strategy):
        def on_bar(self, bar: BarCursor) -> None:
            if self.now_ns == end_of(0):
                self.buy(1)

    rows = {
        symbol: [(base + minute,) * 4 for minute in range(4)]
        for symbol, base in (("A", 10.0), ("B", 20.0), ("C", 30.0))
    }
    strategy = BuysBoth if cross_sectional else BuysOwn
    fills = run([entry("it", strategy, *rows)], rows).fills
    assert fills.time_ns.tolist() == [start_of(1)] * 3
    assert fills.price.tolist() == [11.0, 21.0, 31.0]


def test_a_later_symbol_sees_what_the_same_instant_filled_in_an_earlier_one() -> None:
    """B's stop and A's market order fill in one minute; A's strategy sees B's fill in the cash."""
    seen = []

    class Watches(Strategy):
        def on_bar(self, bar: BarCursor) -> None:
            if self.now_ns == end_of(0):
                self.buy(1)
            elif self.now_ns == end_of(1):
                seen.append((self.symbol, self.account.cash))

    rows = {"A": [FLAT] * 3, "B": [FLAT] * 3}
    run([entry("it", Watches, "A", "B")], rows, cash=1_000.0)
    assert seen == [("A", 800.0), ("B", 800.0)]


def test_an_order_is_not_matched_against_the_bar_it_was_decided_on() -> None:
    """The limit would have traded in every bar up to the decision, and in none after it."""

    class Dips(Strategy):
        def on_bar(self, bar: BarCursor) -> None:
            if self.now_ns == end_of(2):
                for symbol in self.symbols:
                    self.buy(1, symbol=symbol, limit=95.0)

    deep = (100.0, 100.0, 90.0, 100.0)
    rows = {"A": [deep] * 3 + [FLAT] * 3, "B": [deep] * 3 + [FLAT] * 3}
    assert len(run([entry("it", Dips, *rows)], rows).fills) == 0


def test_an_order_of_on_order_works_from_the_next_bar_on() -> None:
    story: list = []

    def act(strategy: Strategy, what: tuple) -> None:
        if what == ("bar", end_of(0)):
            strategy.buy(1)
        elif what == ("filled", end_of(1)):
            strategy.sell(1)

    rows = {"A": [(10.0 + minute,) * 4 for minute in range(5)]}
    fills = run([entry("it", recorder("it", story, act=act), "A")], rows).fills
    assert fills.time_ns.tolist() == [start_of(1), start_of(2)]
    assert fills.price.tolist() == [11.0, 12.0]


def test_bars_of_several_intervals_that_close_together_keep_the_configs_order() -> None:
    story: list = []
    slow = recorder("slow", story, interval=BarInterval("5m"))
    entries = [entry("slow", slow, "A"), entry("fast", recorder("fast", story), "A")]
    run(entries, {"A": [FLAT] * 10})
    both = [name for name, _, what, now in story if (what, now) == ("bar", end_of(4))]
    assert both == ["slow", "fast"]
    assert [n for n, _, what, _ in story if what == "bar"].count("slow") == 2


def test_strategies_share_cash_but_not_positions() -> None:
    class Buys(Strategy):
        def on_bar(self, bar: BarCursor) -> None:
            if self.now_ns == end_of(0):
                self.buy(6)
            elif self.now_ns == end_of(2):
                self.close()

    entries = [entry("one", Buys, "A"), entry("two", Buys, "A")]
    log = run(entries, {"A": [FLAT] * 5}, cash=1_000.0)
    # Six units are 600: the second strategy finds 400 left, and has nothing to close.
    assert [(o.strategy, o.quantity, o.status.value) for o in log.orders] == [
        (0, 6.0, "filled"),
        (1, 6.0, "rejected"),
        (0, -6.0, "filled"),
    ]


def test_a_listener_hears_of_its_own_orders_alone() -> None:
    story: list = []

    def act(strategy: Strategy, what: tuple) -> None:
        if what == ("bar", end_of(0)):
            strategy.buy(1)

    entries = [
        entry("buys", recorder("buys", story, act=act), "A"),
        entry("idle", recorder("idle", story), "A"),
    ]
    run(entries, {"A": [FLAT] * 3})
    assert [(name, what) for name, _, what, _ in story if what == "filled"] == [("buys", "filled")]
