import pytest

from app.core.exceptions import ConfigurationError
from app.core.intervals import ONE_DAY, ONE_MINUTE, ONE_WEEK, Interval
from app.core.types import MINUTE_NS


@pytest.mark.parametrize(
    ("text", "minutes", "days", "shown"),
    [
        ("1m", 1, 0, "1m"),
        ("5m", 5, 0, "5m"),
        ("90m", 90, 0, "90m"),
        ("60m", 60, 0, "1h"),
        ("4h", 240, 0, "4h"),
        ("24h", 1_440, 0, "24h"),
        ("1440m", 1_440, 0, "24h"),
        ("1d", 0, 1, "1d"),
        ("1w", 0, 7, "1w"),
    ],
)
def test_reads_and_shows(text, minutes, days, shown):
    interval = Interval.parse(text)
    assert (interval.minutes, interval.days, str(interval)) == (minutes, days, shown)
    assert interval.ns == minutes * MINUTE_NS
    assert interval.is_intraday is (minutes > 0)
    assert Interval.parse(str(interval)) == interval
    assert Interval.parse(interval) is interval


@pytest.mark.parametrize(
    "text",
    ["", "m", "0m", "-5m", "5", "5M", "1M", "2d", "2w", "25h", "1441m", "1.5h", "5 m", None, 5],
)
def test_refuses_anything_else(text):
    with pytest.raises(ConfigurationError, match=r"interval .* is not known; use minutes"):
        Interval.parse(text)


def test_constants():
    assert [str(interval) for interval in (ONE_MINUTE, ONE_DAY, ONE_WEEK)] == ["1m", "1d", "1w"]
