"""Market-wide trading halts: known events, in which no bar is expected and nothing trades."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from app.core.types import MINUTE_NS, Int64s

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class MarketHalt(NamedTuple):
    """A stretch ``[start_ns, end_ns)`` (UTC) in which a whole market did not trade, and why."""

    start_ns: int
    end_ns: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedHalt:
    """A halt of every venue of an exchange group, with who says so and when they said it.

    Times are aware; `end` is when trading was allowed again, or the close of a session that
    did not resume.
    """

    exchange_group: str
    start: datetime
    end: datetime
    reason: str
    source: str
    source_date: date

    def known(self) -> MarketHalt:
        """The halt as the engine takes it."""
        return MarketHalt(_ns(self.start), _ns(self.end), self.reason)


def halted_minutes(halts: Iterable[MarketHalt]) -> Int64s:
    """Start of every minute that overlaps a halt, sorted and distinct (UTC nanoseconds).

    A halt that begins within a minute takes all of it: what of its bar was traded before
    cannot be told.
    """
    starts = [
        np.arange(halt.start_ns - halt.start_ns % MINUTE_NS, halt.end_ns, MINUTE_NS)
        for halt in halts
    ]
    return np.unique(np.concatenate(starts)) if starts else np.empty(0, np.int64)


def _ns(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1_000


_NEW_YORK = ZoneInfo("America/New_York")
_SENATE = (
    "https://www.banking.senate.gov/themes/banking/hearing_archive/"
    "98_01hrg/012998/witness/cochrane.htm"
)
_WORKING_GROUP = (
    "https://www.nyse.com/publicdocs/nyse/markets/nyse/"
    "Report_of_the_Market-Wide_Circuit_Breaker_Working_Group.pdf"
)


def _us(day: str, start: str, end: str, reason: str, source: str, on: date) -> PublishedHalt:
    return PublishedHalt(
        exchange_group="US_EQUITY",
        start=datetime.fromisoformat(f"{day}T{start}").replace(tzinfo=_NEW_YORK),
        end=datetime.fromisoformat(f"{day}T{end}").replace(tzinfo=_NEW_YORK),
        reason=reason,
        source=source,
        source_date=on,
    )


_LEVEL_1 = "market-wide circuit breaker, level 1 (S&P 500 down 7 %)"
_350 = "market-wide circuit breaker (Dow down 350 points)"
_550 = "market-wide circuit breaker (Dow down 550 points), closed for the day"
_IN_1998, _IN_2021 = date(1998, 1, 29), date(2021, 3, 31)

PUBLISHED_HALTS: Final = (
    _us("1997-10-27", "14:36", "15:06", _350, _SENATE, _IN_1998),
    _us("1997-10-27", "15:30", "16:00", _550, _SENATE, _IN_1998),
    _us("2020-03-09", "09:34:13", "09:49:13", _LEVEL_1, _WORKING_GROUP, _IN_2021),
    _us("2020-03-12", "09:35:44", "09:50:44", _LEVEL_1, _WORKING_GROUP, _IN_2021),
    _us("2020-03-16", "09:30:01", "09:45:01", _LEVEL_1, _WORKING_GROUP, _IN_2021),
    _us("2020-03-18", "12:56:17", "13:11:17", _LEVEL_1, _WORKING_GROUP, _IN_2021),
)
"""Every market-wide halt of the US circuit breakers since they were introduced in 1988."""
