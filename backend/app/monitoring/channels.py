"""The channels on which the platform tells what happens, by the names clients use."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from uuid import UUID

from app.core.exceptions import ConfigurationError
from app.core.intervals import Interval
from app.core.session_data import SeriesKey
from app.services.market_data.symbol_folders import require_symbol


class Kind(StrEnum):
    """What a channel tells of."""

    BARS = "bars"
    RUNS = "runs"
    ORDERS = "orders"
    POSITIONS = "positions"
    SESSION = "session"
    QUALITY = "quality"
    EVENTS = "events"

    @property
    def is_snapshot(self) -> bool:
        """Whether each message tells everything, so that only the latest matters."""
        return self in {Kind.RUNS, Kind.POSITIONS, Kind.SESSION, Kind.QUALITY}


_FORMS = {Kind.BARS: "bars:AAPL:1m", Kind.RUNS: "runs:<id>"}
FORMS = tuple(_FORMS.get(kind, kind.value) for kind in Kind)
"""How a channel of each kind is written."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel; `name` is spelled in one way only, however it was asked for.

    `series` is that of a channel of bars, `run_id` that of a channel of a run; None for others.
    """

    name: str
    kind: Kind
    series: SeriesKey | None = None
    run_id: UUID | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name such as ``orders``, ``bars:AAPL:1m`` or ``runs:<id>``.

        Raises:
            ConfigurationError: if there is no such channel, saying which there are.
        """
        head, _, rest = text.partition(":")
        try:
            kind = Kind(head)
        except ValueError:
            raise _unknown(text) from None
        if kind is Kind.BARS:
            symbol, _, interval = rest.rpartition(":")
            series = (require_symbol(symbol), Interval.parse(interval))
            return cls(bars_channel(*series), kind, series)
        if kind is Kind.RUNS:
            run_id = _run_id(text, rest)
            return cls(run_channel(run_id), kind, run_id=run_id)
        if text != kind.value:
            raise _unknown(text)
        return cls(text, kind)


def bars_channel(symbol: str, interval: Interval) -> str:
    """Name of the channel of one series of bars."""
    return f"{Kind.BARS}:{symbol}:{interval}"


def run_channel(run_id: UUID) -> str:
    """Name of the channel that tells how far one run is."""
    return f"{Kind.RUNS}:{run_id}"


def _run_id(text: str, rest: str) -> UUID:
    try:
        return UUID(rest)
    except ValueError:
        raise _unknown(text) from None


def _unknown(text: str) -> ConfigurationError:
    return ConfigurationError(f"there is no channel {text!r}; there are {', '.join(FORMS)}")
