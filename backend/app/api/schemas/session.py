"""The data of the session that runs, or ran last."""

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import groupby
from typing import Self

import numpy as np
from pydantic import BaseModel, Field

from app.api.schemas.examples import INDICATORS, PRESENT, SERIES
from app.api.schemas.values import Known, Moment, shown_as
from app.core.enums import SystemState
from app.core.instants import utc
from app.core.intervals import ONE_MINUTE
from app.core.types import Floats
from app.managers.system_manager.session_scores import SessionScore
from app.managers.system_manager.session_series import SeriesRow
from app.managers.system_manager.status import SystemStatus


class SessionNow(BaseModel):
    """Which session, and its present."""

    session_name: str | None = Field(examples=["example_session"])
    state: SystemState
    session: date | None = Field(description="Null before the first session has begun.")
    market_time: Moment | None


class LatestBar(BaseModel):
    """The last bar that has closed; `end` is when it did."""

    end: Moment
    open: float
    high: float
    low: float
    close: float
    volume: float


class IndicatorValues(BaseModel):
    """An indicator at the last bar that has closed."""

    name: str = Field(examples=["SMA(10)"])
    values: list[Known] = Field(description="Each output's value; null while it is not known.")


class Series(BaseModel):
    """One series: what of it has closed."""

    interval: str = Field(examples=["5m"])
    derived: bool = Field(description="Whether it is made from the minutes.")
    bars: int = Field(description="Today's.")
    history: int = Field(description="Those before today.")
    last: LatestBar | None
    quality_pct: Known = Field(description="Share of the expected minutes that are there.")
    indicators: list[IndicatorValues]

    @classmethod
    def of(cls, row: SeriesRow) -> Self:
        """As the API tells it."""
        return cls(
            interval=str(row.interval),
            derived=row.interval != ONE_MINUTE,
            bars=row.bars,
            history=row.history,
            last=_latest(row),
            quality_pct=row.quality_pct,
            indicators=_indicators(row),
        )


class SymbolSeries(BaseModel):
    """What the session has of one symbol."""

    symbol: str = Field(examples=["ALPHA"])
    series: list[Series]


class SessionDataNow(SessionNow):
    """All data of the session, as of its present."""

    model_config = shown_as(**PRESENT, symbols=[{"symbol": "ALPHA", "series": [SERIES]}])

    symbols: list[SymbolSeries]

    @classmethod
    def of(cls, status: SystemStatus, rows: Iterable[SeriesRow]) -> Self:
        """As the API tells it; `rows` has those of a symbol together."""
        grouped = groupby(rows, key=lambda row: row.symbol)
        return cls(
            **now(status),
            symbols=[
                SymbolSeries(symbol=symbol, series=list(map(Series.of, own)))
                for symbol, own in grouped
            ],
        )


class Score(BaseModel):
    """One session of one symbol."""

    session: date
    quality_pct: Known


class SymbolQuality(BaseModel):
    """How complete the bars of one symbol are."""

    symbol: str = Field(examples=["ALPHA"])
    quality_pct: Known = Field(description="Of the sessions below, on the average.")
    sessions: list[Score]


class SessionQualityNow(SessionNow):
    """Quality of the sessions that have begun."""

    model_config = shown_as(
        **PRESENT,
        symbols=[
            {
                "symbol": "ALPHA",
                "quality_pct": 99.74,
                "sessions": [{"session": "2025-11-06", "quality_pct": 99.74}],
            }
        ],
    )

    symbols: list[SymbolQuality]

    @classmethod
    def of(cls, status: SystemStatus, scores: Mapping[str, list[SessionScore]]) -> Self:
        """As the API tells it."""
        return cls(**now(status), symbols=[_quality(*each) for each in scores.items()])


class SeriesIndicators(BaseModel):
    """The indicators of one series."""

    symbol: str = Field(examples=["ALPHA"])
    interval: str = Field(examples=["1m"])
    indicators: list[IndicatorValues]


class HistoricalValue(BaseModel):
    """A historical indicator of one symbol.

    `values` has one value, or for granularity ``minute`` one per minute of the session.
    """

    name: str = Field(examples=["trailing_avg_volume"])
    symbol: str = Field(examples=["ALPHA"])
    values: list[Known]


class SessionIndicatorsNow(SessionNow):
    """Every indicator of the session, as of its present."""

    model_config = shown_as(
        **PRESENT,
        series=[{"symbol": "ALPHA", "interval": "5m", "indicators": INDICATORS}],
        historical=[{"name": "trailing_avg_volume", "symbol": "ALPHA", "values": [412_000.0]}],
    )

    series: list[SeriesIndicators]
    historical: list[HistoricalValue]

    @classmethod
    def of(
        cls,
        status: SystemStatus,
        rows: Iterable[SeriesRow],
        named: Mapping[str, Mapping[str, float | Floats]],
    ) -> Self:
        """As the API tells it."""
        return cls(
            **now(status),
            series=[
                SeriesIndicators(
                    symbol=row.symbol, interval=str(row.interval), indicators=_indicators(row)
                )
                for row in rows
                if row.indicators
            ],
            historical=[
                HistoricalValue(name=name, symbol=symbol, values=np.ravel(value).tolist())
                for name, values in named.items()
                for symbol, value in values.items()
            ],
        )


def now(status: SystemStatus) -> dict[str, object]:
    """The fields of `SessionNow`."""
    progress = status.progress
    return {
        "session_name": status.session_name,
        "state": status.state,
        "session": progress.session if progress else None,
        "market_time": utc(progress.now_ns) if progress and progress.now_ns else None,
    }


def _latest(row: SeriesRow) -> LatestBar | None:
    if row.last is None:
        return None
    end, open_, high, low, close, volume = row.last
    return LatestBar(end=end, open=open_, high=high, low=low, close=close, volume=volume)


def _indicators(row: SeriesRow) -> list[IndicatorValues]:
    return [IndicatorValues(name=name, values=list(values)) for name, values in row.indicators]


def _quality(symbol: str, scores: list[SessionScore]) -> SymbolQuality:
    known = [score.quality_pct for score in scores if score.quality_pct == score.quality_pct]
    return SymbolQuality(
        symbol=symbol,
        quality_pct=sum(known) / len(known) if known else None,
        sessions=[Score(session=score.date, quality_pct=score.quality_pct) for score in scores],
    )
