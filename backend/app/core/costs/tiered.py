"""Commissions that fall with what was traded in the month so far."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from app.core.costs.checks import NotNegative
from app.core.costs.commissions import Charger
from app.core.exceptions import ConfigurationError
from app.core.regulatory_fees import TRADE_DATE_OFFSET_NS

_NS_PER_S = 1_000_000_000


class Tier(NamedTuple):
    """Units of a month up to `up_to` cost `rate` each; the last tier has no end."""

    up_to: float
    rate: float


@dataclass(frozen=True, slots=True)
class Tiered(NotNegative):
    """A rate for each unit that depends on the units traded in the calendar month so far.

    Marginal: a unit costs the rate of the tier it falls into. At least `minimum` an order, at
    most `maximum_pct` of its value (0: no maximum), which wins over the minimum. On top come,
    neither in the minimum nor in the maximum, `pass_through_pct` percent of the commission and
    `clearing_rate` and `venue_rate` for each unit.

    Months are those of New York. Before the run nothing was traded in its first month.
    """

    tiers: tuple[Tier, ...]
    minimum: float = 0.0
    maximum_pct: float = 0.0
    pass_through_pct: float = 0.0
    clearing_rate: float = 0.0
    venue_rate: float = 0.0

    def __post_init__(self) -> None:
        super(Tiered, self).__post_init__()
        ends = [tier.up_to for tier in self.tiers]
        if not ends or ends != sorted(set(ends)) or ends[-1] != math.inf or ends[0] <= 0:
            raise ConfigurationError(
                f"Tiered.tiers: {ends} must rise from above zero, and the last be infinity"
            )
        if any(not (math.isfinite(tier.rate) and tier.rate >= 0) for tier in self.tiers):
            raise ConfigurationError("Tiered.tiers: every rate must be finite, zero or more")

    def start(self) -> Charger:
        """A charger that counts the units of the month."""
        return _MonthlyCharger(self)


class _MonthlyCharger:
    __slots__ = ("_extra_rate", "_model", "_month_end_ns", "_month_start_ns", "_units")

    def __init__(self, model: Tiered) -> None:
        self._model = model
        self._extra_rate = model.clearing_rate + model.venue_rate
        self._units = 0.0
        self._month_start_ns = self._month_end_ns = 0

    def charge(
        self,
        quantity: float,
        price: float,
        time_ns: int = 0,
        filled: float = 0.0,
        average: float = 0.0,
    ) -> float:
        """Fee of one fill, as `Charger.charge` says.

        Units of the order that were filled in the same month before count as those just before
        this fill.
        """
        if not self._month_start_ns <= time_ns < self._month_end_ns:
            self._open_month(time_ns)
        units, before = abs(quantity), abs(filled)
        begin = max(0.0, self._units - before)
        fee = self._commission(begin, self._units + units, before * average + units * price)
        if before:
            fee -= self._commission(begin, self._units, before * average)
        self._units += units
        passed = 1.0 + self._model.pass_through_pct / 100.0
        return max(0.0, fee) * passed + units * self._extra_rate

    def _commission(self, begin: float, end: float, value: float) -> float:
        """Commission of an order over the month's units from `begin` to `end`."""
        model = self._model
        fee, low = 0.0, 0.0
        for up_to, rate in model.tiers:
            fee += rate * max(0.0, min(end, up_to) - max(begin, low))
            low = up_to
        fee = max(model.minimum, fee)
        return min(fee, model.maximum_pct / 100.0 * value) if model.maximum_pct else fee

    def _open_month(self, time_ns: int) -> None:
        day = datetime.fromtimestamp((time_ns - TRADE_DATE_OFFSET_NS) // _NS_PER_S, UTC)
        first = datetime(day.year, day.month, 1, tzinfo=UTC)
        following = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
        self._month_start_ns = int(first.timestamp()) * _NS_PER_S + TRADE_DATE_OFFSET_NS
        self._month_end_ns = int(following.timestamp()) * _NS_PER_S + TRADE_DATE_OFFSET_NS
        self._units = 0.0
