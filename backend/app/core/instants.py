"""Instants: UTC nanoseconds since 1970 inside, aware datetimes where people and databases read."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utc(ns: int) -> datetime:
    """UTC nanoseconds as a datetime in UTC; what is finer than a microsecond is cut off."""
    return _EPOCH + timedelta(microseconds=int(ns) // 1_000)


def ns_of(moment: datetime) -> int:
    """An aware datetime as UTC nanoseconds, exactly."""
    return (moment - _EPOCH) // _MICROSECOND * 1_000
