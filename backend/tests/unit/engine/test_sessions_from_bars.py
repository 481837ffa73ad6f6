"""Sessions read off the bars when no calendar is given, against dates anyone can check."""

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError
from app.core.sessions import SessionGrid
from app.core.strategy import BarCursor, Strategy
from app.research import run_backtest
from app.research.sessions import sessions_in

NEW_YORK = "America/New_York"


def minutes(*spans: str) -> BarColumns:
    """Bars of every minute of each span, ``"2024-07-01T13:30/20:00"``, UTC, end excluded."""
    starts = []
    for span in spans:
        first, until = span.split("/")
        last = until if "T" in until else f"{first[:10]}T{until}"
        starts.append(np.arange(np.datetime64(first, "m"), np.datetime64(last, "m")))
    values = np.full(sum(map(len, starts)), 100.0)
    ns = np.concatenate(starts).astype("datetime64[ns]").astype(np.int64)
    return BarColumns.of_minutes(ns, values, values, values, values, values)


def spans_of(sessions: SessionGrid) -> list[str]:
    """Each session as ``"date open/close"``, times in UTC."""
    opens, closes = (
        np.datetime_as_string(times.astype("datetime64[ns]"), unit="m")
        for times in (sessions.open_ns, sessions.close_ns)
    )
    return [
        f"{date} {open_[11:]}/{close[11:]}"
        for date, open_, close in zip(sessions.dates.astype(str), opens, closes, strict=True)
    ]


def test_new_york_by_default_one_session_a_date() -> None:
    sessions = sessions_in([minutes("2024-07-01T13:30/20:00", "2024-07-02T13:30/20:00")], None)
    assert sessions.timezone == NEW_YORK
    assert spans_of(sessions) == ["2024-07-01 13:30/20:00", "2024-07-02 13:30/20:00"]


def test_bars_at_weekends_mean_utc() -> None:
    sessions = sessions_in([minutes("2024-07-05T00:00/2024-07-08T00:00")], None)
    assert sessions.timezone == "UTC"
    assert spans_of(sessions) == [
        "2024-07-05 00:00/00:00",
        "2024-07-06 00:00/00:00",
        "2024-07-07 00:00/00:00",
    ]


def test_a_market_that_never_closes_has_sessions_that_touch() -> None:
    sessions = sessions_in([minutes("2024-07-05T18:00/2024-07-07T06:00")], None)
    assert sessions.open_ns[1:].tolist() == sessions.close_ns[:-1].tolist()


def test_evening_in_new_york_belongs_to_the_local_date() -> None:
    """20:00 to 21:00 UTC+0 the next day is still Monday in New York."""
    sessions = sessions_in([minutes("2024-07-01T13:30/2024-07-02T00:00")], NEW_YORK)
    assert spans_of(sessions) == ["2024-07-01 13:30/00:00"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # Friday in winter time (UTC−5), Monday in summer time (UTC−4): 2024-03-10.
        ("2024-03-08T14:30/21:00", "2024-03-11T13:30/20:00"),
        # And back on 2024-11-03.
        ("2024-11-01T13:30/20:00", "2024-11-04T14:30/21:00"),
    ],
)
def test_clock_changes_move_the_session_in_utc_and_not_in_new_york(before: str, after: str) -> None:
    sessions = sessions_in([minutes(before, after)], None)
    assert spans_of(sessions) == [before.replace("T", " "), after.replace("T", " ")]


@pytest.mark.parametrize("day", ["2024-03-11", "2024-11-04"])
def test_a_missing_first_minute_does_not_move_the_open(day: str) -> None:
    """Also on the first session after the clocks changed, where the open differs in UTC."""
    summer = day == "2024-03-11"
    first, late, last = ("13:30", "13:33", "20:00") if summer else ("14:30", "14:33", "21:00")
    earlier = (
        ["2024-03-07T14:30/21:00", "2024-03-08T14:30/21:00"]
        if summer
        else ["2024-10-31T13:30/20:00", "2024-11-01T13:30/20:00"]
    )
    sessions = sessions_in([minutes(*earlier, f"{day}T{late}/{last}")], None)
    assert spans_of(sessions)[-1] == f"{day} {first}/{last}"


def test_a_half_day_closes_with_its_last_bar() -> None:
    sessions = sessions_in([minutes("2024-07-02T13:30/20:00", "2024-07-03T13:30/17:00")], None)
    assert spans_of(sessions)[1] == "2024-07-03 13:30/17:00"


def test_a_session_spans_the_bars_of_all_symbols() -> None:
    early, late = minutes("2024-07-01T13:30/15:00"), minutes("2024-07-01T14:00/16:00")
    assert spans_of(sessions_in([early, late], None)) == ["2024-07-01 13:30/16:00"]


def test_a_given_time_zone_is_taken() -> None:
    sessions = sessions_in([minutes("2024-07-01T03:45/10:00")], "Asia/Kolkata")
    assert sessions.timezone == "Asia/Kolkata"
    assert spans_of(sessions) == ["2024-07-01 03:45/10:00"]


def test_longer_bars_keep_their_places_when_the_first_minute_is_missing() -> None:
    seen = []

    class Fives(Strategy):
        def on_bar(self, bar: BarCursor) -> None:
            seen.append(f"{self.now:%m-%d %H:%M}")

    bars = minutes("2024-07-01T13:30/13:40", "2024-07-02T13:30/13:40", "2024-07-03T13:31/13:40")
    run_backtest(Fives, bars, parameters={"interval": "5m"})
    assert seen == [f"07-0{day} 09:{minute}" for day in (1, 2, 3) for minute in (35, 40)]


def test_day_orders_expire_at_the_close_read_off_the_bars() -> None:
    class Waits(Strategy):
        def on_bar(self, bar: BarCursor) -> None:
            if bar.row == 0:
                self.buy(1, limit=50.0)

    log = run_backtest(Waits, minutes("2024-07-01T13:30/17:00", "2024-07-02T13:30/17:00")).log
    (last,) = [event for event in log.events if event.status == "expired"]
    assert last.time_ns == log.sessions.close_ns[0]


def test_an_unknown_time_zone_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"timezone.*Mars/Olympus"):
        run_backtest(_Idle, minutes("2024-07-01T13:30/13:40"), timezone="Mars/Olympus")


class _Idle(Strategy):
    def on_bar(self, bar: BarCursor) -> None:
        """Nothing."""
