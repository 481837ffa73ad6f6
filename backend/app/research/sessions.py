"""Sessions read off the bars themselves, for a run that names no calendar."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError
from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, Int64s

_WEEKEND = (2, 3)
"""Days since 1970-01-01, a Thursday, modulo seven: Saturday and Sunday."""


def sessions_in(bars: Iterable[BarColumns], timezone: str | None) -> SessionGrid:
    """One session per local date that has a bar; every bar lies in its date's session.

    A session opens at the date's first bar, or at the time of day most sessions open when that
    is earlier, so that a missing first minute does not shift the longer bars; it closes with
    the date's last bar. `timezone` defaults to UTC when there are bars at weekends and to New
    York otherwise.
    """
    parts = list(bars)
    starts = _all_starts([part.start_ns for part in parts])
    utc_days = _first_rows(starts // DAY_NS)
    zone = timezone or _likely_zone(starts[utc_days])
    _require_zone(zone)
    local = starts + _offsets_ns(starts, utc_days, zone)
    days = local // DAY_NS
    first = _first_rows(days)
    opens, ends = starts[first], np.append(starts[first[1:] - 1], starts[-1:]) + MINUTE_NS
    opens = np.minimum(opens, opens - local[first] % DAY_NS + _usual_open(local[first]))
    opens[1:] = np.maximum(opens[1:], ends[:-1])
    dates = days[first].astype("datetime64[D]")
    return SessionGrid(zone, dates, opens, ends, opens, ends)


def _require_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigurationError(
            f"timezone: {zone!r} is not known; use an IANA name such as America/New_York"
        ) from None


def _all_starts(starts: list[Int64s]) -> Int64s:
    """The starts of all symbols, sorted, each once; symbols often share theirs."""
    first = max(starts, key=len)
    others = [part for part in starts if not np.array_equal(part, first)]
    return np.unique(np.concatenate([first, *others])) if others else first


def _first_rows(values: Int64s) -> Int64s:
    """The row each run of equal values begins with."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    return np.concatenate(([0], changes)) if len(values) else changes


def _likely_zone(starts: Int64s) -> str:
    weekend = np.isin(starts // DAY_NS % 7, _WEEKEND).any()
    return "UTC" if weekend else "America/New_York"


def _usual_open(local_opens: Int64s) -> int:
    times, counts = np.unique(local_opens % DAY_NS, return_counts=True)
    return int(times[np.argmax(counts)]) if len(times) else 0


def _offsets_ns(starts: Int64s, days: Int64s, zone: str) -> Int64s:
    """Offset of local time from UTC at each instant; `days` are the rows UTC days begin with.

    Looked up once per UTC day; once per hour if clocks change between a day's first bar and
    its end.
    """
    if zone == "UTC":
        return np.zeros(len(starts), np.int64)
    info = ZoneInfo(zone)
    first, offsets = days, _offsets_of(starts[days], info)
    day_ends = (starts[days] // DAY_NS + 1) * DAY_NS
    if not np.array_equal(offsets, _offsets_of(day_ends, info)):
        first = _first_rows(starts // HOUR_NS)
        offsets = _offsets_of(starts[first], info)
    return np.repeat(offsets, np.diff(first, append=len(starts)))


def _offsets_of(times_ns: Int64s, zone: ZoneInfo) -> Int64s:
    moments = (datetime.fromtimestamp(ns // SECOND_NS, zone) for ns in times_ns.tolist())
    return np.array([_offset_ns(moment) for moment in moments], np.int64)


def _offset_ns(moment: datetime) -> int:
    offset = moment.utcoffset() or timedelta()
    return int(offset.total_seconds()) * SECOND_NS
