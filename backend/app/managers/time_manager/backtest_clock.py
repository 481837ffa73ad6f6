"""The time of one backtest: forward only, and one session at a time."""

from datetime import UTC, datetime, timedelta

from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.core.market_calendar import MarketCalendar
from app.core.sessions import TradingSession

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BacktestClock:
    """Shows what it was last set to, within the sessions of `calendar` up to row `last_row`.

    Not locked: one thread moves it, any thread may read `now_ns`. With `extended`, a session
    runs from its pre-market to the end of its post-market.
    """

    def __init__(
        self, calendar: MarketCalendar, *, extended: bool, last_row: int | None = None
    ) -> None:
        self._calendar = calendar
        self._extended = extended
        self._last_row = len(calendar) - 1 if last_row is None else last_row
        self._is_bounded = last_row is not None
        self._row = 0
        self._close_ns = 0
        self.now_ns: int | None = None

    def begin(self, row: int) -> TradingSession:
        """Go to the open of the session in row `row` of the calendar."""
        session = self._calendar.session_at(row)
        self._row, self._close_ns = row, self._bounds(session)[1]
        self.now_ns = self._bounds(session)[0]
        return session

    def advance(self) -> TradingSession | None:
        """Go to the next open, or return None after the last session of the window.

        Raises:
            DataNotFoundError: there is no window, and the calendar ends.
        """
        begins_ns = self._bounds(self._calendar.session_at(self._row))[0]
        is_ahead = self.now_ns is not None and self.now_ns < begins_ns
        row = self._row if is_ahead else self._row + 1
        if row <= self._last_row:
            return self.begin(row)
        if self._is_bounded:
            return None
        raise DataNotFoundError(
            f"the calendar ends with {self._calendar.hours.last_date}: "
            "`time import-holidays` extends it to the end of the year after next"
        )

    def set(self, ns: int) -> None:
        """Go to `ns`: not back, and not past the close of the present session.

        The first time set may be any; its session is the one it lies in, or else the next.
        """
        if self.now_ns is None:
            self._row = self._calendar.row_closing_after(ns, extended=self._extended)
            self._close_ns = self._bounds(self._calendar.session_at(self._row))[1]
        elif ns < self.now_ns:
            raise ConfigurationError(
                f"backtest time moves only forward: {self._shown(ns)} is before "
                f"{self._shown(self.now_ns)}"
            )
        elif ns > self._close_ns:
            raise ConfigurationError(
                f"backtest time {self._shown(ns)} is after the session's close at "
                f"{self._shown(self._close_ns)}: call advance_to_market_open for the next session"
            )
        self.now_ns = ns

    def _bounds(self, session: TradingSession) -> tuple[int, int]:
        if self._extended:
            return session.pre_open_ns, session.post_close_ns
        return session.open_ns, session.close_ns

    def _shown(self, ns: int) -> str:
        moment = _EPOCH + timedelta(microseconds=ns // 1_000)
        return moment.astimezone(self._calendar.zone).isoformat()
