"""Prices with splits and dividends taken out of them.

Bars are stored as traded. Adjusted, the bars before an action are multiplied by its factor, so
that prices on both sides of it compare: ``1 / ratio`` for a split (volume by ``ratio``), and
``1 - amount / close`` for a dividend, with the last close before it. These are the
multipliers of Yahoo's adjusted close and of LEAN's factor files.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from app.core.corporate_actions import (
    ActionEvent,
    Adjustment,
    CorporateAction,
    DividendEvent,
    SplitEvent,
    events_by_session,
)
from app.core.data_structures import BarColumns
from app.core.exceptions import DataError
from app.core.sessions import SessionGrid
from app.core.types import Floats, Int64s

LastClose = Callable[[int], float | None]
"""The last close (unadjusted) of a session bar that ended by a time; None if there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class AdjustmentFactors:
    """Factors of one symbol's actions, in time order, as columns of equal length.

    From ``effective_ns`` on prices are new; bars that start before it are multiplied by
    ``price`` and their volume by ``volume``.
    """

    effective_ns: Int64s
    price: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.effective_ns)


def adjustment_factors(
    events: Iterable[ActionEvent], adjustment: Adjustment, last_close: LastClose
) -> AdjustmentFactors:
    """The factors of one symbol's `events`, which are in time order, splits before dividends.

    A dividend without any close before it has no bars to adjust and is left out.

    Raises:
        DataError: for a dividend that is not below the close before it.
    """
    kinds = {kind.value for kind in adjustment.kinds}
    rows: list[tuple[int, float, float]] = []
    ratio, split_ns = 1.0, -1
    for event in events:
        if isinstance(event, SplitEvent):
            ratio, split_ns = event.ratio, event.effective_ns
            if "split" in kinds:
                rows.append((event.effective_ns, 1.0 / event.ratio, event.ratio))
        elif "dividend" in kinds:
            same_day = ratio if split_ns == event.effective_ns else 1.0
            close = last_close(event.effective_ns)
            if close is not None:
                rows.append((event.effective_ns, _dividend_factor(event, close / same_day), 1.0))
    times, prices, volumes = zip(*rows, strict=True) if rows else ((), (), ())
    return AdjustmentFactors(
        np.array(times, np.int64), np.array(prices, np.float64), np.array(volumes, np.float64)
    )


def _dividend_factor(event: DividendEvent, close: float) -> float:
    if event.amount >= close:
        raise DataError(
            f"dividend of {event.symbol}: {event.amount:g} per unit is not below the close of "
            f"{close:g} before it; mend it with: data import-actions FILE"
        )
    return 1.0 - event.amount / close


def adjusted(
    bars: BarColumns, factors: AdjustmentFactors, *, basis_ns: int | None = None
) -> BarColumns:
    """`bars` (sorted) in the prices of `basis_ns`, by default those after every action.

    Bars after the basis are carried back to it: nothing after a bar changes it as long as the
    basis lies before it. Times stay; without an action the bars come back as they are.
    """
    if not len(factors) or not len(bars):
        return bars
    price = _factors_at(bars.start_ns, factors.effective_ns, factors.price, basis_ns)
    volume = _factors_at(bars.start_ns, factors.effective_ns, factors.volume, basis_ns)
    return replace(
        bars,
        open=bars.open * price,
        high=bars.high * price,
        low=bars.low * price,
        close=bars.close * price,
        volume=bars.volume * volume,
    )


def _factors_at(
    times: Int64s, effective_ns: Int64s, factors: Floats, basis_ns: int | None
) -> Floats:
    """Product of the factors between each time and the basis; one over it behind the basis."""
    basis = len(factors) if basis_ns is None else int(effective_ns.searchsorted(basis_ns, "right"))
    before = np.cumprod(factors[:basis][::-1])[::-1]
    behind = 1.0 / np.cumprod(factors[basis:])
    levels = np.concatenate((before, np.ones(1), behind))
    found: Floats = levels[effective_ns.searchsorted(times, "right")]
    return found


def symbol_events(
    actions: Iterable[CorporateAction], sessions: SessionGrid
) -> tuple[ActionEvent, ...]:
    """The events of one symbol in `sessions`, in time order, splits before dividends."""
    events = events_by_session(actions, sessions)
    return tuple(event for number in sorted(events) for event in events[number])
