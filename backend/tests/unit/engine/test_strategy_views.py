"""What a strategy sees: bars and indicators up to its present, and no further."""

import math
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import talib

from app.core.data_structures import Bar, BarColumns
from app.core.exceptions import ConfigurationError, DataError, LookAheadError
from app.core.strategy import (
    BarCursor,
    BarInterval,
    Bars,
    Indicator,
    Strategy,
    above,
    below,
)
from app.research import run_backtest
from tests.engine_bars import FLAT, bars, closes, end_of, grid, start_of

PRICES = [100.0, 101.0, 103.0, 102.0, 105.0, 104.0, 107.0, 110.0, 108.0, 109.0]


def watch(minutes: Any, look: Any, **members: Any) -> list:
    """What ``look(strategy, bar)`` gave on every bar."""
    seen = []

    def on_bar(self: Strategy, bar: BarCursor) -> None:
        seen.append(look(self, bar))

    strategy = type("Watches", (Strategy,), {"on_bar": on_bar, **members})
    run_backtest(strategy, minutes, sessions=grid(3))
    return seen


def same(actual: list[float], expected: list[float]) -> None:
    np.testing.assert_array_equal(np.array(actual), np.array(expected))


# ── indicators ───────────────────────────────────────────────────────────────


def test_an_indicator_on_the_strategys_own_bars() -> None:
    seen = watch(
        closes(PRICES),
        lambda s, _bar: s.average.value,
        average=Indicator("SMA", timeperiod=3),
    )
    same(seen, [math.nan] * 2 + [sum(PRICES[k - 2 : k + 1]) / 3 for k in range(2, 10)])


def test_an_indicator_over_another_field() -> None:
    rows = [(p, p + k, p - 1, p) for k, p in enumerate(PRICES)]
    seen = watch(
        bars(rows), lambda s, _bar: s.top.value, top=Indicator("MAX", "high", timeperiod=2)
    )
    highs = [p + k for k, p in enumerate(PRICES)]
    same(seen, [math.nan] + [max(highs[k - 1 : k + 1]) for k in range(1, 10)])


def test_an_indicator_on_longer_bars_changes_when_they_close() -> None:
    seen = watch(
        closes(PRICES),
        lambda s, _bar: s.slow.value,
        slow=Indicator("SMA", timeperiod=2, interval="2m"),
    )
    # Two-minute closes are PRICES[1::2]: 101, 102, 104, 110, 109.
    nan = math.nan
    same(seen, [nan, nan, nan, 101.5, 101.5, 103.0, 103.0, 107.0, 107.0, 109.5])


def test_an_indicator_of_another_symbol_shows_its_latest_value_by_now() -> None:
    seen = []

    class Follows(Strategy):
        index = Indicator("SMA", timeperiod=2, symbol="B")

        def on_bar(self, bar: BarCursor) -> None:
            if self.symbol == "A":
                seen.append(self.index.value)

    minutes = {"A": closes([50.0] * 6), "B": closes([10.0, None, 20.0, 30.0, None, 50.0])}
    run_backtest(Follows, minutes, sessions=grid(1))
    same(seen, [math.nan, math.nan, 15.0, 25.0, 25.0, 40.0])


def test_each_output_of_an_indicator_by_its_name() -> None:
    values = np.array([100.0 + 3.0 * math.sin(k / 2.0) for k in range(30)])
    periods = {"fastperiod": 3, "slowperiod": 6, "signalperiod": 2}
    seen = watch(
        closes(values.tolist()),
        lambda s, _bar: (s.first.value, s.line.value, s.signal.value, s.gap.value),
        first=Indicator("MACD", **periods),
        line=Indicator("MACD", output="macd", **periods),
        signal=Indicator("MACD", output="macdsignal", **periods),
        gap=Indicator("MACD", output="macdhist", **periods),
    )
    line, signal, gap = talib.MACD(values, **periods)
    for column, expected in enumerate((line, line, signal, gap)):
        np.testing.assert_array_equal([row[column] for row in seen], expected)


def test_an_unknown_output_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"signal:.*'sgnal'.*macd, macdsignal, macdhist"):
        watch(closes(PRICES), lambda *_: None, signal=Indicator("MACD", output="sgnal"))


def test_an_indicator_of_a_symbol_the_run_does_not_have() -> None:
    with pytest.raises(ConfigurationError, match=r"symbol 'ZZZ' is not part of this run"):
        watch(closes(PRICES), lambda *_: None, other=Indicator("SMA", timeperiod=2, symbol="ZZZ"))


def test_equal_indicators_of_two_attributes_are_equal() -> None:
    seen = watch(
        closes(PRICES),
        lambda s, _bar: (s.one.value, s.other.value),
        one=Indicator("SMA", timeperiod=2),
        other=Indicator("SMA", timeperiod=2),
    )
    assert all(one == other for one, other in seen[1:])


def test_the_past_of_an_indicator() -> None:
    seen = watch(
        closes(PRICES),
        lambda s, _bar: (s.sma[-1], s.sma[-2], s.sma[-99], s.sma.last(3).tolist()),
        sma=Indicator("SMA", timeperiod=2),
    )
    nan = math.nan
    average = [nan] + [(a + b) / 2 for a, b in pairwise(PRICES)]
    for row, (now, before, long_ago, three) in enumerate(seen):
        same([now], [average[row]])
        same([before], [average[row - 1] if row else nan])
        assert math.isnan(long_ago)
        same(three, average[max(0, row - 2) : row + 1])


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: s.sma[0],
        lambda s: s.sma[1],
        lambda s: s.sma.last(0),
        lambda s: s.sma.last(-1),
        lambda s: s.more.last(0),
        lambda s: s.more.last(-3),
    ],
    ids=["[0]", "[1]", "last(0)", "last(-1)", "bars.last(0)", "bars.last(-3)"],
)
def test_asking_past_the_present_is_an_error(ask: Any) -> None:
    with pytest.raises(LookAheadError):
        watch(
            closes(PRICES),
            lambda s, _bar: ask(s),
            sma=Indicator("SMA", timeperiod=2),
            more=Bars("2m"),
        )


def test_reading_past_the_end_of_a_view_is_an_error() -> None:
    def look(strategy: Strategy, _bar: BarCursor) -> None:
        count = len(strategy.more)
        with pytest.raises(IndexError):
            strategy.more.close[count]
        with pytest.raises(IndexError):
            strategy.more.last(3).close[3]

    watch(closes(PRICES), look, more=Bars("1m"))


def test_an_indicator_has_no_value_before_the_run() -> None:
    class Declares(Strategy):
        sma = Indicator("SMA", timeperiod=2)
        more = Bars("5m")

        def on_bar(self, bar: BarCursor) -> None:
            """Nothing."""

    with pytest.raises(AttributeError, match="sma has no value before the run starts"):
        _ = Declares().sma.value
    with pytest.raises(AttributeError, match="more has no close before the run starts"):
        _ = Declares().more.close


# ── further series of bars ───────────────────────────────────────────────────


def test_bars_of_a_longer_interval_end_at_the_last_one_closed() -> None:
    seen = watch(
        closes(PRICES), lambda s, _bar: (len(s.five), s.five.close.tolist()), five=Bars("4m")
    )
    assert [count for count, _ in seen] == [0, 0, 0, 1, 1, 1, 1, 2, 2, 3]
    assert seen[-1][1] == [PRICES[3], PRICES[7], PRICES[9]]


def test_every_field_of_a_view() -> None:
    rows = [(p, p + 2.0, p - 3.0, p + 1.0, 10.0 * k) for k, p in enumerate(PRICES)]
    names = ("start_ns", "open", "high", "low", "close", "volume")
    seen = watch(
        bars(rows),
        lambda s, _bar: {name: getattr(s.two, name).tolist() for name in names},
        two=Bars("2m"),
    )
    assert seen[3] == {
        "start_ns": [start_of(0), start_of(2)],
        "open": [100.0, 103.0],
        "high": [103.0, 105.0],
        "low": [97.0, 99.0],
        "close": [102.0, 103.0],
        "volume": [10.0, 50.0],
    }


def test_bars_of_another_symbol() -> None:
    seen = []

    class Follows(Strategy):
        index = Bars("1m", symbol="B")

        def on_bar(self, bar: BarCursor) -> None:
            if self.symbol == "A":
                seen.append((self.index.symbol, self.index.close.tolist()))

    minutes = {"A": closes([50.0] * 3), "B": closes([10.0, None, 30.0])}
    run_backtest(Follows, minutes, sessions=grid(1))
    assert seen == [("B", [10.0]), ("B", [10.0]), ("B", [10.0, 30.0])]


def test_last_gives_fewer_where_there_are_fewer() -> None:
    seen = watch(closes(PRICES), lambda s, _bar: s.own.last(3).close.tolist(), own=Bars("1m"))
    assert seen == [PRICES[max(0, k - 2) : k + 1] for k in range(10)]


def test_views_that_are_kept_do_not_grow() -> None:
    kept = []

    def look(strategy: Strategy, _bar: BarCursor) -> int:
        kept.append((strategy.own.close, strategy.own.last(2), strategy.sma.last(100)))
        return len(kept)

    watch(closes(PRICES), look, own=Bars("1m"), sma=Indicator("SMA", timeperiod=2))
    for row, (whole, two, values) in enumerate(kept):
        assert whole.tolist() == PRICES[: row + 1]
        assert isinstance(two, BarColumns)
        assert two.close.tolist() == PRICES[max(0, row - 1) : row + 1]
        assert len(values) == row + 1


def test_views_cannot_be_written_to() -> None:
    def look(strategy: Strategy, _bar: BarCursor) -> None:
        for values in (strategy.own.close, strategy.own.last(1).open, strategy.sma.last(1)):
            with pytest.raises(ValueError, match="read-only"):
                values[0] = 1.0

    watch(closes(PRICES), look, own=Bars("1m"), sma=Indicator("SMA", timeperiod=2))


# ── the bar and the time ─────────────────────────────────────────────────────


def test_a_snapshot_stays_while_the_cursor_moves_on() -> None:
    kept = []

    def look(_strategy: Strategy, bar: BarCursor) -> None:
        kept.append((bar, bar.snapshot()))

    rows = [(p, p + 1.0, p - 1.0, p + 0.5, 7.0) for p in PRICES]
    watch(bars(rows), look)
    assert len({id(cursor) for cursor, _ in kept}) == 1
    assert [bar for _, bar in kept] == [
        Bar(
            symbol="SYMBOL",
            start_ns=start_of(minute),
            end_ns=end_of(minute),
            open=p,
            high=p + 1.0,
            low=p - 1.0,
            close=p + 0.5,
            volume=7.0,
        )
        for minute, p in enumerate(PRICES)
    ]


def test_a_bar_says_what_it_is() -> None:
    seen = watch(
        bars([(1.0, 2.0, 0.5, 1.5, 10.0)]), lambda _s, bar: (repr(bar), bar.start_ns, bar.symbol)
    )
    text = "Bar(SYMBOL 2024-07-01 09:31 o=1 h=2 l=0.5 c=1.5 v=10)"
    assert seen == [(text, start_of(0), "SYMBOL")]


def test_now_is_the_bars_close_in_market_time() -> None:
    seen = watch(bars([FLAT] * 11), lambda s, bar: (s.now, bar.time, s.now_ns))
    zone = ZoneInfo("America/New_York")
    for row, day in ((0, 1), (10, 2)):
        expected = datetime(2024, 7, day, 9, 31, tzinfo=zone)
        assert seen[row] == (expected, expected, end_of(row))
        assert seen[row][0].utcoffset() == expected.utcoffset()


@pytest.mark.parametrize("symbols", [1, 2])
@pytest.mark.parametrize(
    ("where", "clock"),
    [
        ("on_start", "09:30"),
        ("on_bar", "09:31"),
        ("on_order", "09:32"),
        ("on_session_end", "09:40"),
    ],
)
def test_an_error_of_a_strategy_comes_out_with_the_time(
    where: str, clock: str, symbols: int
) -> None:
    """As it was raised, with a note of where the run was."""

    class Fails(Strategy):
        def on_bar(self, bar: BarCursor) -> None:
            if self.now_ns == end_of(0):
                self._fail("on_bar")
                self.buy(1)

        def on_start(self) -> None:
            self._fail("on_start")

        def on_order(self, order: Any) -> None:
            self._fail("on_order")

        def on_session_end(self) -> None:
            self._fail("on_session_end")

        def _fail(self, here: str) -> None:
            if here == where:
                raise ZeroDivisionError("of the user's own")

    minutes = {symbol: bars([FLAT] * 10) for symbol in ("A", "B")[:symbols]}
    with pytest.raises(ZeroDivisionError, match="of the user's own") as caught:
        run_backtest(Fails, minutes, sessions=grid(1))
    (note,) = caught.value.__notes__
    assert f"2024-07-01 {clock}:00 EDT" in note


@pytest.mark.parametrize("symbols", [1, 2])
def test_an_error_when_told_of_the_first_fill_of_all_comes_out(symbols: int) -> None:
    """An order of `on_start` fills before any bar was handed to a strategy."""

    class Fails(Strategy):
        def on_start(self) -> None:
            self.buy(1)

        def on_bar(self, bar: BarCursor) -> None:
            """Never called."""

        def on_order(self, order: Any) -> None:
            raise ZeroDivisionError("of the user's own")

    minutes = {symbol: bars([FLAT] * 10) for symbol in ("A", "B")[:symbols]}
    with pytest.raises(ZeroDivisionError, match="of the user's own") as caught:
        run_backtest(Fails, minutes, sessions=grid(1))
    (note,) = caught.value.__notes__
    assert "2024-07-01 09:31:00 EDT" in note


def test_an_error_when_told_of_an_expiry_has_the_time_too() -> None:
    class Fails(Strategy):
        def on_bar(self, bar: BarCursor) -> None:
            if self.now_ns == end_of(0):
                self.buy(1, limit=1.0)

        def on_order(self, order: Any) -> None:
            raise DataError("of the user's own")

    with pytest.raises(DataError) as caught:
        run_backtest(Fails, bars([FLAT] * 10), sessions=grid(1))
    assert any("2024-07-01 09:40:00 EDT" in note for note in getattr(caught.value, "__notes__", []))


# ── what on_order sees between two bars of the strategy ──────────────────────


class Rests(Strategy):
    """Sends one order and keeps its bar; `on_order` says what it can see."""

    average = Indicator("SMA", timeperiod=2, interval="1m")
    minutes = Bars("1m")
    told: list[tuple[Any, ...]]

    def on_bar(self, bar: BarCursor) -> None:
        self.kept = bar
        if not self.orders and not self.position:
            self.buy(1)

    def on_order(self, order: Any) -> None:
        views = (self.average[-1], self.average.last(1).tolist(), len(self.minutes))
        self.told.append((self.now_ns, views, self.average.value, self.kept.close))


def rest(**members: Any) -> tuple[Any, ...]:
    """What `on_order` saw of the fill in minute 5, with the next call of `on_bar` at minute 9."""
    strategy = type("RestsHere", (Rests,), {"told": [], **members})
    run_backtest(strategy, closes(PRICES), sessions=grid(1))
    (told,) = strategy.told
    return told


FIVE_MINUTES = {"interval": BarInterval("5m")}
WOKEN = {"wake": below("close", 105.5) & above("close", 104.5) | above("close", 109.5)}
"""The bars of minutes 4 (105) and 7 (110)."""


@pytest.mark.parametrize("members", [FIVE_MINUTES, WOKEN], ids=["five minutes", "woken"])
def test_views_in_on_order_end_at_the_fill(members: dict[str, Any]) -> None:
    now_ns, views, _, _ = rest(**members)
    assert now_ns == end_of(5)
    assert views == (104.5, [104.5], 6)


@pytest.mark.parametrize("members", [FIVE_MINUTES, WOKEN], ids=["five minutes", "woken"])
def test_values_in_on_order_are_of_no_later_moment(members: dict[str, Any]) -> None:
    """`value` may be the one of the last call or of the fill, and of nothing later.

    Averages of two closes at minutes 4 and 5: (102 + 105) / 2 and (105 + 104) / 2.
    """
    _, _, value, _ = rest(**members)
    assert value in (103.5, 104.5)


@pytest.mark.parametrize("members", [FIVE_MINUTES, WOKEN], ids=["five minutes", "woken"])
def test_a_bar_kept_for_on_order_is_not_the_next_one(members: dict[str, Any]) -> None:
    """A cursor moves with each call of `on_bar`, which has not come yet: still minute 4."""
    _, _, _, close = rest(**members)
    assert close == 105.0
