from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from app.core.exceptions import ConfigurationError
from app.services.market_data.timestamps import (
    NEVER,
    READABLE,
    TWICE,
    UNREADABLE,
    parse_times,
)

NEW_YORK = "America/New_York"


def read(*values, zone=NEW_YORK):
    parsed = parse_times(pl.Series(list(values)), zone)
    texts = [str(np.datetime64(ns, "ns"))[:19] for ns in parsed.ns.tolist()]
    return [
        text if code == READABLE else int(code)
        for text, code in zip(texts, parsed.codes, strict=True)
    ]


@pytest.mark.parametrize(
    "text",
    [  # all of them are 2024-01-02 14:30 UTC, which is 09:30 in New York
        "2024-01-02T14:30:00Z",
        "2024-01-02T14:30:00.000Z",
        "2024-01-02 14:30:00 UTC",
        "2024-01-02T14:30Z",
        "2024-01-02 09:30:00-05:00",
        "2024-01-02 20:00:00+0530",
        "2024-01-02T20:00:00.000+05:30",
        "2024-01-02 09:30:00",
        "2024-01-02 09:30",
        "2024-01-02T09:30:00",
        "2024/01/02 09:30:00",
        "2024.01.02 09:30",
        "20240102 093000",
        "20240102 0930",
        "20240102093000",
        "202401020930",
        "02-Jan-2024 09:30",
        "02.01.2024 09:30:00",
        "2024-01-02 9:30 AM",
        "1704205800",
        "1704205800.0",
        "1704205800000",
        "1704205800000000",
        "1704205800000000000",
    ],
)
def test_ways_to_write_one_instant(text):
    assert read(text) == ["2024-01-02T14:30:00"]


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("kind", [int, float])
def test_epoch_numbers(unit, kind):
    assert read(kind(1704205800 * unit), None) == ["2024-01-02T14:30:00", UNREADABLE]


def test_typed_columns():
    moment = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
    aware = pl.Series([moment])
    assert read(moment.replace(hour=9, tzinfo=None)) == ["2024-01-02T14:30:00"]
    assert read(date(2024, 7, 2)) == ["2024-07-02T04:00:00"]
    zoned = aware.dt.convert_time_zone("Asia/Kolkata")
    assert parse_times(zoned, NEW_YORK).ns.tolist() == [1_704_205_800_000_000_000]
    assert read(True, zone="UTC") == [UNREADABLE]


def test_each_row_by_its_own_format():
    values = ["rubbish", "2024-01-02T14:30:00Z", None, "2024-01-02 09:31", "x", "", "1/2"]
    expected = [UNREADABLE, "2024-01-02T14:30:00", UNREADABLE, "2024-01-02T14:31:00"]
    assert read(*values) == expected + [UNREADABLE] * 3


@pytest.mark.parametrize(
    "value", ["2024-13-02 09:30", "2024-02-30 09:30", "2024-01-02 25:00", "2024-01-02", "NaN"]
)
def test_impossible_times_are_not_read(value):
    assert read(value) == [UNREADABLE]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_impossible_numbers_are_not_read(value):
    assert read(1_704_205_800.0, value) == ["2024-01-02T14:30:00", UNREADABLE]


def test_slashed_dates_are_told_by_the_rest_of_the_column():
    assert read("1/2/2024 09:30", "1/13/2024 09:30")[0] == "2024-01-02T14:30:00"
    assert read("1/2/2024 09:30", "13/2/2024 09:30")[0] == "2024-02-01T14:30:00"
    with pytest.raises(ConfigurationError, match=r"days from months.*YYYY-MM-DD"):
        read("1/2/2024 09:30", "3/2/2024 09:31")


@pytest.mark.parametrize("year", [2024, 2025, 2026, 2027])
def test_clock_changes_of_new_york(year):
    """Second Sunday of March: no 02:00 to 02:59; first of November: 01:00 to 01:59 twice."""
    spring = np.busday_offset(f"{year}-03", 1, roll="forward", weekmask="Sun")
    autumn = np.busday_offset(f"{year}-11", 0, roll="forward", weekmask="Sun")
    march = [f"{spring} {clock}" for clock in ("01:59", "02:00", "02:59", "03:00")]
    november = [f"{autumn} {clock}" for clock in ("00:59", "01:00", "01:59", "02:00")]
    assert read(*march) == [f"{spring}T06:59:00", NEVER, NEVER, f"{spring}T07:00:00"]
    assert read(*november) == [f"{autumn}T04:59:00", TWICE, TWICE, f"{autumn}T07:00:00"]
    zoned = [f"{autumn}T01:30:00-04:00", f"{autumn}T01:30:00-05:00"]
    assert read(*zoned) == [f"{autumn}T05:30:00", f"{autumn}T06:30:00"]
