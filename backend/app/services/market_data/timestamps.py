"""Times as files write them (ISO, epoch, exchange clocks) to UTC nanoseconds."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from app.core.exceptions import ConfigurationError
from app.core.types import Int64s

READABLE, UNREADABLE, TWICE, NEVER = range(4)
"""Codes of a time: read; not understood; happens twice, or never, on that day's clock."""

_DATES: Final = (
    (r"\d{4}-\d{1,2}-\d{1,2}", "%Y-%m-%d"),
    (r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    (r"\d{1,2}/\d{1,2}/\d{4}", "slashed"),
    (r"\d{1,2}-[A-Za-z]{3}-\d{4}", "%d-%b-%Y"),
    (r"\d{8}", "%Y%m%d"),
)
_CLOCKS: Final = (
    (r"\d{1,2}:\d{2}:\d{2}\.\d+", "%H:%M:%S%.f"),
    (r"\d{1,2}:\d{2}:\d{2}", "%H:%M:%S"),
    (r"\d{1,2}:\d{2}", "%H:%M"),
    (r"\d{1,2}:\d{2}:\d{2} [AaPp][Mm]", "%I:%M:%S %p"),
    (r"\d{1,2}:\d{2} [AaPp][Mm]", "%I:%M %p"),
    (r"\d{6}", "%H%M%S"),
    (r"\d{4}", "%H%M"),
)
_ZONE: Final = r"(?P<word> ?(?:Z|UTC|GMT))|(?P<space> ?)[+-]\d{2}:?\d{2}|"
_EPOCH: Final = re.compile(r"\d{9,11}(\.\d*)?|\d{13}(\.\d*)?|\d{16}|\d{19}")
_EPOCH_UNITS: Final = ((1e11, 9), (1e14, 6), (1e17, 3))
"""Sizes below which an epoch counts seconds, milliseconds, microseconds: 10 ** n ns."""

_MOST_SHAPES: Final = 30
_Codes = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class ParsedTimes:
    """UTC nanoseconds (0 where not read) and a code per value, of equal length."""

    ns: Int64s
    codes: _Codes


def parse_times(values: pl.Series, timezone: str) -> ParsedTimes:
    """Read `values`: text, whole or decimal epoch numbers, dates or datetimes.

    The unit of an epoch (s, ms, us, ns) follows from its size. A time without a zone is on
    the clock of `timezone` (an IANA name); where that clock skips or repeats it, the code
    says so. Days and months of ``1/2/2024`` are told apart by the rest of the column.

    Raises:
        ConfigurationError: if nothing in the column tells days from months.
    """
    if values.dtype == pl.String:
        return _read_texts(values, timezone)
    if values.dtype.is_numeric():
        return _read_epochs(values)
    if not values.dtype.is_temporal():
        return _unreadable(len(values))
    return _to_utc(values.cast(pl.Datetime("ns", _zone_of(values))), timezone)


def _read_texts(values: pl.Series, timezone: str) -> ParsedTimes:
    """Read by the format of the first value; what does not fit it by its own first, and so on."""
    result = _unreadable(len(values))
    rows = np.flatnonzero(values.is_not_null().to_numpy())
    for _ in range(_MOST_SHAPES):
        if not len(rows):
            break
        rest = values if len(rows) == len(values) else values.gather(rows)
        parsed = _read_like_first(rest, timezone)
        settled = parsed.codes != UNREADABLE
        if not settled[0]:
            settled |= (_shapes(rest) == _shapes(rest.head(1))[0]).to_numpy()
        result.ns[rows[settled]] = parsed.ns[settled]
        result.codes[rows[settled]] = parsed.codes[settled]
        rows = rows[~settled]
    return result


def _read_like_first(texts: pl.Series, timezone: str) -> ParsedTimes:
    first = str(texts[0])
    if _EPOCH.fullmatch(first):
        whole = texts.cast(pl.Int64, strict=False)
        return _read_epochs(texts.cast(pl.Float64, strict=False) if "." in first else whole)
    spec = _format_of(first)
    if spec is None:
        return _unreadable(len(texts))
    if "slashed" in spec:
        spec = spec.replace("slashed", _slashed_format(texts))
    with_zone = spec.endswith("%z")
    dtype = pl.Datetime("ns", "UTC" if with_zone else None)
    moments = texts.str.strptime(dtype, spec, strict=False)
    return _to_utc(moments, "UTC" if spec.endswith(("Z", "UTC", "GMT")) else timezone)


def _format_of(text: str) -> str | None:
    """The strptime format of one time, if it is a known one."""
    for date, date_format in _DATES:
        for clock, clock_format in _CLOCKS:
            match = re.fullmatch(f"{date}(?P<joint>[T ]?){clock}(?:{_ZONE})", text)
            if match:
                zone = "" if match["space"] is None else f"{match['space']}%z"
                return f"{date_format}{match['joint']}{clock_format}{match['word'] or zone}"
    return None


def _slashed_format(texts: pl.Series) -> str:
    parts = texts.str.extract_groups(r"^(\d{1,2})/(\d{1,2})/").struct.unnest()
    first, second = (parts.to_series(column).cast(pl.Int64).max() for column in (0, 1))
    if isinstance(first, int) and first > 12:
        return "%d/%m/%Y"
    if isinstance(second, int) and second > 12:
        return "%m/%d/%Y"
    raise ConfigurationError(
        f"the time column: nothing tells days from months in dates such as {texts[0]!r}; "
        "write dates as YYYY-MM-DD"
    )


def _read_epochs(values: pl.Series) -> ParsedTimes:
    """Epoch numbers, all in one unit: that of the middle one's size."""
    sizes = np.abs(values.drop_nulls().cast(pl.Float64).to_numpy())
    sizes = sizes[sizes < np.iinfo(np.int64).max]
    size = float(np.median(sizes)) if len(sizes) else 0.0
    exponent = next((power for limit, power in _EPOCH_UNITS if size < limit), 0)
    if values.dtype.is_float():  # a double holds a time of our days to the microsecond
        micros = values.fill_nan(None) * 10.0 ** (exponent - 3)
        whole, factor = micros.round().cast(pl.Int64, strict=False), 1_000
    else:
        whole, factor = values.cast(pl.Int64, strict=False), 10**exponent
    limit = np.iinfo(np.int64).max // factor
    fits = (whole.is_between(-limit, limit)).fill_null(value=False).to_numpy()
    ns = np.where(fits, whole.fill_null(0).to_numpy(), 0) * factor
    return ParsedTimes(ns, np.where(fits, READABLE, UNREADABLE).astype(np.int8))


def _to_utc(moments: pl.Series, timezone: str) -> ParsedTimes:
    """Datetimes to UTC; those without a zone are on the clock of `timezone`."""
    codes = np.where(moments.is_null().to_numpy(), UNREADABLE, READABLE).astype(np.int8)
    if _zone_of(moments) is None:
        local = moments
        moments = local.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null")
        lost = moments.is_null().to_numpy() & (codes == READABLE)
        if lost.any():
            earliest = local.dt.replace_time_zone(
                timezone, ambiguous="earliest", non_existent="null"
            )
            codes[lost] = np.where(earliest.is_null().to_numpy()[lost], NEVER, TWICE)
    return ParsedTimes(moments.dt.epoch("ns").fill_null(0).to_numpy().copy(), codes)


def _zone_of(values: pl.Series) -> str | None:
    return values.dtype.time_zone if isinstance(values.dtype, pl.Datetime) else None


def _shapes(texts: pl.Series) -> pl.Series:
    """Each text with its digits made alike: what one format may read."""
    return texts.str.replace_all(r"\d", "9")


def _unreadable(count: int) -> ParsedTimes:
    return ParsedTimes(np.zeros(count, np.int64), np.full(count, UNREADABLE, np.int8))
