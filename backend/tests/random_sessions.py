"""Random sessions played to the exchange and to the reference, and what differs between them.

A session's market and everything its strategies will ask for are drawn beforehand, so that both
exchanges are asked the same whatever they answer. Orders are named by their position among those
the strategy has had so far, exits included.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from statistics import median
from typing import Any

import numpy as np

from app.core.carry import Carry
from app.core.corporate_actions import DividendEvent, SplitEvent
from app.core.costs import (
    ImpactSlippage,
    NoCommission,
    NoSlippage,
    PercentOfValue,
    PercentSlippage,
    PerOrder,
    PerShare,
    RangeSlippage,
    TickSlippage,
)
from app.core.data_structures import BarColumns
from app.core.enums import OrderType, TimeInForce
from app.core.exceptions import StrategyError
from app.core.fill_rules import FillRules
from app.core.orders import CLOSING, PLAIN, Instructions, Order
from app.core.run_log import RunLog
from app.core.sessions import SessionGrid
from app.core.strategy import BarCursor, Strategy
from app.core.types import MINUTE_NS
from app.services.simulation.plan import StrategyEntry
from app.services.simulation.simulation import Simulation, Terms
from tests.engine_bars import grid
from tests.reference_exchange import Bar, ReferenceExchange

Action = tuple[Any, ...]
Script = Mapping[Any, Sequence[Action]]
"""What to do by moment: ("bar", end_ns, strategy, symbol), ("start", …) or ("end", session, …)."""

_FORCES = [force.value for force in TimeInForce]
_SECOND_NS = 10**9


@dataclass(frozen=True)
class RandomSession:
    """A market, its terms, and all that is asked for in it."""

    seed: int
    symbols: tuple[str, ...]
    strategies: int
    sessions: SessionGrid
    minutes: Mapping[str, BarColumns]
    terms: Terms
    script: Script
    actions: Mapping[int, tuple[SplitEvent | DividendEvent, ...]]
    is_heard: bool


# ── drawing ──────────────────────────────────────────────────────────────────


class _Draw:
    """Choices of one generator."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def one_of(self, choices: Sequence[Any]) -> Any:
        return choices[int(self._random.integers(len(choices)))]

    def chance(self, share: float) -> bool:
        return bool(self._random.random() < share)

    def whole(self, low: int, high: int) -> int:
        return int(self._random.integers(low, high + 1))


def draw_session(seed: int) -> RandomSession:
    """The random session of a seed."""
    draw = _Draw(seed)
    symbols = tuple("ABC"[: draw.one_of([1, 1, 2, 3])])
    strategies = draw.one_of([1, 1, 2])
    count, minutes = draw.whole(1, 3), draw.whole(6, 14)
    sessions = grid(count, session_minutes=minutes)
    actions = _draw_actions(draw, symbols, sessions)
    table = {symbol: _draw_bars(draw, symbol, sessions, actions) for symbol in symbols}
    return RandomSession(
        seed=seed,
        symbols=symbols,
        strategies=strategies,
        sessions=sessions,
        minutes=table,
        terms=_draw_terms(draw),
        script=_draw_script(draw, symbols, strategies, sessions, table),
        actions=actions,
        is_heard=draw.chance(0.5),
    )


def _draw_actions(
    draw: _Draw, symbols: Sequence[str], sessions: SessionGrid
) -> dict[int, tuple[SplitEvent | DividendEvent, ...]]:
    actions = {}
    for number in range(len(sessions)):
        at_ns = sessions.pre_open_ns.item(number)
        events: list[SplitEvent | DividendEvent] = [
            SplitEvent(symbol, at_ns, draw.one_of([2.0, 0.5, 1.5, 3.0, 0.25]))
            for symbol in symbols
            if draw.chance(0.25)
        ]
        events += [DividendEvent(symbol, at_ns, 0.25) for symbol in symbols if draw.chance(0.2)]
        if events:
            actions[number] = tuple(events)
    return actions


def _draw_bars(
    draw: _Draw,
    symbol: str,
    sessions: SessionGrid,
    actions: Mapping[int, tuple[SplitEvent | DividendEvent, ...]],
) -> BarColumns:
    """A walk in steps of a quarter, so that prices are touched often, with gaps and holes."""
    rows, price, present = [], 100.0, draw.one_of([1.0, 1.0, 0.9, 0.6])
    for number in range(len(sessions)):
        for event in actions.get(number, ()):
            if isinstance(event, SplitEvent) and event.symbol == symbol:
                price = max(round(4.0 * price / event.ratio), 8) / 4.0
        for start_ns in range(
            sessions.open_ns.item(number), sessions.close_ns.item(number), MINUTE_NS
        ):
            steps = 12 if draw.chance(0.1) else 3
            open_ = max(2.0, price + draw.whole(-steps, steps) / 4.0)
            close = max(2.0, open_ + draw.whole(-6, 6) / 4.0)
            high = max(open_, close) + draw.whole(0, 4) / 4.0
            low = max(1.0, min(open_, close) - draw.whole(0, 4) / 4.0)
            volume = draw.one_of([0.0, 20.0, 100.0, 100.0, 333.0, 1_000.0])
            price = close
            if draw.chance(0.02):
                high, low = draw.one_of([(high * 8.0, low), (high, low / 8.0)])
            if draw.chance(present):
                rows.append((start_ns, open_, high, low, close, volume))
    columns = list(zip(*rows, strict=True)) or [()] * 6
    starts = np.array(columns[0], np.int64)
    return BarColumns.of_minutes(starts, *(np.array(c, np.float64) for c in columns[1:]))


def _draw_terms(draw: _Draw) -> Terms:
    commissions = [
        NoCommission(),
        PerShare(0.01, minimum=1.0),
        PerOrder(1.0),
        PercentOfValue(0.1, minimum=0.5),
    ]
    slippages = [
        NoSlippage(),
        TickSlippage(2),
        PercentSlippage(0.05),
        RangeSlippage(10.0),
        ImpactSlippage(0.02),
    ]
    return Terms(
        cash=draw.one_of([2_000.0, 20_000.0, 1_000_000.0]),
        commission=draw.one_of(commissions),
        slippage=draw.one_of(slippages),
        leverage=draw.one_of([0.5, 1.0, 1.0, 2.0]),
        fill_rules=FillRules(
            participation_pct=draw.one_of([0.0, 0.0, 10.0, 25.0, 7.3]),
            latency_ns=draw.one_of([0, 0, 0, 1, 30, 60, 61, 200]) * _SECOND_NS,
            latency_bars=draw.one_of([0, 0, 0, 1, 2]),
            touch_fills=draw.chance(0.3),
        ),
        carry=draw.one_of(
            [Carry(), Carry(borrow_rate_pct=30.0, margin_rate_pct=8.0, cash_rate_pct=3.0)]
        ),
    )


def _draw_script(
    draw: _Draw,
    symbols: Sequence[str],
    strategies: int,
    sessions: SessionGrid,
    table: Mapping[str, BarColumns],
) -> dict[Any, list[Action]]:
    script: dict[Any, list[Action]] = {}
    busy = draw.one_of([0.2, 0.5, 0.8])
    only = draw.one_of([None, None, None, "market", "bracket", "stop_limit", "trail"])
    for strategy in range(strategies):
        for number, symbol in enumerate(symbols):
            bars = table[symbol]
            moments = [
                (("bar", end_ns, strategy, number), end_ns, price)
                for end_ns, price in zip(bars.end_ns.tolist(), bars.close.tolist(), strict=True)
            ]
            moments.append((("start", strategy, number), sessions.open_ns.item(0), 100.0))
            for session, close_ns in enumerate(sessions.close_ns.tolist()):
                moments.append((("end", session, strategy, number), close_ns, 100.0))
            for key, time_ns, price in moments:
                if draw.chance(busy):
                    count = draw.one_of([1, 1, 2, 3])
                    script[key] = [_draw_action(draw, time_ns, price, only) for _ in range(count)]
    return script


def _draw_action(draw: _Draw, time_ns: int, price: float, only: str | None) -> Action:
    chance = draw.whole(0, 99)
    if chance < 8:
        return ("cancel", draw.whole(0, 50))
    if chance < 22:
        return ("replace", draw.whole(0, 50), _draw_changes(draw, price))
    if chance < 30:
        return ("link", [draw.whole(0, 50) for _ in range(draw.whole(2, 3))])
    if chance < 34:
        return ("close",)
    if chance < 35:
        return ("block", draw.one_of(["", "", "", "the test said so"]))
    quantity = draw.one_of([float(draw.whole(1, 30)), draw.whole(1, 30) / 10.0])
    return (
        "send",
        draw.one_of(["buy", "sell"]),
        quantity,
        _draw_terms_of_order(draw, time_ns, price, only),
    )


def _near(draw: _Draw, price: float) -> float:
    return max(0.5, price + draw.whole(-10, 10) / 4.0)


def _draw_changes(draw: _Draw, price: float) -> dict[str, float]:
    changes = {}
    if draw.chance(0.4):
        changes["quantity"] = draw.one_of([float(draw.whole(1, 30)), draw.whole(1, 30) / 10.0])
    for name in ("limit", "stop"):
        if draw.chance(0.4):
            changes[name] = _near(draw, price)
    return changes


def _draw_terms_of_order(
    draw: _Draw, time_ns: int, price: float, only: str | None
) -> dict[str, Any]:
    kinds = ["market", "market", "limit", "limit", "stop", "stop_limit", "trail", "trail_pct"]
    kind = only or draw.one_of(kinds)
    terms: dict[str, Any] = {}
    if kind in ("limit", "stop_limit"):
        terms["limit"] = _near(draw, price)
    if kind in ("stop", "stop_limit"):
        terms["stop"] = _near(draw, price)
    if kind == "trail":
        terms["trail"] = draw.whole(1, 12) / 4.0
    if kind == "trail_pct":
        terms["trail_pct"] = draw.one_of([0.5, 1.0, 3.0])
    for name in ("take_profit", "stop_loss"):
        if draw.chance(0.8 if only == "bracket" else 0.15):
            terms[name] = _near(draw, price)
    if draw.chance(0.1):
        terms["reduce_only"] = True
    fitting = _FORCES if kind in ("market", "limit") or draw.chance(0.05) else _FORCES[:5]
    terms["time_in_force"] = draw.one_of(["day", "gtc", "gtc", *[draw.one_of(fitting)] * 3])
    if terms["time_in_force"] == "gtd" or draw.chance(0.02):
        seconds = draw.one_of([-60, 30, 60, 90, 300, 600, 86_400, 86_400])
        until_s = time_ns // _SECOND_NS + seconds
        terms["good_till"] = datetime.fromtimestamp(until_s, UTC)
    return terms


# ── the exchange ─────────────────────────────────────────────────────────────


class Scripted(Strategy):
    """Does what the script says for its symbol at each moment."""

    session: RandomSession
    simulation: list[Simulation]
    number: int

    def on_start(self) -> None:
        self.sessions_ended = 0
        self._act("start")

    def on_bar(self, bar: BarCursor) -> None:
        self._act("bar", self.now_ns)

    def on_session_end(self) -> None:
        self._act("end", self.sessions_ended)
        self.sessions_ended += 1

    def _act(self, *moment: Any) -> None:
        symbol = self.session.symbols.index(self.symbol)
        for action in self.session.script.get((*moment, self.number, symbol), ()):
            try:
                self._do(*action)
            except StrategyError:
                continue

    def _do(self, word: str, *what: Any) -> None:
        exchange = self.simulation[0].exchange
        mine = [order for order in exchange.orders if order.strategy == self.number]
        if word == "send":
            side, quantity, terms = what
            getattr(self, side)(quantity, **terms)
        elif word == "close":
            self.close()
        elif word == "block":
            exchange.entries_blocked = what[0] or None
        elif mine:
            _ask(self.cancel, self.replace, self.one_cancels_other, mine, word, what)


class Listening(Scripted):
    """The same, told of its orders."""

    def on_order(self, order: Order) -> None:
        assert order.status != "pending_new"


def _ask(
    cancel: Any, replace: Any, link: Any, mine: Sequence[Order], word: str, what: Sequence[Any]
) -> None:
    if word == "cancel":
        cancel(_recent(mine, what[0]))
    elif word == "replace":
        replace(_recent(mine, what[0]), **what[1])
    else:
        link(*dict.fromkeys(_recent(mine, number) for number in what[0]))


def _recent(orders: Sequence[Order], number: int) -> Order:
    """One of the latest orders more often than an old one."""
    back = number % 6 if number < 40 else number
    return orders[-1 - back % len(orders)]


def simulate(session: RandomSession, *, minutes: int = 0) -> tuple[RunLog, Simulation]:
    """The session on the simulated exchange, at once or in batches of so many minutes."""
    entries, simulation = [], []
    for number in range(session.strategies):
        members = {"session": session, "number": number, "simulation": simulation}
        base = Listening if session.is_heard else Scripted
        entries.append(
            StrategyEntry(
                name=f"scripted {number}",
                strategy=type(f"Scripted{number}", (base,), members),
                symbols=session.symbols,
                parameters={},
            )
        )
    simulation.append(
        Simulation(
            entries=entries,
            symbols=session.symbols,
            sessions=session.sessions,
            terms=session.terms,
            actions=session.actions,
        )
    )
    first_ns, last_ns = session.sessions.open_ns.item(0), session.sessions.close_ns.item(-1)
    run, at_once = simulation[0], last_ns - first_ns
    reached_ns = first_ns
    while reached_ns < last_ns:
        until_ns = min(last_ns, reached_ns + (minutes * MINUTE_NS or at_once))
        batch = {s: bars.between(reached_ns, until_ns) for s, bars in session.minutes.items()}
        run.stepper.step(run.derivation.step(batch, until_ns))
        reached_ns = until_ns
    return run.stepper.finish(), run


# ── the reference ────────────────────────────────────────────────────────────


class _Reference:
    """The session on the reference exchange."""

    def __init__(self, session: RandomSession) -> None:
        terms = session.terms
        self.session = session
        self.exchange = ReferenceExchange(
            symbols=len(session.symbols),
            strategies=session.strategies,
            cash=terms.cash,
            leverage=terms.leverage,
            commission=terms.commission,
            slippage=terms.slippage,
            rules=terms.fill_rules,
        )
        self.bars = [
            _by_end(session.minutes[symbol], _splits(session, symbol)) for symbol in session.symbols
        ]

    def play(self) -> ReferenceExchange:
        sessions, exchange = self.session.sessions, self.exchange
        for number in range(len(sessions)):
            open_ns, close_ns = sessions.open_ns.item(number), sessions.close_ns.item(number)
            self._overnight(number)
            exchange.begin_session(open_ns, close_ns)
            if number == 0:
                exchange.now_ns = open_ns
                self._act_all("start")
            for end_ns in range(open_ns + MINUTE_NS, close_ns + 1, MINUTE_NS):
                now = [bars.get(end_ns) for bars in self.bars]
                exchange.play_minute(end_ns, now)
                present = [symbol for symbol, bar in enumerate(now) if bar is not None]
                self._act_all("bar", end_ns, symbols=present)
            exchange.now_ns = close_ns
            self._act_all("end", number)
            exchange.end_session()
        exchange.end_run()
        return exchange

    def _overnight(self, number: int) -> None:
        sessions, exchange = self.session.sessions, self.exchange
        if number:
            at_ns = sessions.pre_open_ns.item(number)
            exchange.carry_over(self.session.terms.carry, 1, at_ns)
        for event in self.session.actions.get(number, ()):
            symbol = self.session.symbols.index(event.symbol)
            if isinstance(event, SplitEvent):
                exchange.split(symbol, event.ratio, event.effective_ns)
            else:
                exchange.pay_dividend(symbol, event.amount, event.effective_ns)

    def _act_all(self, *moment: Any, symbols: Sequence[int] | None = None) -> None:
        session = self.session
        for strategy in range(session.strategies):
            for symbol in range(len(session.symbols)) if symbols is None else symbols:
                for action in session.script.get((*moment, strategy, symbol), ()):
                    self._do(strategy, symbol, *action)

    def _do(self, strategy: int, symbol: int, word: str, *what: Any) -> None:
        exchange = self.exchange
        mine = [order for order in exchange.orders if order.strategy == strategy]
        if word == "send":
            self._send(strategy, symbol, *what)
        elif word == "close":
            held = exchange.held[strategy][symbol]
            if held:
                market, day = OrderType.MARKET, TimeInForce.DAY
                exchange.submit(strategy, symbol, -held, market, day, 0.0, 0.0, CLOSING)
        elif word == "block":
            exchange.blocked = what[0]
        elif mine:
            link = lambda *orders: exchange.link(orders)  # noqa: E731
            _ask(exchange.cancel, self._replace, link, mine, word, what)

    def _replace(
        self, order: Order, quantity: float = 0.0, limit: float = 0.0, stop: float = 0.0
    ) -> None:
        """Unless the strategy's desk would refuse to ask for it."""
        is_stop = order.type in (OrderType.STOP, OrderType.STOP_LIMIT)
        is_limit = order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
        too_little = quantity and quantity <= abs(order.filled_quantity)
        if not (too_little or (limit and not is_limit) or (stop and not is_stop)):
            self.exchange.replace(order, quantity, limit, stop)

    def _send(
        self, strategy: int, symbol: int, side: str, quantity: float, terms: Mapping[str, Any]
    ) -> None:
        given = dict(terms)
        force = TimeInForce(given.pop("time_in_force"))
        limit, stop = given.pop("limit", 0.0), given.pop("stop", 0.0)
        trails = "trail" in given or "trail_pct" in given
        if trails:
            type_ = OrderType.TRAILING_STOP
        elif stop:
            type_ = OrderType.STOP_LIMIT if limit else OrderType.STOP
        else:
            type_ = OrderType.LIMIT if limit else OrderType.MARKET
        if "good_till" in given:
            until = given.pop("good_till")
            given["good_till_ns"] = int(until.timestamp()) * _SECOND_NS
        signed = quantity if side == "buy" else -quantity
        asked = Instructions(**given) if given else PLAIN
        self.exchange.submit(strategy, symbol, signed, type_, force, limit, stop, asked)


def _splits(session: RandomSession, symbol: str) -> list[SplitEvent]:
    events = [event for events in session.actions.values() for event in events]
    return [e for e in events if isinstance(e, SplitEvent) and e.symbol == symbol]


def _by_end(bars: BarColumns, splits: Sequence[SplitEvent]) -> dict[int, Bar]:
    """Bars by end; closes of before a split count in the units of after it."""
    names = ("start_ns", "end_ns", "open", "high", "low", "close", "volume")
    found: dict[int, Bar] = {}
    closes: list[float] = []
    pending = sorted(splits, key=lambda event: event.effective_ns)
    for row in zip(*(getattr(bars, name).tolist() for name in names), strict=True):
        bar = Bar(*row, is_suspect=False)
        while pending and pending[0].effective_ns <= bar.start_ns:
            ratio = pending.pop(0).ratio
            closes = [close / ratio for close in closes]
        if closes:
            usual = median(closes[-5:])
            bar = bar._replace(is_suspect=bar.high >= 5 * usual or 5 * bar.low <= usual)
        found[bar.end_ns] = bar
        closes.append(bar.close)
    return found


# ── what differs ─────────────────────────────────────────────────────────────


def difference(seed: int) -> str:
    """The first thing in which the two differ on a seed's session; empty if nothing does."""
    session = draw_session(seed)
    log, simulation = simulate(session)
    reference = _Reference(session).play()
    names = [field.name for field in fields(Order)]
    parts = {
        "event": (list(map(tuple, log.events)), reference.events),
        "fill": (_fills(log), reference.fills),
        "order": (
            [[getattr(order, name) for name in names] for order in log.orders],
            [[getattr(order, name) for name in names] for order in reference.orders],
        ),
        "cash flow": (
            [(flow.time_ns, flow.kind, flow.amount) for flow in log.cash_flows],
            reference.flows,
        ),
        "position": (
            [[p.quantity for p in one] for one in simulation.exchange.ledger.positions],
            reference.held,
        ),
        "cash": ([log.final_cash], [reference.cash]),
    }
    for name, (ours, theirs) in parts.items():
        for row, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            if one != other:
                return f"seed {seed}: {name} {row} is {one}, by the reference {other}"
        if len(ours) != len(theirs):
            return f"seed {seed}: {len(ours)} {name}s, by the reference {len(theirs)}"
    return ""


def _fills(log: RunLog) -> list[tuple[float, ...]]:
    names = ("time_ns", "bar_end_ns", "order_id", "strategy", "symbol")
    names += ("quantity", "price", "commission", "slippage")
    return list(zip(*(getattr(log.fills, name).tolist() for name in names), strict=True))


def main() -> None:
    """Compare on the number of random sessions that the command line gives."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    found = [each for seed in range(first, first + count) if (each := difference(seed))]
    for each in found[:10]:
        print(each)
    print(f"{count:,} random sessions, {len(found):,} with a difference")
    sys.exit(bool(found))
