"""`TimeManager`: what time it is, and what the market does then."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from threading import RLock
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from app.core.calendar_days import CalendarDay, ImportedCalendar, MarketHours
from app.core.enums import MarketSession, OperationMode
from app.core.exceptions import ConfigurationError
from app.core.market_calendar import MarketCalendar
from app.core.market_halts import MarketHalt
from app.core.sessions import SessionGrid, TradingSession
from app.managers.time_manager.backtest_clock import BacktestClock
from app.managers.time_manager.calendar_import import import_calendars
from app.managers.time_manager.clock import Clock, SystemClock
from app.managers.time_manager.exchanges import EXCHANGES
from app.models.database import SessionLocal
from app.repositories.calendar_repository import CalendarRepository

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class TimeManager:
    """The only source of time, and of the calendar of one market.

    Datetimes that go in are converted if they carry a zone and read as market time if not;
    those that come out are in market time unless a zone is named. Dates are the market's own.
    Calendar answers come from the database once and from memory afterwards; `refresh` reads
    them anew. Every call may be made from any thread.

    In a backtest the time is what `set_backtest_time` last said. It moves only forward, and
    not past the close of the session it is in: the next session begins with
    `advance_to_market_open`.

    Raises:
        ConfigurationError: an exchange group that is unknown, or a database without calendars.
        DataNotFoundError: a date outside the calendar.
    """

    def __init__(
        self,
        *,
        exchange_group: str = "US_EQUITY",
        asset_class: str = "EQUITY",
        mode: OperationMode = OperationMode.LIVE,
        clock: Clock | None = None,
        open_database: Callable[[], Session] = SessionLocal,
    ) -> None:
        self._clock = clock or SystemClock()
        self._open_database = open_database
        self._market = (exchange_group, asset_class)
        self._mode = mode
        self._window: tuple[date | None, date | None, int | None] = (None, None, None)
        self._extended = False
        self._calendar: MarketCalendar | None = None
        self._backtest: BacktestClock | None = None
        self._lock = RLock()

    @classmethod
    def for_exchange(cls, db: Session, exchange_group: str, *, clock: Clock | None = None) -> Self:
        """A manager of the market that `exchange_group` names alone, on the real clock."""
        asset_class = CalendarRepository(db).asset_class_of(exchange_group)
        manager = cls(exchange_group=exchange_group, asset_class=asset_class, clock=clock)
        manager._of(db)
        return manager

    def configure(
        self,
        db: Session,
        *,
        exchange_group: str,
        asset_class: str,
        mode: OperationMode,
        first_date: date | None = None,
        last_date: date | None = None,
        backtest_days: int | None = None,
        extended_hours: bool = False,
    ) -> None:
        """Take the market, mode and backtest window of a session config.

        The window is `first_date` to `last_date`, or the last `backtest_days` complete trading
        days before today. With `extended_hours` a session runs from its pre-market to the end
        of its post-market. Any backtest time set before is forgotten.
        """
        calendar = CalendarRepository(db).market_calendar(exchange_group, asset_class)
        with self._lock:
            self._market, self._calendar = (exchange_group, asset_class), calendar
            self._mode, self._extended = mode, extended_hours
            self._window = (first_date, last_date, backtest_days)
            self._backtest = None

    def import_calendars(
        self,
        db: Session,
        *,
        exchange_group: str | None = None,
        only_outdated: bool = False,
        on_progress: Callable[[str], None] = lambda _group: None,
    ) -> tuple[ImportedCalendar, ...]:
        """Fill the calendars from 1990 to the end of the year after next; the caller commits.

        Repeating it changes nothing. `exchange_group` restricts it to one; with
        `only_outdated`, those already filled that far by this version of the calendar library
        are left alone. `on_progress` is told each group before it is read.
        """
        known = {exchange.exchange_group: exchange for exchange in EXCHANGES}
        if exchange_group is not None and exchange_group not in known:
            raise ConfigurationError(
                f"exchange_group {exchange_group!r} is not known; there is {', '.join(known)}"
            )
        imported = import_calendars(
            db,
            today=_datetime(self._clock.now_ns(), UTC).date(),
            exchanges=[known[exchange_group]] if exchange_group else EXCHANGES,
            only_outdated=only_outdated,
            on_progress=on_progress,
        )
        self.refresh()
        return imported

    def refresh(self) -> None:
        """Forget the calendar, so that the next question reads it from the database."""
        with self._lock:
            self._calendar = None

    # ── now ──────────────────────────────────────────────────────────────────

    @property
    def mode(self) -> OperationMode:
        """Whether time is the clock's or the backtest's."""
        return self._mode

    @property
    def exchange_group(self) -> str:
        """The market's exchange group."""
        return self._market[0]

    @property
    def timezone(self) -> str:
        """The market's zone, an IANA name."""
        return self._known().hours.timezone

    def now_ns(self) -> int:
        """The present in UTC nanoseconds: the backtest's in a backtest, else the clock's."""
        if self._mode is not OperationMode.BACKTEST:
            return self._clock.now_ns()
        now_ns = self._backtest.now_ns if self._backtest else None
        if now_ns is None:
            raise ConfigurationError(
                "the backtest has no time yet: call init_backtest or set_backtest_time first"
            )
        return now_ns

    def get_current_time(self, tz: str | tzinfo | None = None) -> datetime:
        """The present as an aware datetime, in market time or in the zone `tz`."""
        return _datetime(self.now_ns(), self._zone(tz))

    def today(self) -> date:
        """The clock's date in market time; in a backtest too, this is the real day."""
        return _datetime(self._clock.now_ns(), self._known().zone).date()

    # ── the calendar ─────────────────────────────────────────────────────────

    def get_trading_session(self, db: Session, day: date) -> TradingSession:
        """What the market does on `day`; a datetime stands for its date in market time."""
        return self._of(db).session(self._date(db, day))

    def is_market_open(self, db: Session, timestamp: datetime) -> bool:
        """Whether regular trading goes on: from the open, included, to the close, excluded."""
        calendar = self._calendar or self._of(db)
        return calendar.is_open(_nanoseconds(timestamp, calendar.zone))

    def get_market_session(self, db: Session, timestamp: datetime) -> MarketSession:
        """``pre_market``, ``regular``, ``post_market`` or ``closed``."""
        calendar = self._of(db)
        return calendar.market_session(_nanoseconds(timestamp, calendar.zone))

    def get_next_trading_date(self, db: Session, day: date) -> date:
        """The first trading day later than `day`."""
        return self._of(db).trading_date_after(self._date(db, day))

    def get_previous_trading_date(self, db: Session, day: date) -> date:
        """The last trading day earlier than `day`."""
        return self._of(db).trading_date_before(self._date(db, day))

    def count_trading_days(self, db: Session, first: date, last: date) -> int:
        """Trading days from `first` to `last`, both included; 0 if `last` comes first."""
        begin, end = self._of(db).rows(self._date(db, first), self._date(db, last))
        return end - begin

    def is_holiday(self, db: Session, day: date) -> tuple[bool, str | None]:
        """Whether `day` is a day of the regular week without trading, and its name if known."""
        session = self.get_trading_session(db, day)
        return session.is_holiday, session.holiday_name

    def is_early_close(self, db: Session, day: date) -> tuple[bool, time | None]:
        """Whether the market closes earlier than usual on `day`, and then when (market time)."""
        session = self.get_trading_session(db, day)
        return session.is_early_close, session.regular_close if session.is_early_close else None

    def get_special_days(self, db: Session, first: date, last: date) -> tuple[CalendarDay, ...]:
        """Holidays, early closes and special sessions from `first` to `last`, both included."""
        return self._of(db).exceptions(first, last)

    def get_halts(self, db: Session, first: date, last: date) -> tuple[MarketHalt, ...]:
        """Market-wide halts from `first` to `last`, both included, in time order.

        A halt is ``(start_ns, end_ns, reason)``, read from the database at each call.
        """
        zone = self._of(db).zone
        begin = datetime.combine(self._date(db, first), time(), zone)
        end = datetime.combine(self._date(db, last) + timedelta(days=1), time(), zone)
        found = CalendarRepository(db).halts(self._market[0], begin, end)
        return tuple(halt.known() for halt in found)

    def get_market_hours(self, db: Session) -> MarketHours:
        """The market's zone, its regular week and hours, and the dates the calendar covers."""
        return self._of(db).hours

    def session_grid(self, db: Session, first: date, last: date) -> SessionGrid:
        """The trading days from `first` to `last`, both included, as read-only columns."""
        return self._of(db).grid(first, last)

    def get_current_session(self, db: Session) -> TradingSession:
        """The session that is on by the clock, or else the next one."""
        calendar = self._of(db)
        now_ns = self._clock.now_ns()
        return calendar.session_at(calendar.row_closing_after(now_ns, extended=self._extended))

    # ── backtest time ────────────────────────────────────────────────────────

    def get_backtest_window(self, db: Session) -> tuple[date, date]:
        """First and last trading day of the configured backtest.

        Raises:
            ConfigurationError: no window is configured, or it holds no trading day.
        """
        calendar = self._of(db)
        begin, end = self._window_rows(calendar)
        return calendar.session_at(begin).date, calendar.session_at(end - 1).date

    def init_backtest(self, db: Session) -> TradingSession:
        """Set the time to the open of the window's first session, and return that session."""
        calendar = self._of(db)
        begin, end = self._window_rows(calendar)
        backtest = BacktestClock(calendar, extended=self._extended, last_row=end - 1)
        session = backtest.begin(begin)
        with self._lock:
            self._backtest = backtest
        return session

    def advance_to_market_open(self, db: Session) -> TradingSession | None:
        """Move to the open of the next session and return it; None after the window's last."""
        self._of(db)
        with self._lock:
            self.now_ns()
            return self._the_backtest().advance()

    def set_backtest_time(self, moment: datetime) -> None:
        """Move the backtest to `moment`, not earlier than now nor later than the close.

        Raises:
            ConfigurationError: not a backtest, or a move the rules forbid.
        """
        self.set_backtest_time_ns(_nanoseconds(moment, self._known().zone))

    def set_backtest_time_ns(self, ns: int) -> None:
        """`set_backtest_time` for an instant in UTC nanoseconds."""
        with self._lock:
            self._the_backtest().set(ns)

    def _the_backtest(self) -> BacktestClock:
        if self._mode is not OperationMode.BACKTEST:
            raise ConfigurationError(f"time cannot be set in mode {self._mode}")
        if self._backtest is None:
            self._backtest = BacktestClock(self._known(), extended=self._extended)
        return self._backtest

    def _window_rows(self, calendar: MarketCalendar) -> tuple[int, int]:
        first, last, days = self._window
        if days is not None:
            end = calendar.rows(calendar.hours.first_date, self.today())[1]
            end -= calendar.session(self.today()).is_trading_day
            begin = end - days
            if days < 1 or begin < 0:
                raise ConfigurationError(
                    f"backtest_days {days} does not fit the calendar, which has {end} trading "
                    f"days before today from {calendar.hours.first_date} on"
                )
            return begin, end
        if first is None or last is None:
            raise ConfigurationError(
                "no backtest window: give backtest_days, or start_date and end_date"
            )
        begin, end = calendar.rows(first, last)
        if begin == end:
            raise ConfigurationError(f"there is no trading day from {first} to {last}")
        return begin, end

    # ── insides ──────────────────────────────────────────────────────────────

    def _of(self, db: Session) -> MarketCalendar:
        calendar = self._calendar
        if calendar is None:
            with self._lock:
                if self._calendar is None:
                    self._calendar = CalendarRepository(db).market_calendar(*self._market)
                calendar = self._calendar
        return calendar

    def _known(self) -> MarketCalendar:
        """The calendar for calls that bring no database session: the configured one's."""
        if self._calendar is not None:
            return self._calendar
        with self._open_database() as db:
            return self._of(db)

    def _date(self, db: Session, day: date) -> date:
        if not isinstance(day, datetime):
            return day
        return (day.astimezone(self._of(db).zone) if day.tzinfo else day).date()

    def _zone(self, tz: str | tzinfo | None) -> tzinfo:
        if tz is None:
            return self._known().zone
        if isinstance(tz, tzinfo):
            return tz
        try:
            return ZoneInfo(tz)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigurationError(
                f"time zone {tz!r} is not known; use an IANA name such as America/New_York"
            ) from error


def _nanoseconds(moment: datetime, zone: ZoneInfo) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return (moment - _EPOCH) // _MICROSECOND * 1_000


def _datetime(ns: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=ns // 1_000)).astimezone(zone)
