"""What is wrong, or odd, about bars: found and named, never silently dropped."""

from typing import Final

import numpy as np

from app.core.data_structures import BarColumns
from app.core.types import Bools, Floats, Int64s

MAX_PRICE: Final = 1e12
MAX_VOLUME: Final = 1e18
SPIKE_FACTOR: Final = 5.0
STALE_MINUTES: Final = 30


def impossible_prices(values: Floats) -> Bools:
    """Rows that are no price: NaN, infinite, zero, negative, or above 10 ** 12."""
    return ~((values > 0) & (values <= MAX_PRICE))


def impossible_volumes(values: Floats) -> Bools:
    """Rows that are no volume: NaN, infinite, negative, or above 10 ** 18."""
    return ~((values >= 0) & (values <= MAX_VOLUME))


def not_enclosed(open_: Floats, high: Floats, low: Floats, close: Floats) -> Bools:
    """Rows whose high or low does not enclose open and close (high below low included)."""
    return (high < np.maximum(open_, close)) | (low > np.minimum(open_, close))


def spike_rows(bars: BarColumns, *, factor: float = SPIKE_FACTOR) -> Int64s:
    """Bars with a price `factor` times above or below their surroundings.

    The surroundings are the median close of the bar, the two before and the two after it:
    one or two wild bars stand out, a split or an overnight gap does not.
    """
    if len(bars) < 3 or bars.high.max() < factor * bars.low.min():
        return np.empty(0, np.int64)
    usual = _median_of_five(np.pad(bars.close, 2, mode="reflect"))
    return np.flatnonzero((bars.high >= factor * usual) | (bars.low * factor <= usual))


def _median_of_five(padded: Floats) -> Floats:
    a, b, c, d, e = (padded[shift : len(padded) - 4 + shift] for shift in range(5))
    low = np.fmax(np.fmin(a, b), np.fmin(d, e))
    high = np.fmin(np.fmax(a, b), np.fmax(d, e))
    return np.fmax(np.fmin(low, high), np.fmin(np.fmax(low, high), c))


def stale_runs(bars: BarColumns, *, minutes: int = STALE_MINUTES) -> Int64s:
    """First row of each run of at least `minutes` bars that repeat one and the same OHLC."""
    if len(bars) < minutes:
        return np.empty(0, np.int64)
    changed = np.zeros(len(bars), np.bool_)
    changed[0] = True
    for column in (bars.open, bars.high, bars.low, bars.close):
        changed[1:] |= column[1:] != column[:-1]
    firsts = np.flatnonzero(changed)
    lengths = np.diff(firsts, append=len(bars))
    return firsts[lengths >= minutes]


def out_of_order_rows(start_ns: Int64s) -> Int64s:
    """Rows that start before the latest one above them."""
    if len(start_ns) < 2 or bool(np.all(start_ns[1:] >= start_ns[:-1])):
        return np.empty(0, np.int64)
    return np.flatnonzero(start_ns < np.maximum.accumulate(start_ns))


def duplicate_rows(start_ns: Int64s) -> Int64s:
    """Rows of a minute that a row above them already has."""
    order = np.argsort(start_ns, kind="stable")
    again = start_ns[order][1:] == start_ns[order][:-1]
    return np.sort(order[1:][again])


def zero_volume_rows(bars: BarColumns) -> Int64s:
    """Bars in which nothing was traded: no order can have been filled in them."""
    return np.flatnonzero(bars.volume == 0)


class JumpFilter:
    """Finds bars that no order should trade in: a price far from all that was just paid.

    A bar is suspect if its high is `factor` times above, or its low below, the median of the
    five closes before it. Only the past is looked at, so it is decided the same way on a live
    bar as in a backtest, however the bars are cut; after a true jump of the price (a split) the
    median follows within three bars.
    """

    def __init__(self, *, factor: float = SPIKE_FACTOR) -> None:
        self._factor = factor
        self._closes: Floats = np.empty(0)

    def step(self, bars: BarColumns) -> Int64s:
        """Rows of the next bars that are suspect."""
        if not len(bars):
            return np.empty(0, np.int64)
        closes = np.concatenate([self._closes, bars.close])
        before = len(self._closes)
        self._closes = closes[-_BEFORE:]
        lowest = min(closes[:before].min(initial=np.inf), bars.low.min())
        highest = max(closes[:before].max(initial=0.0), bars.high.max())
        if highest < self._factor * lowest:
            return np.empty(0, np.int64)
        usual = _medians_before(closes)[before : before + len(bars)]
        return np.flatnonzero(
            (bars.high >= self._factor * usual) | (bars.low * self._factor <= usual)
        )


_BEFORE = 5


def _medians_before(closes: Floats) -> Floats:
    """Median of the up to five closes before each; NaN for the first."""
    medians = np.full(len(closes), np.nan)
    for row in range(1, min(_BEFORE, len(closes))):
        medians[row] = np.median(closes[:row])
    if len(closes) > _BEFORE:
        windows = np.lib.stride_tricks.sliding_window_view(closes, _BEFORE)
        medians[_BEFORE:] = np.median(windows[:-1], axis=1)
    return medians
