"""What a strategy may rely on, in the cases that are easy to get wrong."""

import numpy as np

from app.research import run_backtest
from app.strategies import BarInterval, Indicator, Strategy, crosses

MINUTE = 60_000_000_000


def minutes(close):
    close = np.asarray(close, float)
    open_ = np.concatenate((close[:1], close[:-1]))
    return {
        "timestamp": 1_762_180_200_000_000_000
        + np.arange(len(close)) * MINUTE,  # 2025-11-03 09:30 ET
        "open": open_,
        "high": np.maximum(open_, close),
        "low": np.minimum(open_, close),
        "close": close,
        "volume": np.full(len(close), 100.0),
    }


def test_on_order_shows_no_value_of_a_later_bar():
    seen = []

    class Five(Strategy):
        interval = BarInterval("5m")
        last_close = Indicator("SUM", timeperiod=2)

        def on_bar(self, bar):
            self.bar = bar
            if not self.position and not self.orders:
                self.buy(1)

        def on_order(self, order):
            seen.append((self.now.minute, self.last_close.value, self.bar.close))

    run_backtest(Five, minutes(np.arange(100.0, 130.0)))
    # sent at 09:35, filled in the minute to 09:36: one 5m bar has closed (at 104), so
    # SUM(2) has no value yet
    minute, value, close = seen[0]
    assert minute == 36
    assert np.isnan(value)
    assert close == 104.0


def test_on_order_of_a_woken_strategy_shows_no_value_of_the_next_wake():
    seen = []
    close = np.full(60, 100.0)
    close[10:40] = 101.0

    class Woken(Strategy):
        price = Indicator("MAX", timeperiod=2)
        wake = crosses(price, 100.5)

        def on_bar(self, bar):
            self.buy(1)

        def on_order(self, order):
            seen.append((self.now.minute, self.price.value))

    run_backtest(Woken, minutes(close))
    # woken first at 09:32 (MAX known), filled at 09:33 where MAX(2) is 100; the next wake has 101
    assert seen[0] == (33, 100.0)


def test_orders_that_turn_a_position_round_need_buying_power_at_the_fill():
    class Many(Strategy):
        def on_start(self):
            self.calls = 0

        def on_bar(self, bar):
            self.calls += 1
            if self.calls == 1:
                self.buy(100)
            if self.calls == 2:
                for _ in range(50):
                    self.sell(100)

    result = run_backtest(Many, minutes([100.0] * 5), cash=10_000.0)
    # long 100 -> flat -> short 100 (10,000 of buying power) and no further
    assert result.orders["status"].value_counts().sort("status").rows() == [
        ("filled", 3),
        ("rejected", 48),
    ]


def test_a_quantity_may_be_a_numpy_number():
    class Sized(Strategy):
        def on_slice(self, bars):
            if not self.orders and not self.positions["SYMBOL"]:
                self.buy(1_000 // bars.close[0], symbol="SYMBOL")

    assert run_backtest(Sized, minutes([100.0] * 5)).fills["quantity"].to_list() == [10.0]


def test_an_interval_may_be_declared_as_a_word():
    class Words(Strategy):
        interval = "5m"

        def on_bar(self, bar):
            self.buy(1)

    assert run_backtest(Words, minutes([100.0] * 11)).metrics["fills"] == 2
