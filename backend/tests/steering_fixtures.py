"""Strategies with many orders, a stopwatch that only waiting moves, and a busy hand."""

import random
import threading
from collections.abc import Callable
from threading import Condition
from typing import Any

import numpy as np

from app.core.exceptions import ConfigurationError
from app.core.orders import Order
from app.core.strategy import BarCursor, Bars, Indicator, Slice, SliceIndicator, Strategy, crosses
from app.managers.system_manager import SystemManager

ON_CALL: list[Callable[[str, int], None]] = []
"""What a test does inside each call of `Churn`: told the symbol and the present."""


class FakeStopwatch:
    """Seconds pass only while somebody waits for them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits = 0

    def now_s(self) -> float:
        return self.now

    def wait(self, changed: Condition, timeout_s: float | None) -> None:
        self.waits += 1
        if timeout_s is None:
            changed.wait()
        else:
            self.now += timeout_s
            changed.wait(0)


class DrivenStopwatch(FakeStopwatch):
    """Shows the seconds a test sets; who waits looks at it again and again.

    `longest_s` is the longest anybody would have waited in one go.
    """

    longest_s = 0.0

    def wait(self, changed: Condition, timeout_s: float | None) -> None:
        self.waits += 1
        self.longest_s = max(self.longest_s, float("inf") if timeout_s is None else timeout_s)
        changed.wait(0.001)


class Churn(Strategy):
    """Orders of every plain kind, by the digits of the close; answers fills with more orders."""

    ema = Indicator("EMA", timeperiod=4)
    slow = Indicator("SMA", timeperiod=3, interval="5m")
    quarters = Bars("15m")

    def on_start(self) -> None:
        self.answers = 0

    def on_bar(self, bar: BarCursor) -> None:
        for each in ON_CALL:
            each(bar.symbol, self.now_ns)
        digit = round(bar.close * 1_000) % 11
        above = self.ema.value > self.slow.value
        if digit < 2:
            self.buy(10 + digit)
        elif digit == 2 and above:
            self.buy(5, limit=bar.close * 0.9995)
        elif digit == 3:
            self.sell(5, stop=bar.close * 0.9995, time_in_force="gtc")
        elif digit == 4:
            self.close()
        elif digit == 5 and len(self.quarters.last(2).close) == 2:
            self.sell(3, limit=self.quarters.last(1).close[-1] * 1.0005)

    def on_order(self, order: Order) -> None:
        if order.fill_price and self.answers < 200:
            self.answers += 1
            self.sell(1, limit=order.fill_price * 1.001, tag="answer")

    def on_session_end(self) -> None:
        self.close()


class Woken(Strategy):
    """Called on few bars only."""

    interval = "5m"
    fast = Indicator("SMA", timeperiod=2)
    slow = Indicator("SMA", timeperiod=5)
    wake = crosses(fast, slow)

    def on_bar(self, bar: BarCursor) -> None:
        if self.position.quantity:
            self.close()
        else:
            self.buy(7)


class Ranks(Strategy):
    """Called once per instant for all symbols."""

    momentum: SliceIndicator = Indicator("ROC", timeperiod=10)

    def on_slice(self, bars: Slice) -> None:
        values = self.momentum.values
        if np.isnan(values).any() or not bars.present.all():
            return
        if round(bars.close[0] * 1_000) % 17:
            return
        best = self.symbols[int(values.argmax())]
        for symbol in self.symbols:
            if symbol == best and not self.positions[symbol].quantity:
                self.buy(4, symbol=symbol)
            elif symbol != best:
                self.close(symbol=symbol)


def strategies() -> dict[str, tuple[str, dict[str, Any]]]:
    """All three of them, as a config names them."""
    return {
        name: (f"tests.steering_fixtures:{name.capitalize()}", {})
        for name in ("churn", "woken", "ranks")
    }


class BusyHand(threading.Thread):
    """Steers a system at random until its run is over; what made no sense is not held against it.

    Now and then it lets a paused run go on, so that a run always ends.
    """

    def __init__(self, system: SystemManager, seed: int, *, may_stop: bool = False) -> None:
        super().__init__(daemon=True)
        self.system = system
        self.done: list[str] = []
        self.error: BaseException | None = None
        self._draw = random.Random(seed)  # noqa: S311  # chance, not secrecy
        self._may_stop = may_stop

    def run(self) -> None:
        try:
            while not self.system.wait(self._draw.choice([0.0, 0.0, 0.001, 0.003])):
                self._act()
        except BaseException as error:
            self.error = error
            raise

    def _act(self) -> None:
        system, draw = self.system, self._draw
        actions: dict[str, Callable[[], None]] = {
            "pause": system.pause,
            "resume": system.resume,
            "step": system.step,
            "speed": lambda: system.set_speed(draw.choice([0.0, 0.0, 1e3, 1e5, 1e7])),
        }
        if self._may_stop:
            actions["stop"] = system.stop
        name = draw.choice([*actions, "resume", "step"])
        try:
            actions[name]()
        except ConfigurationError as error:
            if "no session is running" not in str(error) and "not paused" not in str(error):
                raise
        else:
            self.done.append(name)
