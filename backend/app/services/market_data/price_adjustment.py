"""Prices with splits and dividends taken out of them.

Bars are stored as traded. Adjusted, the bars before an action are multiplied by its factor, so
that prices on both sides of it compare: ``1 / ratio`` for a split (volume by ``ratio``), and
``1 - amount / close`` for a dividend, with the last close before it. These are the
multipliers of Yahoo's adjusted close and of LEAN's factor files.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from app.core.corporate_actions import (
    ActionEvent,
    ActionKind,
    Adjustment,
    CorporateAction,
    DividendEvent,
    SessionActions,
    SplitEvent,
    events_by_session,
)
from app.core.data_structures import BarColumns
from app.core.exceptions import DataError
from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, Floats, Int64s
from app.services.market_data.bar_aggregation import regular_minutes

_MONTH_NS = 31 * DAY_NS


class StoredBars(Protocol):
    """Where minute bars are read from."""

    def read(self, symbol: str, first_ns: int, last_ns: int) -> BarColumns:
        """Bars that start in ``[first_ns, last_ns)``, sorted."""


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
    rows: list[tuple[int, float, float]] = []
    ratio, split_ns = 1.0, -1
    for event in events:
        if isinstance(event, SplitEvent):
            ratio, split_ns = event.ratio, event.effective_ns
            if ActionKind.SPLIT in adjustment.kinds:
                rows.append((event.effective_ns, 1.0 / event.ratio, event.ratio))
        elif ActionKind.DIVIDEND in adjustment.kinds:
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


def split_factors(actions: SessionActions, symbol: str) -> AdjustmentFactors:
    """The factors of the splits of `symbol` among a run's events."""
    events = [
        event
        for number in sorted(actions)
        for event in actions[number]
        if isinstance(event, SplitEvent) and event.symbol == symbol
    ]
    return adjustment_factors(events, Adjustment.SPLIT, lambda _before_ns: None)


def stored_factors(
    storage: StoredBars,
    actions: Iterable[CorporateAction],
    adjustment: Adjustment,
    sessions: SessionGrid,
    *,
    until_ns: int | None = None,
) -> AdjustmentFactors:
    """The factors of one symbol's `actions` in `sessions`, effective by `until_ns`.

    The close before a dividend is that of the last stored bar in `sessions`.
    """
    events = symbol_events(actions, sessions)
    if until_ns is not None:
        events = tuple(event for event in events if event.effective_ns <= until_ns)

    def last_close(before_ns: int, symbol: str) -> float | None:
        for first_ns in (before_ns - _MONTH_NS, int(sessions.open_ns[0])):
            minutes = regular_minutes(storage.read(symbol, first_ns, before_ns), sessions)
            if len(minutes):
                return float(minutes.close[-1])
        return None

    name = events[0].symbol if events else ""
    return adjustment_factors(events, adjustment, lambda before_ns: last_close(before_ns, name))


def events_left(
    actions: Iterable[CorporateAction],
    adjustment: Adjustment,
    sessions: SessionGrid,
    *,
    basis_ns: int,
) -> SessionActions:
    """The events that still happen to positions in prices adjusted to `basis_ns`.

    What is taken out of prices does not happen to positions. Where splits are, a unit stands
    for the units it has become since the basis, and is paid the dividends of all of them.
    """
    every = list(actions)
    left = [action for action in every if action.kind not in adjustment.kinds]
    events = events_by_session(left, sessions)
    if ActionKind.SPLIT not in adjustment.kinds:
        return events
    splits = events_by_session((a for a in every if a.kind is ActionKind.SPLIT), sessions)
    return {
        number: tuple(_per_basis_unit(event, splits, basis_ns) for event in here)
        for number, here in events.items()
    }


def _per_basis_unit(event: ActionEvent, splits: SessionActions, basis_ns: int) -> ActionEvent:
    if isinstance(event, SplitEvent):
        return event
    ratios = [
        split.ratio
        for here in splits.values()
        for split in here
        if isinstance(split, SplitEvent)
        and split.symbol == event.symbol
        and basis_ns < split.effective_ns <= event.effective_ns
    ]
    return replace(event, amount=event.amount * math.prod(ratios))
