"""Random markets and strategies that act on everything they see, for properties of the engine.

A wanderer hashes all that its views show it and lets the hash decide what to send. So whatever
it sees differently, it does differently, and whatever it does differently shows in the log.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

import numpy as np
from hypothesis import strategies as st

from app.core.carry import Carry
from app.core.corporate_actions import DividendEvent, SessionActions, SplitEvent
from app.core.costs import PercentOfValue, TickSlippage
from app.core.data_structures import BarColumns
from app.core.exceptions import StrategyError
from app.core.fill_rules import FillRules
from app.core.orders import Order
from app.core.run_log import RunLog
from app.core.sessions import SessionGrid
from app.core.strategy import (
    BarCursor,
    Bars,
    Indicator,
    Int,
    Slice,
    Strategy,
    above,
    crosses,
)
from app.core.types import MINUTE_NS
from app.services.simulation.plan import StrategyEntry
from app.services.simulation.simulation import Simulation, Terms
from tests.engine_bars import grid

Diary = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Market:
    """Minute bars of some symbols over some sessions, with holes and silent bars in them.

    `actions` are splits, of all symbols at once, and dividends.
    """

    seed: int
    symbols: tuple[str, ...]
    sessions: SessionGrid
    minutes: Mapping[str, BarColumns]
    actions: SessionActions

    def __repr__(self) -> str:
        counts = {symbol: len(bars) for symbol, bars in self.minutes.items()}
        return f"Market(seed={self.seed}, bars={counts}, sessions={len(self.sessions)})"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))

    @property
    def ends_ns(self) -> np.ndarray:
        """End of every minute of every session, whether there is a bar or not."""
        return np.concatenate(
            [
                np.arange(opens + MINUTE_NS, closes + 1, MINUTE_NS)
                for opens, closes in zip(self.sessions.open_ns, self.sessions.close_ns, strict=True)
            ]
        )


def make_market(seed: int, *, symbols: int, sessions: int, minutes: int, present: float) -> Market:
    """A random walk a symbol, in cents, with a jump here and there; minutes may be missing.

    Every second session but the first may begin with a split and a dividend.
    """
    random = np.random.default_rng(seed)
    calendar = grid(sessions, session_minutes=minutes)
    starts = np.concatenate([open_ + np.arange(minutes) * MINUTE_NS for open_ in calendar.open_ns])
    names = tuple("ABCDE"[:symbols])
    actions = _actions(random, calendar, names)
    units = np.ones(len(starts))
    for events in actions.values():
        for event in events[:1]:
            units[starts >= event.effective_ns] *= event.ratio
    table = {name: _walk(random, starts, present, units) for name in names}
    return Market(seed, names, calendar, table, actions)


def _actions(
    random: np.random.Generator, calendar: SessionGrid, names: Sequence[str]
) -> SessionActions:
    actions = {}
    for number in range(1, len(calendar)):
        at_ns, ratio = calendar.pre_open_ns.item(number), (2.0, 0.5, 3.0)[number % 3]
        if random.random() < 0.4:
            splits = [SplitEvent(name, at_ns, ratio) for name in names]
            paid = [DividendEvent(name, at_ns, 0.25) for name in names if random.random() < 0.5]
            actions[number] = (*splits, *paid)
    return actions


def _walk(
    random: np.random.Generator, starts: np.ndarray, present: float, units: np.ndarray
) -> BarColumns:
    count = len(starts)
    steps = random.integers(-15, 16, count) + random.integers(-80, 81, count) * (
        random.random(count) < 0.1
    )
    close = 20.0 + np.abs(8_000 + np.cumsum(steps)) / 100.0
    open_ = np.roll(close, 1) + random.integers(-4, 5, count) / 100.0
    open_[0] = close[0]
    high = np.maximum(open_, close) + random.integers(0, 6, count) / 100.0
    low = np.minimum(open_, close) - random.integers(0, 6, count) / 100.0
    volume = random.integers(0, 8, count) * 100.0
    high *= np.where(random.random(count) < 0.02, 8.0, 1.0)
    low /= np.where(random.random(count) < 0.02, 8.0, 1.0)
    kept = np.flatnonzero(random.random(count) < present)
    prices = (column / units for column in (open_, high, low, close))
    return BarColumns.of_minutes(starts, *prices, volume).take(kept)


@st.composite
def markets(draw: st.DrawFn, *, max_symbols: int = 3, max_sessions: int = 3) -> Market:
    """Markets small enough to run in milliseconds."""
    return make_market(
        draw(st.integers(0, 2**32 - 1)),
        symbols=draw(st.integers(1, max_symbols)),
        sessions=draw(st.integers(1, max_sessions)),
        minutes=draw(st.sampled_from([7, 12, 16])),
        present=draw(st.sampled_from([1.0, 0.9, 0.6, 0.2])),
    )


# ── strategies that act on all they see ──────────────────────────────────────


class _Wanderer(Strategy):
    salt = Int(0)

    market = Bars("1m", symbol="A")
    fives = Bars("5m")
    days = Bars("1d", symbol="A")

    diary: Diary
    reads_values_when_told = True

    def on_start(self) -> None:
        self._note("start", self._seen())

    def on_session_end(self) -> None:
        self._wander("end", (*self._seen(), *self._values()))

    def on_order(self, order: Order) -> None:
        values = self._values() if self.reads_values_when_told else ()
        self._wander("order", (order.id, order.status.value, *self._seen(), *values))

    def _values(self) -> tuple[Any, ...]:
        """What the handles show as plain attributes."""
        return ()

    def _seen(self) -> tuple[Any, ...]:
        held = [(p.quantity, p.average_price) for p in self.positions.values()]
        account = self.account
        views = [
            (len(view), view.close[-3:].tolist(), view.last(2).volume.tolist())
            for view in (self.market, self.fives, self.days)
        ]
        working = [
            (o.id, o.status.value, o.quantity, o.filled_quantity, o.limit_price, o.stop_price)
            for o in self.orders
        ]
        return (held, account.cash, account.equity, account.buying_power, views, working)

    def _wander(self, hook: str, seen: tuple[Any, ...]) -> None:
        number = zlib.crc32(repr((self.salt, hook, self.now_ns, seen)).encode())
        self._note(hook, seen)
        symbol = self.symbols[number % len(self.symbols)]
        choice, number = number // 8 % 16, number // 128
        quantity = float(1 + number % 9) if number % 2 else 0.1 * (1 + number % 9)
        send = self.buy if number // 16 % 2 else self.sell
        if choice < 10:
            order = send(quantity, symbol=symbol, **self._terms(choice, number // 32))
            if number % 5 == 0:
                others = [send(quantity, symbol=symbol, **self._terms(2 + number % 7, number // 3))]
                self.one_cancels_other(order, *others)
        elif choice < 11 and self.orders:
            self.cancel(self.orders[number % len(self.orders)])
        elif choice < 13 and self.orders:
            self._change(self.orders[number % len(self.orders)], quantity, number // 32)
        elif choice < 14:
            self.close(symbol=symbol)
        elif choice < 15:
            self.flatten(symbol=symbol)

    def _terms(self, choice: int, number: int) -> dict[str, Any]:
        """Terms of an order: its type by `choice`, the rest by `number`."""
        shifts = [(number // step % 400 - 200) / 50.0 for step in (2, 3, 5, 7)]
        price, other, above, below = (self._near(100.0 + shift) for shift in shifts)
        terms: dict[str, Any] = (
            {},
            {},
            {"limit": price},
            {"limit": price},
            {"stop": price},
            {"stop": price},
            {"limit": price, "stop": other},
            {"trail": abs(shifts[0]) + 0.01},
            {"trail_pct": abs(shifts[0]) + 0.01},
            {"limit": price, "reduce_only": True},
        )[choice]
        if number % 3 == 0:
            terms |= {"take_profit": above, "stop_loss": below}
        forces = ("day", "gtc", "day", "gtc", "ioc", "fok", "opg", "cls", "gtd")
        terms["time_in_force"] = forces[number // 16 % len(forces)]
        if terms["time_in_force"] == "gtd":
            terms["good_till"] = self.now + timedelta(seconds=30 * (1 + number % 50))
        return terms

    def _change(self, order: Order, quantity: float, number: int) -> None:
        price = self._near(100.0 + (number % 400 - 200) / 50.0)
        changes = {"quantity": quantity, "limit": price, "stop": price}
        try:
            self.replace(order, **dict(list(changes.items())[number % 3 : 3 - number % 2]))
        except StrategyError:
            return  # more has filled than that, or the order has no such price

    def _near(self, percent: float) -> float:
        """A price about what the market's last close was."""
        close = self.market.last(1).close
        return round(float(close[0]) * percent / 100.0, 2) if len(close) else percent

    def _note(self, hook: str, seen: tuple[Any, ...]) -> None:
        money = (self.account.cash, self.account.equity)
        seen = (self.minutes_to_close, *seen)
        self.diary.append(
            (self.now_ns, type(self).__name__, self.symbols, hook, repr(seen), *money)
        )


class _BarWanderer(_Wanderer):
    average = Indicator("SMA", timeperiod=3)
    slow = Indicator("EMA", timeperiod=2, interval="5m")
    index = Indicator("SMA", timeperiod=2, symbol="A")
    histogram = Indicator(
        "MACD", fastperiod=2, slowperiod=3, signalperiod=2, output="macdhist", interval="2m"
    )
    vwap = Indicator("session_vwap")

    def on_start(self) -> None:
        self.bar: BarCursor | None = None
        super().on_start()

    def on_bar(self, bar: BarCursor) -> None:
        self.bar = bar
        fresh = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.row, bar.snapshot())
        self._wander("bar", (fresh, *self._seen(), *self._values()))

    def _values(self) -> tuple[Any, ...]:
        handles = (self.average, self.slow, self.index, self.histogram, self.vwap)
        bar = self.bar
        kept = () if bar is None else (bar.row, bar.close)
        return (*kept, *(handle.value for handle in handles))

    def _seen(self) -> tuple[Any, ...]:
        handles = (self.average, self.slow, self.index, self.histogram, self.vwap)
        past = [(handle[-1], handle[-2], handle.last(3).tolist()) for handle in handles]
        return (*super()._seen(), past)


class _WokenWanderer(_BarWanderer):
    wake = crosses(_BarWanderer.average, "open") | above("close", _BarWanderer.index)


class _SliceWanderer(_Wanderer):
    average = Indicator("SMA", timeperiod=2)
    slow = Indicator("SMA", timeperiod=1, interval="5m")

    def on_slice(self, bars: Slice) -> None:
        names = ("open", "high", "low", "close", "volume")
        fresh = [getattr(bars, name).tolist() for name in names]
        present = bars.present.tolist()
        self._wander("slice", (fresh, present, *self._seen(), *self._values()))

    def _values(self) -> tuple[Any, ...]:
        return (self.average.values.tolist(), self.slow.values.tolist())


KINDS: Sequence[tuple[type[_Wanderer], str]] = (
    (_BarWanderer, "1m"),
    (_BarWanderer, "4m"),
    (_WokenWanderer, "1m"),
    (_SliceWanderer, "1m"),
    (_SliceWanderer, "5m"),
)


def wanderers(
    symbols: Sequence[str], diary: Diary, *, reads_values_when_told: bool, kinds: Sequence[int]
) -> list[StrategyEntry]:
    """Entries of several kinds of strategies over all `symbols`, writing into one diary."""
    entries = []
    for number in kinds:
        base, interval = KINDS[number]
        members = {"diary": diary, "reads_values_when_told": reads_values_when_told}
        entries.append(
            StrategyEntry(
                name=f"wanderer {number}",
                strategy=type(f"Wanderer{number}", (base,), members),
                symbols=tuple(symbols),
                parameters={"salt": number, "interval": interval},
            )
        )
    return entries


TERMS = Terms(
    cash=3_000.0,
    commission=PercentOfValue(0.1, 0.5),
    slippage=TickSlippage(1),
    leverage=2.0,
    fill_rules=FillRules(participation_pct=2.0),
    carry=Carry(borrow_rate_pct=20.0, margin_rate_pct=8.0, cash_rate_pct=3.0),
)


def new_simulation(
    market: Market,
    diary: Diary,
    *,
    first_session: int = 0,
    reads_values_when_told: bool = True,
    kinds: Sequence[int] = range(len(KINDS)),
    terms: Terms = TERMS,
) -> Simulation:
    """A run of wanderers in `market`, not yet started."""
    return Simulation(
        entries=wanderers(
            market.symbols, diary, reads_values_when_told=reads_values_when_told, kinds=kinds
        ),
        symbols=market.symbols,
        sessions=market.sessions,
        first_session=first_session,
        terms=terms,
        actions=market.actions,
    )


def described(log: RunLog) -> dict[str, Any]:
    """A log as plain values that compare to the bit."""
    return {
        "orders": [
            tuple(getattr(order, field.name) for field in fields(order)) for order in log.orders
        ],
        "events": list(log.events),
        "fills": {f.name: getattr(log.fills, f.name).tolist() for f in fields(log.fills)},
        "cash": (log.starting_cash, log.final_cash),
        "flows": [list(log.cash_flows), list(log.splits), list(log.dividends)],
        "bars": {s: [column.tolist() for column in bars] for s, bars in log.bars.items()},
        "sessions": log.sessions.open_ns.tolist(),
    }
