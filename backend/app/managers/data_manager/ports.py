"""What `DataManager` needs to know of time: the part of `TimeManager` it calls."""

from datetime import date, datetime, tzinfo
from typing import Protocol

from sqlalchemy.orm import Session

from app.core.market_halts import MarketHalt
from app.core.sessions import SessionGrid


class MarketTime(Protocol):
    """The present, and the sessions of one market."""

    @property
    def timezone(self) -> str:
        """IANA name of the market's time zone."""

    def now_ns(self) -> int:
        """The present, as UTC nanoseconds."""

    def get_current_time(self, tz: str | tzinfo | None = None) -> datetime:
        """The present, in market time or in `tz`."""

    def session_grid(self, db: Session, first: date, last: date) -> SessionGrid:
        """The trading sessions from `first` to `last`, both included."""

    def get_halts(self, db: Session, first: date, last: date) -> tuple[MarketHalt, ...]:
        """The market-wide halts from `first` to `last`, both included."""
