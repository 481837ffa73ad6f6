"""Fees of US regulators on sales of shares, by the day of the trade, and the charger for them."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from app.core.exceptions import ConfigurationError

_NS_PER_S = 1_000_000_000
_MILLION = 1_000_000.0
TRADE_DATE_OFFSET_NS = 5 * 3600 * _NS_PER_S
"""A New York trade date begins at 05:00 UTC; between 20:00 and 04:00 nobody trades there."""
_NS_PER_DAY = 86_400 * _NS_PER_S
_EVER = 2**63 - 1


class SectionThirtyOneRate(NamedTuple):
    """From `since` on a sale pays `per_million` for each million dollars, as `source` says."""

    since: date
    per_million: float
    source: str


class TradingActivityRate(NamedTuple):
    """From `since` on a sale pays `per_share`, at most `cap` a trade, as `source` says."""

    since: date
    per_share: float
    cap: float
    source: str


SECTION_31 = (
    SectionThirtyOneRate(date(2009, 10, 1), 25.70, "FINRA Information Notice 10/2/09"),
    SectionThirtyOneRate(date(2010, 1, 15), 12.70, "SEC press release 2009-270"),
    SectionThirtyOneRate(date(2010, 4, 1), 16.90, "FINRA Information Notice 3/10/10"),
    SectionThirtyOneRate(date(2011, 1, 21), 19.20, "SEC press release 2010-255"),
    SectionThirtyOneRate(date(2012, 2, 21), 18.00, "SEC Fee Rate Advisory #5 for FY 2012"),
    SectionThirtyOneRate(date(2012, 4, 1), 22.40, "SEC mid-year adjustment for FY 2012"),
    SectionThirtyOneRate(date(2013, 5, 25), 17.40, "SEC Release 34-69449"),
    SectionThirtyOneRate(date(2014, 3, 18), 22.10, "FINRA Information Notice 3/3/14"),
    SectionThirtyOneRate(date(2015, 2, 14), 18.40, "SEC annual adjustment for FY 2015"),
    SectionThirtyOneRate(date(2016, 2, 16), 21.80, "SEC annual adjustment for FY 2016"),
    SectionThirtyOneRate(date(2017, 7, 4), 23.10, "SEC annual adjustment for FY 2017"),
    SectionThirtyOneRate(date(2018, 5, 22), 13.00, "FINRA Information Notice 5/7/18"),
    SectionThirtyOneRate(date(2019, 4, 16), 20.70, "SEC Fee Rate Advisory #2 for FY 2019"),
    SectionThirtyOneRate(date(2020, 2, 18), 22.10, "SEC Fee Rate Advisory #2 for FY 2020"),
    SectionThirtyOneRate(date(2021, 2, 25), 5.10, "SEC Fee Rate Advisory #2 for FY 2021"),
    SectionThirtyOneRate(date(2022, 5, 14), 22.90, "SEC annual adjustment for FY 2022"),
    SectionThirtyOneRate(date(2023, 2, 27), 8.00, "SEC annual adjustment for FY 2023"),
    SectionThirtyOneRate(date(2024, 5, 22), 27.80, "SEC Release 34-99973"),
    SectionThirtyOneRate(date(2025, 5, 14), 0.00, "SEC Release 34-102779"),
    SectionThirtyOneRate(date(2026, 4, 4), 20.60, "SEC Release 34-104909"),
)
"""Fees under section 31 of the Securities Exchange Act, oldest first."""

TRADING_ACTIVITY = (
    TradingActivityRate(date(2009, 10, 1), 0.000075, 3.75, "FINRA Regulatory Notice 11-27"),
    TradingActivityRate(date(2011, 7, 1), 0.000090, 4.50, "FINRA Regulatory Notice 11-27"),
    TradingActivityRate(date(2012, 3, 1), 0.000095, 4.75, "FINRA Regulatory Notice 12-06"),
    TradingActivityRate(date(2012, 7, 1), 0.000119, 5.95, "77 FR 38690"),
    TradingActivityRate(date(2022, 1, 1), 0.000130, 6.49, "SR-FINRA-2020-032"),
    TradingActivityRate(date(2023, 1, 1), 0.000145, 7.27, "SR-FINRA-2020-032"),
    TradingActivityRate(date(2024, 1, 1), 0.000166, 8.30, "SR-FINRA-2020-032"),
    TradingActivityRate(date(2026, 1, 1), 0.000195, 9.79, "SR-FINRA-2024-019"),
    TradingActivityRate(date(2026, 10, 1), 0.0, 0.0, "SR-FINRA-2026-021"),
    TradingActivityRate(date(2027, 1, 1), 0.000232, 11.61, "SR-FINRA-2024-019"),
)
"""FINRA's Trading Activity Fee for shares, oldest first."""


@dataclass(frozen=True, slots=True)
class RegulatoryFees:
    """The SEC's section 31 fee and FINRA's Trading Activity Fee, on sales, short ones included.

    Both at the rate of the trade date, in dollars; before the first date of the tables that date's
    rates are used, after the last the last ones. The activity fee is capped for each fill. With
    `rounded_up_to` (0.01, say) the day's total of each fee is rounded up to a multiple of it, and a
    fill is charged what the total rises by.
    """

    rounded_up_to: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rounded_up_to) and self.rounded_up_to >= 0):
            raise ConfigurationError(
                f"RegulatoryFees.rounded_up_to: {self.rounded_up_to!r} must be a finite number, "
                "zero or more"
            )

    def start(self) -> "RegulatoryFeeCharger":
        """A charger for one run."""
        return RegulatoryFeeCharger(self.rounded_up_to)


class RegulatoryFeeCharger:
    """Charges the fills of one run, in the order they happen."""

    __slots__ = ("_activity", "_day", "_period", "_rate", "_step", "_totals")

    def __init__(self, step: float) -> None:
        self._step = step
        self._period = (0, 0)
        self._rate = 0.0
        self._activity = (0.0, 0.0)
        self._day = 0
        self._totals = [0.0, 0.0]

    def charge(
        self,
        quantity: float,
        price: float,
        time_ns: int = 0,
        filled: float = 0.0,  # noqa: ARG002  # a commission's
        average: float = 0.0,  # noqa: ARG002
    ) -> float:
        """Fees of one fill of `quantity` (signed) at `price` at `time_ns`; 0.0 of a purchase."""
        if quantity >= 0.0:
            return 0.0
        if not self._period[0] <= time_ns < self._period[1]:
            self._look_up(time_ns)
        per_share, cap = self._activity
        fees = (-quantity * price * self._rate, min(-quantity * per_share, cap))
        return self._rounded(fees, time_ns) if self._step else sum(fees)

    def _look_up(self, time_ns: int) -> None:
        row = max(bisect_right(_SEC_SINCE_NS, time_ns) - 1, 0)
        self._rate = SECTION_31[row].per_million / _MILLION
        other = max(bisect_right(_TAF_SINCE_NS, time_ns) - 1, 0)
        self._activity = TRADING_ACTIVITY[other].per_share, TRADING_ACTIVITY[other].cap
        self._period = (
            max(_since(_SEC_SINCE_NS, row), _since(_TAF_SINCE_NS, other)),
            min(_until(_SEC_SINCE_NS, row), _until(_TAF_SINCE_NS, other)),
        )

    def _rounded(self, fees: tuple[float, float], time_ns: int) -> float:
        day = (time_ns - TRADE_DATE_OFFSET_NS) // _NS_PER_DAY
        if day != self._day:
            self._day, self._totals = day, [0.0, 0.0]
        charged = 0.0
        for number, fee in enumerate(fees):
            total = self._totals[number]
            charged += self._up(total + fee) - self._up(total)
            self._totals[number] = total + fee
        return charged

    def _up(self, amount: float) -> float:
        return math.ceil(amount / self._step - 1e-9) * self._step


def _begins_ns(day: date) -> int:
    midnight = datetime.combine(day, time(), UTC)
    return int(midnight.timestamp()) * _NS_PER_S + TRADE_DATE_OFFSET_NS


_SEC_SINCE_NS = [_begins_ns(row.since) for row in SECTION_31]
_TAF_SINCE_NS = [_begins_ns(row.since) for row in TRADING_ACTIVITY]


def _since(starts: list[int], row: int) -> int:
    return starts[row] if row else -_EVER


def _until(starts: list[int], row: int) -> int:
    return starts[row + 1] if row + 1 < len(starts) else _EVER
