"""The series of a session as they are now: what whoever looks at a session is shown."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.core.indicators import IndicatorSpec
from app.core.intervals import Interval
from app.core.session_data import SeriesKey, SessionData
from app.core.types import SECOND_NS
from app.managers.data_manager.bars import market_time
from app.managers.system_manager.api import SystemManager


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    """One series of the session: what of it has closed, and what is computed from it.

    `bars` counts today's; `history` those before. `last` is None before the first bar;
    `quality_pct` is None while it is not known.
    """

    symbol: str
    interval: Interval
    bars: int
    history: int
    last: tuple[datetime, float, float, float, float, float] | None
    quality_pct: float | None
    indicators: tuple[tuple[str, tuple[float, ...]], ...]


def session_rows(
    data: SessionData,
    *,
    session: date | None,
    zone: str,
    quality: Mapping[str, float | None],
) -> list[SeriesRow]:
    """Every series that is kept, symbol by symbol, shortest interval first.

    Of a `session` that is None none has begun: all is history. `quality` is that of a symbol's
    minutes, which what is made from them shares.
    """
    clock = ZoneInfo(zone)
    order = {symbol: number for number, (symbol, _) in enumerate(reversed(data.series()))}
    kept = sorted(data.series(), key=lambda key: (-order[key[0]], _length(key[1])))
    begin_ns = data.visible_ns
    if session is not None:
        begin_ns = int(datetime.combine(session, time(), clock).timestamp()) * SECOND_NS
    return [_row(data, key, begin_ns, clock, quality.get(key[0])) for key in kept]


def _row(
    data: SessionData, key: SeriesKey, begin_ns: int, clock: ZoneInfo, quality_pct: float | None
) -> SeriesRow:
    symbol, interval = key
    bars = data.get_bars(symbol, interval)
    history = int(bars.start_ns.searchsorted(begin_ns))
    last = None
    if len(bars):
        prices = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        o, h, l, c, v = (column[-1].item() for column in prices)  # noqa: E741  # as in a bar
        last = (market_time(int(bars.end_ns[-1]), clock), o, h, l, c, v)
    return SeriesRow(
        symbol=symbol,
        interval=interval,
        bars=len(bars) - history,
        history=history,
        last=last,
        quality_pct=quality_pct,
        indicators=tuple(
            (_short_name(spec), data.latest_values(symbol, interval, spec))
            for spec in data.indicators(symbol, interval)
        ),
    )


def session_series(system: SystemManager, symbols: Collection[str] = ()) -> list[SeriesRow]:
    """Every series of the session, or of some symbols, with what of it has closed.

    Raises:
        ConfigurationError: a symbol that is not in the session.
        DataNotFoundError: no session was started yet.
    """
    data, progress = system.get_session_data(), system.status().progress
    if data is None:
        raise DataNotFoundError("no session was started yet; start one first")
    rows = session_rows(
        data,
        session=progress.session if progress else None,
        zone=system.get_time_manager().timezone,
        quality=system.session_quality(),
    )
    known = dict.fromkeys(row.symbol for row in rows)
    for symbol in symbols:
        if known and symbol not in known:
            raise ConfigurationError(
                f"symbol {symbol!r} is not in the session; there is {', '.join(known)}"
            )
    return [row for row in rows if row.symbol in symbols] if symbols else rows


def _short_name(spec: IndicatorSpec) -> str:
    """``SMA(10)`` for ``SMA(timeperiod=10)``."""
    name = str(spec).partition("(")[0]
    values = (*spec.inputs, *(str(value) for _, value in spec.parameters))
    return f"{name}({','.join(values)})" if values else name


def _length(interval: Interval) -> tuple[int, int]:
    return interval.days, interval.minutes
