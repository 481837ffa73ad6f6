"""Trailing indicators: figures over the sessions completed before the present one."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from app.core.exceptions import ConfigurationError
from app.core.indicators import IndicatorSpec, IndicatorState
from app.core.sessions import SessionGrid
from app.core.types import Floats
from app.services.indicators.catalogue import own_indicators

DAILY = "daily"
MINUTE = "minute"


def _average(rows: Floats) -> Floats:
    present = ~np.isnan(rows)
    total = np.add.reduce(np.where(present, rows, 0.0), axis=0)
    count = np.add.reduce(present, axis=0)
    average = np.full(rows.shape[1], np.nan)
    np.divide(total, count, out=average, where=count > 0)
    return average


def _highest(rows: Floats) -> Floats:
    highest: Floats = np.fmax.reduce(rows, axis=0)
    return highest


def _lowest(rows: Floats) -> Floats:
    lowest: Floats = np.fmin.reduce(rows, axis=0)
    return lowest


_STATISTICS: dict[str, Callable[[Floats], Floats]] = {
    "trailing_average": _average,
    "trailing_high": _highest,
    "trailing_low": _lowest,
    "trailing_volume": _average,
}


@dataclass(frozen=True, slots=True)
class TrailingRule:
    """What a trailing indicator computes.

    Attributes:
        field: the bar field it reads.
        statistic: average, highest or lowest over rows of sessions, ignoring NaN.
        sessions: how many of the last completed sessions it looks back on.
        min_periods: completed sessions needed for a value.
    """

    field: str
    statistic: Callable[[Floats], Floats]
    sessions: int
    min_periods: int


class TrailingState(IndicatorState, Protocol):
    """A trailing indicator's state, which also tells its values before a session begins."""

    @property
    def sessions_needed(self) -> int:
        """Completed sessions it wants to have seen before its first value is wanted."""

    def upcoming(self) -> float | Floats:
        """The values for the next session, if every session seen so far is complete."""

    def present(self) -> float | Floats:
        """The values for the session in progress."""

    @property
    def session(self) -> int | None:
        """Number of the last session a bar was seen of; None before the first bar."""


def current_values(state: TrailingState, session: int | None = None) -> float | Floats:
    """What a trailing indicator says throughout one session, known before it starts.

    Args:
        state: the state, stepped over the bars of all earlier sessions.
        session: number of the session asked for, the last one seen or a later one; None for
            the one that follows all bars seen.

    Returns:
        The value with daily granularity; with minute granularity an array by minute since
        the session's open. NaN where not known.
    """
    in_progress = session is not None and session == state.session
    return state.present() if in_progress else state.upcoming()


def trailing_rule(spec: IndicatorSpec) -> tuple[TrailingRule, str]:
    """The rule and the granularity that `spec` asks for.

    Raises:
        ConfigurationError: for an unknown parameter or a value out of its range.
    """
    info = own_indicators()[spec.name]
    values = info.resolve(_with_text_period(spec))
    sessions = _sessions(spec.name, str(values["period"]))
    min_periods = int(values["min_periods"]) or sessions
    if not 1 <= min_periods <= sessions:
        raise ConfigurationError(
            f"indicator {spec.name}: min_periods={values['min_periods']} must lie between 1 "
            f"and the period's {sessions} sessions (0 means all of them)"
        )
    granularity = str(values["granularity"])
    if granularity not in (DAILY, MINUTE):
        raise ConfigurationError(
            f"indicator {spec.name}: granularity={granularity!r} must be {DAILY!r} or {MINUTE!r}"
        )
    field = _field(spec, str(values.get("field", "volume")))
    return TrailingRule(field, _STATISTICS[spec.name], sessions, min_periods), granularity


def require_grid(spec: IndicatorSpec, sessions: SessionGrid | None) -> SessionGrid:
    """Give `sessions` back if there are any.

    Raises:
        ConfigurationError: otherwise: a minute of the session is counted from its open.
    """
    if sessions is None or not len(sessions):
        raise ConfigurationError(
            f"indicator {spec.name} with granularity={MINUTE!r} needs the sessions' opening "
            f"times; give create_indicator a session grid, or use granularity={DAILY!r}"
        )
    return sessions


def _field(spec: IndicatorSpec, named: str) -> str:
    info = own_indicators()[spec.name]
    (field,) = info.resolve_inputs(replace(spec, inputs=spec.inputs or (named,)))
    if "field" in dict(spec.parameters) and field != named:
        raise ConfigurationError(
            f"indicator {spec.name}: field={named!r} and inputs={spec.inputs!r} disagree; give one"
        )
    if "field" not in dict(info.parameters) and field != named:
        raise ConfigurationError(
            f"indicator {spec.name} reads {named}, not {field}; use trailing_average for that"
        )
    return field


def _with_text_period(spec: IndicatorSpec) -> IndicatorSpec:
    """A period given as a number of sessions, in its usual spelling."""
    parameters = tuple(
        (name, f"{value}d" if name == "period" and type(value) is int else value)
        for name, value in spec.parameters
    )
    return replace(spec, parameters=parameters)


def _sessions(name: str, period: str) -> int:
    match = re.fullmatch(r"([1-9]\d{0,3})d", period)
    if match is None:
        raise ConfigurationError(
            f"indicator {name}: period={period!r} must be a number of sessions such as '10d'"
        )
    return int(match[1])
