"""`DataManager`: the door to stored market data, in market time."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.core.corporate_actions import Adjustment, CorporateAction
from app.core.data_structures import BarColumns, Quote, Tick
from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.core.instants import ns_of
from app.core.intervals import Interval
from app.core.market_halts import MarketHalt, halted_minutes
from app.core.sessions import SessionGrid
from app.managers.data_manager.bars import Bars, market_time
from app.managers.data_manager.ports import MarketTime
from app.managers.data_manager.streams import BarStreams
from app.models.database import SessionLocal
from app.services.market_data.bar_aggregation import aggregate, regular_minutes
from app.services.market_data.corporate_actions import (
    ActionImportSummary,
    ActionStorage,
    import_actions,
)
from app.services.market_data.csv_import import ImportSummary, Progress, import_bars
from app.services.market_data.parquet_storage import ParquetStorage, StoredCoverage
from app.services.market_data.price_adjustment import adjusted, stored_factors
from app.services.market_data.quality_scoring import (
    Finding,
    QualityColumns,
    inspect_bars,
    session_quality,
)
from app.services.market_data.tick_storage import TickImportSummary, TickStorage
from app.services.market_data.validation import ValidationReport, validate_bars

Row = TypeVar("Row")
_WEEK: Final = timedelta(days=7)


class DataManager:
    """Stored bars of one market, asked for and answered in its time.

    A `date` means the whole day; a `datetime` without a zone is market time. Nothing later
    than the present of the time manager is ever given out: in a backtest that is the
    backtest's time.

    Raises:
        ConfigurationError: for an interval, symbol or range that cannot be.
        DataNotFoundError: if nothing is stored for the symbol.
    """

    def __init__(
        self,
        storage: ParquetStorage,
        time_manager: MarketTime,
        *,
        open_database: Callable[[], Session] = SessionLocal,
    ) -> None:
        self._storage = storage
        self._ticks = TickStorage(storage.root)
        self._actions = ActionStorage(storage.root)
        self._time = time_manager
        self._open_database = open_database
        self.streams = BarStreams()

    @property
    def storage(self) -> ParquetStorage:
        """The store of minute bars."""
        return self._storage

    @property
    def ticks(self) -> TickStorage:
        """The store of ticks and quotes."""
        return self._ticks

    @property
    def timezone(self) -> str:
        """IANA name of the zone that answers are in."""
        return self._time.timezone

    def get_current_time(self, tz: str | tzinfo | None = None) -> datetime:
        """The present, in market time or in `tz`."""
        return self._time.get_current_time(tz)

    def now_ns(self) -> int:
        """The present, as UTC nanoseconds."""
        return self._time.now_ns()

    # ── bars ─────────────────────────────────────────────────────────────────

    def get_bars(
        self,
        symbol: str,
        interval: str | Interval,
        start: date,
        end: date,
        *,
        extended_hours: bool = False,
        adjustment: str = "raw",
    ) -> Bars:
        """Complete bars that start from `start` on and before `end`.

        An `end` that is a date includes that day. Longer bars are made from the minutes,
        aligned to the session; bars outside regular hours come only with `extended_hours`.
        With an `adjustment` (``split``, ``dividend``, ``all``) prices are those of the last
        stored bar that is not later than the present: no later split or dividend is in them.
        """
        step, kind = Interval.parse(interval), _adjustment(adjustment)
        first_ns, last_ns = self._range(start, end)
        grid = self._grid(first_ns, last_ns, margin=_WEEK if step.days == 7 else timedelta())
        if extended_hours:
            grid = grid.extended()
        minutes = self._adjusted(symbol, self._minutes(symbol, grid), kind)
        bars = aggregate(minutes, step, grid, until_ns=self._time.now_ns())
        return Bars(symbol, step, bars.between(first_ns, last_ns), self._time.timezone)

    def stored_bars(
        self,
        symbol: str,
        start: date | None = None,
        end: date | None = None,
        *,
        adjustment: str = "raw",
    ) -> Bars:
        """Every stored minute from `start` on and before `end`, outside the sessions too.

        `adjustment` is as in `get_bars`.
        """
        kind = _adjustment(adjustment)
        coverage = self._storage.coverage(symbol)
        first_ns, last_ns = self._range(*self._within(coverage, start, end))
        columns = self._storage.read(symbol, first_ns, min(last_ns, self._time.now_ns()))
        columns = self._adjusted(symbol, columns, kind)
        return Bars(symbol, Interval.parse("1m"), columns, self._time.timezone)

    def stored_range(
        self, symbol: str, start: date | None = None, end: date | None = None
    ) -> tuple[date, date]:
        """`start` and `end`, by default the dates of the first and last stored bar."""
        return self._within(self._storage.coverage(symbol), start, end)

    def list_symbols(self) -> list[StoredCoverage]:
        """What is stored, per symbol."""
        return [self._storage.coverage(symbol) for symbol in self._storage.symbols()]

    def coverage(self, symbol: str) -> StoredCoverage:
        """First and last bar, rows and labels of one symbol."""
        return self._storage.coverage(symbol)

    def get_quality(
        self, symbol: str, start: date | None = None, end: date | None = None
    ) -> QualityColumns:
        """Expected and present regular minutes per session, and the gaps.

        Without `start` or `end`: from the session of the first stored bar, to that of the
        last.
        """
        coverage = self._storage.coverage(symbol)
        grid = self._grid(*self._range(*self._within(coverage, start, end)), margin=timedelta())
        minutes = self._minutes(symbol, grid)
        halted = halted_minutes(self.get_halts(symbol, start, end))
        return session_quality(minutes, grid, until_ns=self._time.now_ns(), halted=halted)

    def get_halts(
        self, symbol: str, start: date | None = None, end: date | None = None
    ) -> tuple[MarketHalt, ...]:
        """The market-wide halts of the days asked for: no bar is expected in them.

        Without `start` or `end`: from the first stored bar of `symbol`, to the last.
        """
        first_ns, last_ns = self._range(*self._within(self._storage.coverage(symbol), start, end))
        zone = ZoneInfo(self._time.timezone)
        days = (market_time(first_ns, zone).date(), market_time(last_ns - 1, zone).date())
        with self._open_database() as db:
            return self._time.get_halts(db, *days)

    def inspect(
        self, symbol: str, start: date | None = None, end: date | None = None
    ) -> tuple[Finding, ...]:
        """What is odd about the stored minutes: spikes, stale prices, no volume, and so on."""
        return inspect_bars(self.stored_bars(symbol, start, end).columns)

    def validate(
        self, symbol: str, start: date | None = None, end: date | None = None
    ) -> ValidationReport:
        """Every check of the stored minutes, against themselves and the calendar.

        Without `start` or `end`: from the session of the first stored bar, to that of the
        last.
        """
        days = self._within(self._storage.coverage(symbol), start, end)
        grid = self._grid(*self._range(*days), margin=timedelta())
        stored = self.stored_bars(symbol, *days).columns
        halted = halted_minutes(self.get_halts(symbol, *days))
        return validate_bars(symbol, stored, grid, until_ns=self._time.now_ns(), halted=halted)

    def delete_bars(self, symbol: str, start: date | None = None, end: date | None = None) -> int:
        """Remove the stored minutes from `start` on and before `end`; how many there were.

        Without `start` or `end`: from the first stored bar, to the last.
        """
        days = self._within(self._storage.coverage(symbol), start, end)
        return self._storage.delete(symbol, *self._range(*days))

    # ── splits and dividends ─────────────────────────────────────────────────

    def get_actions(self, symbol: str) -> tuple[CorporateAction, ...]:
        """The stored splits and dividends of `symbol` up to the present's date, by date.

        Raises:
            DataError: if their file is damaged.
        """
        today = self._time.get_current_time().date()
        return tuple(each for each in self._actions.read(symbol) if each.ex_date <= today)

    def import_actions(self, path: str | Path) -> ActionImportSummary:
        """Store the splits and dividends of a .csv or .csv.gz file (see `import_actions`)."""
        return import_actions(Path(path), self._actions)

    # ── streams ──────────────────────────────────────────────────────────────

    def start_bar_stream(self, symbol: str, interval: str | Interval = "1m") -> str:
        """Begin a stream of the bars that close in the session that runs; its id.

        A derived interval that no strategy uses must be started before the session.
        """
        return self.streams.start(symbol, Interval.parse(interval))

    def next_bars(self, stream_id: str, timeout: float | None = None) -> Bars | None:
        """The next bars of a stream, in one or more at a time; None after `timeout` seconds."""
        columns = self.streams.take(stream_id, timeout)
        if columns is None:
            return None
        symbol, _, rest = stream_id.rpartition(":")[0].rpartition(":")
        return Bars(symbol, Interval.parse(rest), columns, self._time.timezone)

    def stop_stream(self, stream_id: str) -> None:
        """End a stream."""
        self.streams.stop(stream_id)

    def stop_all_streams(self) -> None:
        """End every stream."""
        self.streams.stop_all()

    # ── ticks and quotes ─────────────────────────────────────────────────────

    def get_ticks(self, symbol: str, day: date) -> list[Tick]:
        """Stored trades of `symbol` on a date of the market, up to the present."""
        return _some(self._ticks.ticks(symbol, *self._day(day)), "ticks", symbol, day)

    def get_quotes(self, symbol: str, day: date) -> list[Quote]:
        """Stored best bids and offers of `symbol` on a date of the market, up to the present."""
        return _some(self._ticks.quotes(symbol, *self._day(day)), "quotes", symbol, day)

    def import_ticks(self, path: str | Path, *, timezone: str | None = None) -> TickImportSummary:
        """Store the ticks or quotes of a .csv or .csv.gz file (see `TickStorage.import_csv`)."""
        zone = zone_name(timezone or self._time.timezone)
        return self._ticks.import_csv(Path(path), timezone=zone)

    # ── import ───────────────────────────────────────────────────────────────

    def import_from_csv(
        self,
        path: str | Path,
        *,
        symbol: str | None = None,
        timezone: str | None = None,
        columns: Mapping[str, str] | None = None,
        labels: Iterable[str] = (),
        progress: Progress = lambda _fraction, _doing: None,
    ) -> ImportSummary:
        """Store the minute bars of a .csv, .csv.gz or .parquet file.

        Times without a zone are read in `timezone`, by default the market's own.

        Raises:
            ConfigurationError: if the file, its columns or the zone cannot be told.
            DataError: if the file is damaged, empty, or no row of it can be stored.
        """
        return import_bars(
            Path(path),
            self._storage,
            symbol=symbol,
            timezone=zone_name(timezone or self._time.timezone),
            columns=columns,
            labels=labels,
            sessions_between=self._sessions_between,
            progress=progress,
        )

    # ── insides ──────────────────────────────────────────────────────────────

    def _adjusted(self, symbol: str, bars: BarColumns, adjustment: Adjustment) -> BarColumns:
        """`bars` in the prices of the last stored bar that is not later than the present."""
        if adjustment is Adjustment.RAW or not len(bars):
            return bars
        actions = self.get_actions(symbol)
        if not actions:
            return bars
        coverage, now_ns = self._storage.coverage(symbol), self._time.now_ns()
        last_ns = min(coverage.last_ns, now_ns)
        sessions = self._sessions_between(coverage.first_ns, last_ns)
        return adjusted(
            bars,
            stored_factors(self._storage, actions, adjustment, sessions, until_ns=last_ns),
        )

    def _minutes(self, symbol: str, grid: SessionGrid) -> BarColumns:
        """Stored minutes in the sessions of `grid`, none that is not over yet."""
        self._storage.coverage(symbol)
        if not len(grid):
            return BarColumns.empty()
        last_ns = min(int(grid.close_ns[-1]), self._time.now_ns())
        minutes = self._storage.read(symbol, int(grid.open_ns[0]), last_ns)
        complete = int(minutes.end_ns.searchsorted(self._time.now_ns(), side="right"))
        return regular_minutes(minutes.slice(0, complete), grid)

    def _grid(self, first_ns: int, last_ns: int, *, margin: timedelta) -> SessionGrid:
        zone = ZoneInfo(self._time.timezone)
        first = market_time(first_ns, zone).date() - margin
        last = market_time(last_ns - 1, zone).date() + margin
        with self._open_database() as db:
            return self._time.session_grid(db, first, last)

    def _sessions_between(self, first_ns: int, last_ns: int) -> SessionGrid:
        try:
            return self._grid(first_ns, last_ns + 1, margin=timedelta())
        except DataNotFoundError:  # older than the calendar: stored, but in no session
            return SessionGrid.of([])

    def _day(self, day: date) -> tuple[int, int]:
        first_ns, last_ns = self._range(day, day)
        return first_ns, max(first_ns + 1, min(last_ns, self._time.now_ns() + 1))

    def _range(self, start: date, end: date) -> tuple[int, int]:
        """``[first_ns, last_ns)`` of a start and an end, each a date or a datetime."""
        last_day = end if isinstance(end, datetime) else end + timedelta(days=1)
        first_ns, last_ns = self._instant_ns(start), self._instant_ns(last_day)
        if first_ns >= last_ns:
            raise ConfigurationError(f"the range from {start} to {end} holds no time")
        return first_ns, last_ns

    def _instant_ns(self, moment: date) -> int:
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(self._time.timezone))
        return ns_of(moment)

    def _within(
        self, coverage: StoredCoverage, start: date | None, end: date | None
    ) -> tuple[date, date]:
        zone = ZoneInfo(self._time.timezone)
        first = market_time(coverage.first_ns, zone).date()
        last = market_time(coverage.last_ns, zone).date()
        return start or first, end or last


def _some(rows: list[Row], kind: str, symbol: str, day: date) -> list[Row]:
    if not rows:
        raise DataNotFoundError(
            f"no {kind} of {symbol!r} on {day} are stored; import them with import_ticks"
        )
    return rows


def _adjustment(text: str) -> Adjustment:
    try:
        return Adjustment(text)
    except ValueError:
        raise ConfigurationError(
            f"adjustment {text!r} is not one; use {', '.join(Adjustment)}"
        ) from None


def zone_name(timezone: str) -> str:
    """`timezone` itself, if it is one.

    Raises:
        ConfigurationError: it is not known.
    """
    try:
        return ZoneInfo(timezone).key
    except (KeyError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"timezone {timezone!r} is not known; use a name such as America/New_York or UTC"
        ) from error
