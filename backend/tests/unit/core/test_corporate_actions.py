"""Splits and dividends by date, and as events before sessions."""

from datetime import date

import numpy as np
import pytest

from app.core.corporate_actions import (
    ActionKind,
    Adjustment,
    CorporateAction,
    DividendEvent,
    SplitEvent,
    events_by_session,
)
from app.core.exceptions import DataError
from app.core.sessions import SessionGrid


def grid(*dates):
    days = np.array(dates, "datetime64[D]")
    open_ns = days.astype("datetime64[ns]").astype(np.int64) + 14 * 3_600_000_000_000
    hour = 3_600_000_000_000
    return SessionGrid("UTC", days, open_ns, open_ns + hour, open_ns - hour, open_ns + 2 * hour)


def split(day, ratio=4.0, symbol="AAPL"):
    return CorporateAction(
        symbol=symbol, ex_date=date.fromisoformat(day), kind=ActionKind.SPLIT, value=ratio
    )


def dividend(day, amount=0.82, symbol="AAPL"):
    return CorporateAction(
        symbol=symbol, ex_date=date.fromisoformat(day), kind=ActionKind.DIVIDEND, value=amount
    )


# Thursday, Friday; Monday, Tuesday
SESSIONS = grid("2020-08-27", "2020-08-28", "2020-08-31", "2020-09-01")


def test_an_action_takes_effect_at_the_pre_market_open_of_its_ex_date():
    events = events_by_session([split("2020-08-31"), dividend("2020-08-28")], SESSIONS)
    assert events == {
        1: (DividendEvent("AAPL", int(SESSIONS.pre_open_ns[1]), 0.82),),
        2: (SplitEvent("AAPL", int(SESSIONS.pre_open_ns[2]), 4.0),),
    }


def test_an_ex_date_without_a_session_is_that_of_the_next():
    assert list(events_by_session([split("2020-08-29")], SESSIONS)) == [2]


@pytest.mark.parametrize("day", ["2020-08-26", "2020-09-02"])
def test_actions_outside_the_sessions_are_left_out(day):
    assert events_by_session([split(day)], SESSIONS) == {}
    assert events_by_session([split(day)], grid()) == {}


def test_splits_come_before_dividends_and_symbols_in_order():
    # an ex-date on the Saturday falls on the session of the Monday's split
    actions = [dividend("2020-08-29"), dividend("2020-08-31", symbol="MSFT"), split("2020-08-31")]
    (events,) = events_by_session(reversed(actions), SESSIONS).values()
    assert [(type(event), event.symbol) for event in events] == [
        (SplitEvent, "AAPL"),
        (DividendEvent, "AAPL"),
        (DividendEvent, "MSFT"),
    ]


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("make", [split, dividend])
def test_a_value_that_cannot_be_is_refused_by_name(make, value):
    with pytest.raises(DataError, match=r"of AAPL on 2020-08-31 with value .* above zero"):
        make("2020-08-31", value)


def test_a_split_of_one_for_one_is_a_mistake():
    with pytest.raises(DataError, match="changes nothing"):
        split("2020-08-31", 1.0)


def test_what_each_adjustment_takes_out():
    assert {one.value: sorted(one.kinds) for one in Adjustment} == {
        "raw": [],
        "split": ["split"],
        "dividend": ["dividend"],
        "all": ["dividend", "split"],
    }
