"""Instants there and back, without a rounding in between."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.instants import ns_of, utc

# `date -u -d @1709562780` says Mon Mar 4 14:33:00 UTC 2024.
NS = 1_709_562_780_000_000_000
MOMENT = datetime(2024, 3, 4, 14, 33, tzinfo=UTC)


def test_there_and_back() -> None:
    assert (utc(NS), ns_of(MOMENT)) == (MOMENT, NS)
    assert utc(NS).tzinfo is UTC
    assert ns_of(datetime(2024, 3, 4, 9, 33, tzinfo=ZoneInfo("America/New_York"))) == NS


def test_what_is_finer_than_a_microsecond_is_cut_off() -> None:
    assert utc(NS + 999) == MOMENT
    assert utc(NS + 1_999) == MOMENT + timedelta(microseconds=1)
    assert utc(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    first = datetime(2024, 11, 3, 1, 30, tzinfo=ZoneInfo("America/New_York"))
    assert ns_of(first.replace(fold=1)) - ns_of(first) == 3_600_000_000_000


def test_a_naive_datetime_is_no_instant() -> None:
    with pytest.raises(TypeError):
        ns_of(datetime(2024, 3, 4, 14, 33))  # noqa: DTZ001  # that is what is tested


@given(
    st.datetimes(
        min_value=datetime(1, 1, 2),  # noqa: DTZ001  # hypothesis wants bounds without a zone
        max_value=datetime(9999, 12, 30),  # noqa: DTZ001  # the same
        timezones=st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))),
    )
)
def test_every_datetime_comes_back(moment: datetime) -> None:
    assert utc(ns_of(moment)) == moment
