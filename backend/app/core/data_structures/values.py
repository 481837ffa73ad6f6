"""Single bars, quotes and ticks: immutable, so they may cross threads without a lock."""

import math
from dataclasses import dataclass

from app.core.exceptions import DataError


def _require_positive(kind: str, name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise DataError(f"{kind}.{name} is {value!r}; a price is a finite number above zero")


def _require_not_negative(kind: str, name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise DataError(f"{kind}.{name} is {value!r}; a size is a finite number, zero or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Prices and volume traded in the half-open interval ``[start_ns, end_ns)``.

    Prices are in the quote currency, unadjusted; volume is in units of the base;
    times are UTC nanoseconds. A bar is labelled by its start and known at its end.

    Raises:
        DataError: for a price that is not finite and positive, a negative volume, a high
            or low that does not enclose open and close, or an end not after the start.
    """

    symbol: str
    start_ns: int
    end_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float

    def __post_init__(self) -> None:
        for name in ("open", "high", "low", "close"):
            _require_positive("Bar", name, getattr(self, name))
        _require_not_negative("Bar", "volume", self.volume)
        if not self.low <= min(self.open, self.close) <= max(self.open, self.close) <= self.high:
            raise DataError(
                f"Bar of {self.symbol} at {self.start_ns}: low {self.low} and high {self.high} "
                f"must enclose open {self.open} and close {self.close}"
            )
        if self.end_ns <= self.start_ns:
            raise DataError(f"Bar.end_ns {self.end_ns} must come after start_ns {self.start_ns}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Best bid and offer at one instant (UTC nanoseconds); sizes in units of the base."""

    symbol: str
    time_ns: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float

    def __post_init__(self) -> None:
        _require_positive("Quote", "bid", self.bid)
        _require_positive("Quote", "ask", self.ask)
        _require_not_negative("Quote", "bid_size", self.bid_size)
        _require_not_negative("Quote", "ask_size", self.ask_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One trade at one instant (UTC nanoseconds), with the quote around it where known."""

    symbol: str
    exchange: str
    time_ns: int
    price: float
    volume: float
    bid: float | None = None
    ask: float | None = None

    def __post_init__(self) -> None:
        _require_positive("Tick", "price", self.price)
        _require_not_negative("Tick", "volume", self.volume)
