"""Splits and cash dividends: as published by date, and as a run meets them by session.

An action takes effect at the start of its ex-date, before the market's first trade of that
day: whoever held at the close before gets the new units or the cash.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias

import numpy as np

from app.core.exceptions import DataError
from app.core.sessions import SessionGrid


class ActionKind(StrEnum):
    """What happened to a share."""

    SPLIT = "split"
    DIVIDEND = "dividend"


class Adjustment(StrEnum):
    """Which actions are taken out of prices.

    ``raw``: none, prices as traded; ``split`` and ``dividend``: that kind; ``all``: both, so
    that the ratio of two prices is the total return between them.
    """

    RAW = "raw"
    SPLIT = "split"
    DIVIDEND = "dividend"
    ALL = "all"

    @property
    def kinds(self) -> frozenset[ActionKind]:
        """The kinds of action that are taken out."""
        return _KINDS[self]


_KINDS = {
    Adjustment.RAW: frozenset[ActionKind](),
    Adjustment.SPLIT: frozenset({ActionKind.SPLIT}),
    Adjustment.DIVIDEND: frozenset({ActionKind.DIVIDEND}),
    Adjustment.ALL: frozenset(ActionKind),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAction:
    """One split or cash dividend of one symbol.

    `ex_date` is the market's date from whose open the share trades without it. `value` is, for
    a split, new units per old one (4.0 for four for one, 0.1 for a reverse split of ten to
    one); for a dividend, cash per unit held, in the quote currency, unadjusted. Where both
    fall on one date the dividend is per new unit.

    Raises:
        DataError: for a ratio or amount that is not finite and above zero, or a ratio of one.
    """

    symbol: str
    ex_date: date
    kind: ActionKind
    value: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value > 0):
            raise DataError(f"{self._name()}: the value must be a finite number above zero")
        if self.kind is ActionKind.SPLIT and self.value == 1.0:
            raise DataError(f"{self._name()}: a split of one for one changes nothing; drop it")

    def _name(self) -> str:
        return f"{self.kind} of {self.symbol} on {self.ex_date} with value {self.value!r}"


@dataclass(frozen=True, slots=True)
class SplitEvent:
    """From `effective_ns` (UTC) on, each unit of `symbol` is `ratio` units at price / `ratio`."""

    symbol: str
    effective_ns: int
    ratio: float


@dataclass(frozen=True, slots=True)
class DividendEvent:
    """At `effective_ns` (UTC), each unit of `symbol` held is paid `amount`; a short pays it."""

    symbol: str
    effective_ns: int
    amount: float


ActionEvent: TypeAlias = SplitEvent | DividendEvent
SessionActions: TypeAlias = Mapping[int, tuple[ActionEvent, ...]]
"""Events by number of the session they precede, splits before dividends."""

NO_ACTIONS: SessionActions = {}


def session_of(ex_date: date, sessions: SessionGrid) -> int | None:
    """Number of the session an action precedes: the first on or after `ex_date`.

    None if `ex_date` lies before the first session or after the last.
    """
    day = np.datetime64(ex_date, "D")
    if not len(sessions) or day < sessions.dates[0] or day > sessions.dates[-1]:
        return None
    return int(np.searchsorted(sessions.dates, day))


def events_by_session(actions: Iterable[CorporateAction], sessions: SessionGrid) -> SessionActions:
    """The events of `sessions`, each effective at the pre-market open of its session.

    Actions outside the sessions are left out. An ex-date without a session takes effect at the
    next one. Within a session splits come first, then dividends, each by symbol.
    """
    order = {ActionKind.SPLIT: 0, ActionKind.DIVIDEND: 1}
    events: dict[int, tuple[ActionEvent, ...]] = {}
    for action in sorted(actions, key=lambda a: (a.ex_date, order[a.kind], a.symbol)):
        number = session_of(action.ex_date, sessions)
        if number is not None:
            event = _event(action, int(sessions.pre_open_ns[number]))
            events[number] = _in_order((*events.get(number, ()), event))
    return events


def _event(action: CorporateAction, effective_ns: int) -> ActionEvent:
    kind = SplitEvent if action.kind is ActionKind.SPLIT else DividendEvent
    return kind(action.symbol, effective_ns, action.value)


def _in_order(events: tuple[ActionEvent, ...]) -> tuple[ActionEvent, ...]:
    return tuple(sorted(events, key=lambda event: isinstance(event, DividendEvent)))
