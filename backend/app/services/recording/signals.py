"""Signals: what each strategy wanted, and what it saw at that moment."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from app.core.orders import Order
from app.core.run_log import RunLog
from app.core.trading_record import Columns
from app.core.types import Floats, Int64s
from app.services.recording.units import restated


@dataclass(frozen=True, slots=True)
class Seen:
    """One indicator that a strategy declares for a symbol.

    `strategy` is a position in the run's list; `as_of` gives the value known at each instant.
    """

    strategy: int
    symbol: str
    name: str
    as_of: Callable[[Int64s], Floats]


def intents(log: RunLog) -> list[Order]:
    """The orders that a strategy thought of itself: all but the exits an entry brings with it."""
    return [order for order in log.orders if not order.parent]


def signal_columns(log: RunLog, orders: Sequence[Order], seen: Sequence[Seen]) -> Columns:
    """One signal per order of `orders`, as `RunTrading.signals` has them.

    In the units of the moment: what was wanted, before any split restated the order.
    """
    rows = np.array([order.id - 1 for order in orders], np.int64)
    sizes = np.abs(np.array([order.quantity for order in orders], np.float64))
    times = np.array([order.submitted_ns for order in orders], np.int64)
    return {
        "strategy": [order.strategy for order in orders],
        "order": [order.id for order in orders],
        "symbol": [log.symbols[order.symbol] for order in orders],
        "time_ns": times,
        "action": ["BUY" if order.quantity > 0 else "SELL" for order in orders],
        "quantity": sizes / restated(log)[rows],
        "price": _closes(log, orders, times),
        "reasons": [_reasons(order.tag) for order in orders],
        "indicators": _values(log, orders, times, seen),
        "executed": [order.filled_quantity != 0 for order in orders],
        "refusal": [
            None if order.filled_quantity else order.reason or f"the order is {order.status}"
            for order in orders
        ],
    }


def contexts(signals: Columns) -> Mapping[int, str]:
    """What each signal saw, as JSON, by the number of its order."""
    prices = _numbers(np.asarray(signals["price"], np.float64))
    seen = zip(signals["order"], prices.to_list(), signals["indicators"], strict=True)
    return {order: f'{{"close": {price}, "indicators": {values}}}' for order, price, values in seen}


@cache
def _reasons(tag: str) -> str:
    return json.dumps([tag] if tag else [])


def _closes(log: RunLog, orders: Sequence[Order], times: Int64s) -> Floats:
    """The last close of each order's symbol when it was sent; NaN before the first bar."""
    closes = np.full(len(orders), np.nan)
    symbols = np.array([order.symbol for order in orders], np.int64)
    for number, symbol in enumerate(log.symbols):
        own = symbols == number
        bars = log.bars[symbol]
        known = bars.end_ns.searchsorted(times[own], side="right")
        closes[own] = np.append(np.nan, bars.close)[known]
    return closes


def _values(log: RunLog, orders: Sequence[Order], times: Int64s, seen: Sequence[Seen]) -> list[str]:
    """The indicators of each order's strategy in its symbol when it was sent, as JSON."""
    texts = ["{}"] * len(orders)
    groups: dict[tuple[int, str], list[Seen]] = {}
    for one in seen:
        groups.setdefault((one.strategy, one.symbol), []).append(one)
    strategies = np.array([order.strategy for order in orders], np.int64)
    symbols = np.array([order.symbol for order in orders], np.int64)
    for (strategy, symbol), declared in groups.items():
        own = (strategies == strategy) & (symbols == log.symbols.index(symbol))
        members = {one.name: _numbers(one.as_of(times[own])) for one in declared}
        for row, text in zip(np.flatnonzero(own).tolist(), _objects(members), strict=True):
            texts[row] = text
    return texts


def _objects(members: Mapping[str, pl.Series]) -> list[str]:
    """One JSON object a row, of members that are JSON already."""
    parts: list[pl.Expr] = []
    for name, values in members.items():
        parts += [pl.lit(f"{', ' if parts else '{'}{json.dumps(name)}: "), pl.lit(values)]
    return pl.select(pl.concat_str([*parts, pl.lit("}")])).to_series().to_list()


def _numbers(values: Floats) -> pl.Series:
    """The numbers as JSON has them, ``null`` for what is none."""
    known = pl.Series(np.where(np.isfinite(values), values, np.nan)).fill_nan(None)
    return known.cast(pl.String).fill_null("null")
