"""What we know of each exchange group that the calendar library does not say.

Regular hours, holidays and early closes come from the library. Extended hours, the names of
closures nobody planned, and the days the library misses are written here, with their sources;
the import stores all of it in the database, and only the database is asked afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time

from app.core.calendar_days import CalendarDay, CalendarOverride, DayHours


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange group, where its calendar is found, and its hours around regular trading.

    Attributes:
        calendar_name: its calendar in pandas_market_calendars.
        trading_weekdays: Monday to Sunday, ``1`` where it trades.
        pre_market_open: None where nothing trades before the open.
        early_post_market_close: end of the post-market after an early close.
        closures: names of unplanned closures by date.
        fixed_holidays: names of holidays by month and day, where the library gives none.
        special_open_name: what a day with its own opening time is called.
    """

    exchange_group: str
    asset_class: str
    timezone: str
    calendar_name: str
    trading_weekdays: str = "1111100"
    pre_market_open: time | None = None
    post_market_close: time | None = None
    early_post_market_close: time | None = None
    closures: Mapping[date, str] = field(default_factory=dict)
    fixed_holidays: Mapping[tuple[int, int], str] = field(default_factory=dict)
    special_open_name: str | None = None

    def around(self, *, opens: time, closes: time, regular: tuple[time, time]) -> DayHours:
        """The whole day around a session from `opens` to `closes`.

        Pre- and post-market join only a session that opens or closes at its `regular` time;
        after an early close the post-market is as long as the exchange says.
        """
        before = self.pre_market_open if opens == regular[0] else None
        after = self.post_market_close if closes == regular[1] else None
        if regular[0] < closes < regular[1]:
            after = self.early_post_market_close
        return DayHours(
            pre_market_open=before or opens,
            regular_open=opens,
            regular_close=closes,
            post_market_close=after or closes,
        )


EXCHANGES: tuple[Exchange, ...] = (
    Exchange(
        exchange_group="US_EQUITY",
        asset_class="EQUITY",
        timezone="America/New_York",
        calendar_name="XNYS",
        # NYSE and Nasdaq, "Holidays and trading hours": pre-market from 04:00, late trading to
        # 20:00, and to 17:00 after a 13:00 close.
        pre_market_open=time(4),
        post_market_close=time(20),
        early_post_market_close=time(17),
        # NYSE, "Special closings": nyse.com/publicdocs/nyse/NYSE_Special_Closings.pdf
        closures={
            date(1994, 4, 27): "Funeral of President Nixon",
            date(2001, 9, 11): "Attacks of September 11",
            date(2001, 9, 12): "Attacks of September 11",
            date(2001, 9, 13): "Attacks of September 11",
            date(2001, 9, 14): "Attacks of September 11",
            date(2004, 6, 11): "Day of mourning for President Reagan",
            date(2007, 1, 2): "Day of mourning for President Ford",
            date(2012, 10, 29): "Hurricane Sandy",
            date(2012, 10, 30): "Hurricane Sandy",
            date(2018, 12, 5): "Day of mourning for President G. H. W. Bush",
            date(2025, 1, 9): "Day of mourning for President Carter",
        },
    ),
    Exchange(
        exchange_group="CRYPTO",
        asset_class="CRYPTO",
        timezone="UTC",
        calendar_name="24/7",
        trading_weekdays="1111111",
    ),
    Exchange(
        exchange_group="IN_EQUITY",
        asset_class="EQUITY",
        timezone="Asia/Kolkata",
        calendar_name="NSE",
        # NSE, "Market timings": pre-open from 09:00, closing session to 16:00.
        pre_market_open=time(9),
        post_market_close=time(16),
        fixed_holidays={
            (1, 26): "Republic Day",
            (5, 1): "Maharashtra Day",
            (8, 15): "Independence Day",
            (10, 2): "Mahatma Gandhi Jayanti",
            (12, 25): "Christmas",
        },
        special_open_name="Muhurat trading",
    ),
)


def _nse(
    day: date, name: str, opens: time, closes: time, source: str, on: date
) -> CalendarOverride:
    exchange = EXCHANGES[2]
    regular = (time(9, 15), time(15, 30))
    return CalendarOverride(
        exchange_group=exchange.exchange_group,
        day=CalendarDay(
            date=day,
            name=name,
            hours=exchange.around(opens=opens, closes=closes, regular=regular),
            is_early_close=regular[0] < closes < regular[1],
        ),
        source=source,
        source_date=on,
    )


OVERRIDES: tuple[CalendarOverride, ...] = (
    _nse(
        date(2015, 2, 28), "Union Budget", time(9, 15), time(15, 30),
        "https://zerodha.com/marketintel/bulletin/52900/", date(2015, 2, 20),
    ),
    _nse(
        date(2016, 10, 30), "Muhurat trading", time(18, 30), time(19, 30),
        "https://zerodha.com/marketintel/bulletin/53008/", date(2016, 10, 27),
    ),
    _nse(
        date(2019, 10, 27), "Muhurat trading", time(18, 15), time(19, 15),
        "https://www.moneycontrol.com/news/business/markets/"
        "muhurat-trading-to-start-at-615-pm-on-october-27-4558391.html", date(2019, 10, 22),
    ),
    _nse(
        date(2020, 2, 1), "Union Budget", time(9, 15), time(15, 30),
        "http://www.millenniumpost.in/business/stock-markets-to-be-open-on-budget-day-396918",
        date(2020, 1, 22),
    ),
    _nse(
        date(2020, 11, 14), "Muhurat trading", time(18, 15), time(19, 15),
        "https://www.moneycontrol.com/news/business/markets/bourses-to-hold-1-hour-special-"
        "diwali-muhurat-trading-session-on-november-14-6067081.html", date(2020, 11, 4),
    ),
    _nse(
        date(2023, 11, 12), "Muhurat trading", time(18, 15), time(19, 15),
        "https://github.com/rsheftel/pandas_market_calendars/pull/481", date(2026, 8, 26),
    ),
    _nse(
        date(2024, 1, 20), "Session in place of Monday 22 January", time(9, 15), time(15, 30),
        "https://www.dtnext.in/news/business/"
        "equity-markets-to-have-normal-trading-session-today-holiday-on-mon-762261",
        date(2024, 1, 20),
    ),
    _nse(
        date(2024, 3, 2), "Disaster-recovery session, break 10:00 to 11:30", time(9, 15),
        time(12, 30), "https://zerodha.com/marketintel/bulletin/371327/", date(2024, 3, 1),
    ),
    _nse(
        date(2024, 5, 18), "Disaster-recovery session, break 10:00 to 11:30", time(9, 15),
        time(12, 30),
        "https://www.lokmattimes.com/business/"
        "nse-to-conduct-live-trading-on-may-18-with-disaster-recovery-switch/", date(2024, 5, 7),
    ),
    _nse(
        date(2025, 2, 1), "Union Budget", time(9, 15), time(15, 30),
        "https://www.rediff.com/business/report/budget-on-saturday-stock-markets-to-remain-open/"
        "20241223.htm", date(2024, 12, 23),
    ),
    _nse(
        date(2026, 2, 1), "Union Budget", time(9, 15), time(15, 30),
        "https://www.deccanherald.com/business/markets/"
        "equity-markets-to-remain-open-on-budget-day-on-february-1-3864764", date(2026, 1, 16),
    ),
)  # fmt: skip
"""Weekend sessions of the NSE: the library knows sessions from Monday to Friday only."""
