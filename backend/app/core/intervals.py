"""Bar intervals: any multiple of a minute within a session, one day, one week."""

import re
from dataclasses import dataclass
from typing import Self

from app.core.exceptions import ConfigurationError
from app.core.types import MINUTE_NS

_PATTERN = re.compile(r"(?P<count>[1-9]\d{0,3})(?P<unit>m|h|d|w)")
_MINUTES = {"m": 1, "h": 60}
MAX_INTRADAY_MINUTES = 1_440


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A bar length such as ``1m``, ``90m``, ``4h``, ``1d`` or ``1w``.

    Attributes:
        minutes: length in minutes of an intraday interval; 0 for days and weeks.
        days: 1 for ``1d``, 7 for ``1w`` (a calendar week of sessions), else 0.
    """

    minutes: int = 0
    days: int = 0

    @classmethod
    def parse(cls, text: str | Self) -> Self:
        """Read ``"5m"``, ``"1h"``, ``"1d"`` or ``"1w"``.

        Raises:
            ConfigurationError: for anything else, naming the value and the accepted forms.
        """
        if isinstance(text, cls):
            return text
        match = _PATTERN.fullmatch(str(text))
        if match:
            count, unit = int(match["count"]), match["unit"]
            if unit in _MINUTES and count * _MINUTES[unit] <= MAX_INTRADAY_MINUTES:
                return cls(minutes=count * _MINUTES[unit])
            if (count, unit) == (1, "d"):
                return cls(days=1)
            if (count, unit) == (1, "w"):
                return cls(days=7)
        raise ConfigurationError(
            f"interval {text!r} is not known; "
            "use minutes or hours up to a day (1m, 5m, 90m, 4h), 1d or 1w"
        )

    @property
    def is_intraday(self) -> bool:
        """Whether several such bars fit in one session."""
        return self.minutes > 0

    @property
    def ns(self) -> int:
        """Length in nanoseconds of an intraday interval; 0 for days and weeks."""
        return self.minutes * MINUTE_NS

    def __str__(self) -> str:
        if self.minutes:
            return f"{self.minutes // 60}h" if self.minutes % 60 == 0 else f"{self.minutes}m"
        return "1d" if self.days == 1 else "1w"


ONE_MINUTE = Interval(minutes=1)
ONE_DAY = Interval(days=1)
ONE_WEEK = Interval(days=7)
