"""What a session replays and loads: the window, symbols, streams, history, gap filling."""

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from app.core.corporate_actions import Adjustment
from app.core.indicators import IndicatorSpec
from app.core.quality_gate import GateAction, QualityGate
from app.models.session_config.kinds import (
    BarInterval,
    Date,
    Listed,
    Mistake,
    Name,
    Section,
    Symbol,
    SymbolSelection,
    TrailingPeriod,
    Word,
    refuse,
)
from app.models.session_config.wording import shown

MOST_TRAILING_DAYS = 2_520
"""Ten years of trading days."""


class Stream(StrEnum):
    """What a session receives per symbol."""

    BARS_1M = "bars_1m"
    TICKS = "ticks"
    QUOTES = "quotes"


class BarField(StrEnum):
    """A column of a bar."""

    OPEN = "open"
    HIGH = "high"
    LOW = "low"
    CLOSE = "close"
    VOLUME = "volume"


class HistoricalIndicatorType(StrEnum):
    """How a historical indicator sums up its days."""

    TRAILING_AVERAGE = "trailing_average"
    TRAILING_HIGH = "trailing_high"
    TRAILING_LOW = "trailing_low"
    TRAILING_VOLUME = "trailing_volume"


class Granularity(StrEnum):
    """One value per day, or one per minute of the day."""

    DAILY = "daily"
    MINUTE = "minute"


class BacktestConfig(Section):
    """Which trading days to replay, and how: either `backtest_days` or both dates."""

    backtest_days: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None,
        description="Replay this many of the most recent completed trading days. "
        "Give either this or `start_date` with `end_date`.",
        examples=[5],
    )
    start_date: Date | None = Field(
        None,
        description="First day to replay, in the market's own calendar; if the market was "
        "closed, the next day it was open.",
        examples=["2025-11-03"],
    )
    end_date: Date | None = Field(
        None, description="Last day to replay, itself included.", examples=["2025-12-15"]
    )
    speed_multiplier: float = Field(
        0.0,
        ge=0,
        description="How many seconds of the market pass in one second: 1 is real time, 60 a "
        "minute a second, and 0 as fast as the machine can. The nights between sessions take no "
        "time. It can be changed while the session runs and never changes a result.",
        examples=[0],
    )
    prefetch_days: int = Field(
        2,
        ge=1,
        le=250,
        description="How many trading days are read ahead of the one being replayed. More "
        "costs memory and never changes a result.",
        examples=[2],
    )

    @property
    def window(self) -> tuple[date, date] | None:
        """First and last date to replay, or None where `backtest_days` says how many."""
        return (self.start_date, self.end_date) if self.start_date and self.end_date else None

    @model_validator(mode="after")
    def _window_is_said_once(self) -> Self:
        refuse(self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        dates = {"start_date": self.start_date, "end_date": self.end_date}
        missing = [name for name, day in dates.items() if day is None]
        if self.backtest_days is not None and len(missing) < 2:
            yield (), "has both backtest_days and dates; keep one way to say what to replay"
        elif self.backtest_days is None and len(missing) == 2:
            yield (), "does not say what to replay; give backtest_days, or start_date and end_date"
        elif self.backtest_days is None and missing:
            other = "end_date" if missing == ["start_date"] else "start_date"
            yield (missing[0],), f'is missing; {other} needs it (for example "2025-11-03")'
        elif self.start_date and self.end_date and self.end_date < self.start_date:
            sentence = f'"{self.end_date}" comes before start_date "{self.start_date}"; '
            yield ("end_date",), sentence + "give a last day on or after the first"


class HistoricalData(Section):
    """Bars loaded before every session."""

    apply_to: SymbolSelection = Field(
        "all",
        description='The symbols this entry is for: `"all"`, or a list of some of the '
        "session's symbols.",
        examples=["all"],
    )
    intervals: Listed[BarInterval] = Field(
        description="Bar lengths to load. One-minute bars come from the store, all others are "
        "derived from them.",
        examples=[["1m", "1d"]],
    )
    trailing_days: int = Field(
        ge=1,
        le=MOST_TRAILING_DAYS,
        description="How many trading days before the session to load.",
        examples=[10],
    )


class HistoricalIndicator(Section):
    """A figure over the days before the session, computed before every session."""

    type: Word[HistoricalIndicatorType] = Field(
        description="`trailing_average` is the mean over the period, `trailing_high` and "
        "`trailing_low` the highest and lowest value in it, `trailing_volume` the mean volume.",
        examples=["trailing_average"],
    )
    field: Word[BarField] | None = Field(
        None,
        description="The column of the bars it is computed from. Left out: `close` for an "
        "average, else the one in the type's name.",
        examples=["volume"],
    )
    period: TrailingPeriod = Field(
        description="How many trading days before the session it covers; `historical.data` "
        "must load at least as many.",
        examples=["10d"],
    )
    granularity: Word[Granularity] = Field(
        Granularity.DAILY,
        description="`daily` gives one value per session from whole days; `minute` one per "
        "minute of the day, from the same minute of each day.",
        examples=["daily"],
    )

    @property
    def period_days(self) -> int:
        """The period as a number of trading days."""
        return int(self.period[:-1])

    @property
    def spec(self) -> IndicatorSpec:
        """The indicator as the platform's indicators are declared."""
        inputs = (self.field.value,) if self.field else ()
        return IndicatorSpec.of(
            self.type.value, *inputs, period=self.period, granularity=self.granularity.value
        )

    @model_validator(mode="after")
    def _volume_is_volume(self) -> Self:
        if self.type is HistoricalIndicatorType.TRAILING_VOLUME and self.field not in (
            None,
            BarField.VOLUME,
        ):
            sentence = f'"{self.field}" is not what trailing_volume reads; '
            refuse([(("field",), sentence + 'leave it out, or use the type "trailing_average"')])
        return self


class Historical(Section):
    """What is known before a session opens."""

    data: Annotated[tuple[HistoricalData, ...], Field(strict=False)] = Field(
        (), description="Bars to load before every session; entries add up."
    )
    indicators: Mapping[Name, HistoricalIndicator] = Field(
        default_factory=dict,
        description="Indicators over those bars, by the name strategies read them with.",
    )

    @model_validator(mode="after")
    def _data_reach_back_far_enough(self) -> Self:
        loaded = max((entry.trailing_days for entry in self.data), default=0)
        remedy = f"loads ({loaded} trading days); raise trailing_days or shorten the period"
        refuse(
            (
                ("indicators", name, "period"),
                f'"{indicator.period}" reaches further back than historical.data {remedy}',
            )
            for name, indicator in self.indicators.items()
            if indicator.period_days > loaded
        )
        return self


class GapFiller(Section):
    """Completeness of the bars: how it is measured, and how long a missing one is waited for."""

    max_retries: int = Field(
        3,
        ge=0,
        le=100,
        description="So many times `retry_interval_seconds` a missing bar is waited for, while "
        "bars come in. A backtest waits for none.",
        examples=[3],
    )
    retry_interval_seconds: float = Field(
        5.0,
        gt=0,
        le=3_600,
        description="A missing bar is waited for `max_retries` times so many seconds. A backtest "
        "waits for none.",
        examples=[5],
    )

    enable_session_quality: bool = Field(
        default=True,
        description="Whether the bars of each session are scored (the percentage of expected "
        "minutes that are there) while it runs.",
        examples=[True],
    )

    @property
    def patience_s(self) -> float:
        """How long a missing bar is waited for, in seconds."""
        return self.max_retries * self.retry_interval_seconds


class QualityGateConfig(Section):
    """What happens while a symbol's data are not good enough to trade on."""

    min_quality_pct: float = Field(
        ge=0,
        le=100,
        description="The data are bad while fewer than this percentage of the session's minutes "
        "so far are there. Minutes of a market-wide halt are not expected.",
        examples=[95],
    )
    max_gap_minutes: int = Field(
        ge=1,
        le=1_440,
        description="The data are bad while more than so many minutes in a row are missing.",
        examples=[5],
    )
    action: Word[GateAction] = Field(
        description="`block_entries` refuses entries while the data are bad, `exits_only` from "
        "then to the end of that session, `skip_symbol` until a whole session has gone by in "
        "which they were not. Orders that only reduce a position always pass.",
        examples=["exits_only"],
    )
    after_minutes: int = Field(
        30,
        ge=1,
        le=1_440,
        description="How many minutes of a session must have been expected before its "
        "percentage is asked for: one minute missing of the first ten is 90 %.",
        examples=[30],
    )

    def build(self) -> QualityGate:
        """The gate the engine applies."""
        return QualityGate(
            min_quality_pct=self.min_quality_pct,
            max_gap_minutes=self.max_gap_minutes,
            action=self.action,
            after_minutes=self.after_minutes,
        )


class SessionDataConfig(Section):
    """Which data the session works on."""

    symbols: Listed[Symbol] = Field(
        description="The symbols of the session, for every stream. Their order is the order "
        "in which strategies see them within one timestamp.",
        examples=[["AAPL", "BRK.B"]],
    )
    streams: Listed[Word[Stream]] = Field(
        (Stream.BARS_1M,),
        description="What is replayed. `bars_1m` are one-minute bars; longer bars are derived "
        "from them as strategies ask. `ticks` and `quotes` are not available yet.",
        examples=[["bars_1m"]],
    )
    historical: Historical = Field(
        default_factory=Historical, description="What is loaded and computed before each session."
    )
    gap_filler: GapFiller = Field(
        default_factory=GapFiller, description="Quality of the bars, and waiting for them."
    )
    quality_gate: QualityGateConfig | None = Field(
        None,
        description="When entries are refused because of the data. Left out, gaps are counted "
        "and trading goes on.",
    )
    extended_hours: bool = Field(
        default=False,
        description="Whether pre- and post-market belong to the session. Off, only regular "
        "hours are traded, and nothing outside them enters a bar, indicator or score.",
        examples=[False],
    )
    adjustment: Word[Adjustment] = Field(
        Adjustment.RAW,
        description="What is taken out of prices. `raw`: nothing; positions and open orders are "
        "adjusted over a split and dividends are paid to cash, as in an account, and indicators "
        "see the jump of a split. `split`, `dividend` or `all`: prices are carried on as of the "
        "first session traded, so that indicators see no jump, and what is taken out does not "
        "happen to positions.",
        examples=["raw"],
    )

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        refuse(self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        for position, stream in enumerate(self.streams):
            if stream is not Stream.BARS_1M:
                yield (
                    ("streams", position),
                    f'"{stream}" are not available in a backtest yet; use "bars_1m"',
                )
        for position, entry in enumerate(self.historical.data):
            for path, sentence in self.strangers(entry.apply_to):
                yield ("historical", "data", position, "apply_to", *path), sentence

    def strangers(self, selection: SymbolSelection) -> Iterator[Mistake]:
        """One mistake for each selected symbol the session does not have."""
        if selection == "all":
            return
        remedy = "is not among session_data_config.symbols; add it there or take it out here"
        known = frozenset(self.symbols)
        for position, symbol in enumerate(selection):
            if symbol not in known:
                yield (position,), f"{shown(symbol)} {remedy}"

    def selected(self, selection: SymbolSelection) -> tuple[str, ...]:
        """The symbols `selection` stands for, in the session's order."""
        if selection == "all":
            return self.symbols
        chosen = frozenset(selection)
        return tuple(symbol for symbol in self.symbols if symbol in chosen)
