"""Strategies that watch the platform instead of the market; configs name them by this module."""

import threading
import time
from collections.abc import Callable
from typing import Any

from app.core.orders import Order
from app.core.strategy import BarCursor, Bars, Float, Indicator, Int, Strategy, crosses_above

HOOKS: dict[str, Callable[..., object]] = {}
"""Callables a test hands to `Hooked`, by the name of the call they are for."""
RELEASE = threading.Event()
"""Lets `Stuck` go on."""


class Idle(Strategy):
    """Does nothing on every bar, for `pause_s`."""

    pause_s = Float(0.0, low=0.0, high=10.0)

    def on_bar(self, bar: BarCursor) -> None:
        if self.pause_s:
            time.sleep(self.pause_s)


class Hooked(Strategy):
    """Hands each call on to the test."""

    daily = Bars("1d")

    def on_start(self) -> None:
        _call("on_start", self)

    def on_bar(self, bar: BarCursor) -> None:
        _call("on_bar", self, bar)

    def on_order(self, order: Order) -> None:
        _call("on_order", self, order)

    def on_session_end(self) -> None:
        _call("on_session_end", self)


def _call(name: str, *arguments: Any) -> None:
    if name in HOOKS:
        HOOKS[name](*arguments)


class Wakes(Strategy):
    """Buys whenever the close crosses above its average of two bars."""

    average = Indicator("SMA", timeperiod=2)
    wake = crosses_above("close", average)

    def on_bar(self, bar: BarCursor) -> None:
        self.buy(1)


class Raises(Strategy):
    """Raises on bar number `on` of its symbol."""

    on = Int(1, low=1)

    def on_start(self) -> None:
        self.bars = 0

    def on_bar(self, bar: BarCursor) -> None:
        self.bars += 1
        if self.bars == self.on:
            raise ZeroDivisionError("the strategy's own mistake")


class Buyer(Strategy):
    """Buys once, on bar number `on` of its symbol, and holds."""

    on = Int(1, low=1)
    quantity = Float(10.0, low=1e-8)

    def on_start(self) -> None:
        self.bars = 0

    def on_bar(self, bar: BarCursor) -> None:
        self.bars += 1
        if self.bars == self.on:
            self.buy(self.quantity)


class Gatherer(Strategy):
    """Sends one order on its first bar that works until it is filled."""

    quantity = Float(10.0, low=1e-8)

    def on_start(self) -> None:
        self.sent = False

    def on_bar(self, bar: BarCursor) -> None:
        if not self.sent:
            self.sent = True
            self.buy(self.quantity, time_in_force="gtc")


class Bracketed(Strategy):
    """On its third bar: an entry with a target and a stop, and an order too low to be filled."""

    average = Indicator("SMA", timeperiod=2)
    slow = Indicator("SMA", timeperiod=100)

    def on_start(self) -> None:
        self.bars = 0

    def on_bar(self, bar: BarCursor) -> None:
        self.bars += 1
        if self.bars == 3:
            self.buy(10, take_profit=100.0095, stop_loss=99.0, tag="third bar")
            self.buy(10, limit=50.0)


class Stuck(Strategy):
    """Does not come back from its first bar until `RELEASE` is set."""

    def on_bar(self, bar: BarCursor) -> None:
        RELEASE.wait()


class Loops(Strategy):
    """Loops for ever on its first bar."""

    def on_bar(self, bar: BarCursor) -> None:
        while not RELEASE.is_set():
            pass


def closes(columns: Any) -> Any:
    """An indicator of one's own: the closes."""
    return columns["close"]


class AlikeByName(Strategy):
    """Declares three indicators of its own that have the same name."""

    own = Indicator(closes)
    doubled = Indicator(lambda columns: columns["close"] * 2.0)
    tripled = Indicator(lambda columns: columns["close"] * 3.0)
    tripled.name.__name__ = doubled.name.__name__ = "closes"

    def on_bar(self, bar: BarCursor) -> None:
        if not self.position and not self.orders:
            self.buy(1)


class RaisesOddly(Strategy):
    """Raises an error on the second bar whose words no database takes."""

    def on_start(self) -> None:
        self.bars = 0

    def on_bar(self, bar: BarCursor) -> None:
        self.bars += 1
        if self.bars == 2:
            raise ValueError("odd \0 and \ud800 words")


class TagsOddly(Strategy):
    """Sends an order on the second bar, with a tag that no database takes."""

    def on_start(self) -> None:
        self.bars = 0

    def on_bar(self, bar: BarCursor) -> None:
        self.bars += 1
        if self.bars == 2:
            self.buy(1, tag="odd \0 tag")
