"""From a spec to the state that computes it."""

from app.core.exceptions import ConfigurationError
from app.core.indicators import IndicatorSpec, IndicatorState
from app.core.sessions import SessionGrid
from app.services.indicators.catalogue import CUSTOM, SESSION_VWAP, TRAILING_NAMES
from app.services.indicators.custom import create_custom
from app.services.indicators.session_vwap import SessionVwap
from app.services.indicators.talib_state import TalibState
from app.services.indicators.trailing import (
    MINUTE,
    TrailingState,
    require_grid,
    trailing_rule,
)
from app.services.indicators.trailing_daily import DailyTrailing
from app.services.indicators.trailing_minute import MinuteTrailing


def create_indicator(spec: IndicatorSpec, sessions: SessionGrid | None = None) -> IndicatorState:
    """A fresh state for `spec`.

    Args:
        spec: the indicator and its parameters.
        sessions: the run's sessions, which the session numbers handed to ``step`` index;
            only trailing indicators by minute need them.

    Raises:
        ConfigurationError: for an unknown name (with the nearest ones) or parameter (with the
            valid ones and their defaults), or a value the indicator does not accept.
    """
    if spec.name in TRAILING_NAMES:
        return create_trailing(spec, sessions)
    if spec.name == CUSTOM:
        return create_custom(spec)
    if spec.function is not None:
        raise ConfigurationError(
            f"indicator {spec.name}: only {CUSTOM!r} takes a function; "
            "write IndicatorSpec.custom(YourIndicator, …)"
        )
    return SessionVwap(spec) if spec.name == SESSION_VWAP else TalibState(spec)


def create_trailing(spec: IndicatorSpec, sessions: SessionGrid | None = None) -> TrailingState:
    """A fresh state for a trailing indicator, which `current_values` can be asked of.

    Raises:
        ConfigurationError: as `create_indicator`, and for a name that is not a trailing one.
    """
    if spec.name not in TRAILING_NAMES:
        raise ConfigurationError(
            f"indicator {spec.name!r} does not look back over sessions; "
            f"those that do: {', '.join(TRAILING_NAMES)}"
        )
    rule, granularity = trailing_rule(spec)
    if granularity == MINUTE:
        return MinuteTrailing(rule, require_grid(spec, sessions))
    return DailyTrailing(rule)
