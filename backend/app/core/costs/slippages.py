"""Slippage: by how much a market or stop order does worse than a bar's price."""

import math
import struct
from dataclasses import dataclass
from typing import Protocol

from app.core.costs.checks import NotNegative

_PARKINSON = 2.0 * math.sqrt(math.log(2.0))
"""Range of a minute over its volatility: the root of 4 ln 2 (Parkinson 1980)."""


class Slippage(Protocol):
    """A slippage model: a value, without memory, so that the order of questions cannot matter."""

    def adverse(
        self,
        price: float,
        quantity: float = 0.0,
        high: float = 0.0,
        low: float = 0.0,
        volume: float = 0.0,
    ) -> float:
        """Loss per unit against `price`, zero or more, in the quote currency.

        `quantity` is what is filled (signed); `high`, `low` and `volume` are those of the
        minute bar it is filled in.
        """


@dataclass(frozen=True, slots=True)
class NoSlippage(NotNegative):
    """Fills at the price itself."""

    def adverse(self, price: float, *_bar: float) -> float:  # noqa: ARG002  # the protocol's
        """Always zero."""
        return 0.0


@dataclass(frozen=True, slots=True)
class TickSlippage(NotNegative):
    """`ticks` price steps of `tick_size` worse than the price."""

    ticks: float
    tick_size: float = 0.01

    def adverse(self, price: float, *_bar: float) -> float:  # noqa: ARG002  # the protocol's
        """``ticks × tick_size``."""
        return self.ticks * self.tick_size


@dataclass(frozen=True, slots=True)
class PercentSlippage(NotNegative):
    """`rate_pct` percent worse than the price."""

    rate_pct: float

    def adverse(self, price: float, *_bar: float) -> float:
        """``rate_pct / 100 × price``."""
        return self.rate_pct / 100.0 * price


@dataclass(frozen=True, slots=True)
class RangeSlippage(NotNegative):
    """`share_pct` percent of the bar's range worse: more when prices move more."""

    share_pct: float

    def adverse(
        self,
        price: float,  # noqa: ARG002  # the protocol's
        quantity: float = 0.0,  # noqa: ARG002
        high: float = 0.0,
        low: float = 0.0,
        volume: float = 0.0,  # noqa: ARG002
    ) -> float:
        """``share_pct / 100 × (high − low)``."""
        return self.share_pct / 100.0 * (high - low)


@dataclass(frozen=True, slots=True)
class SpreadSlippage(NotNegative):
    """Half of a quoted spread of `spread_pct` percent, which is `least_ticks` steps at least."""

    spread_pct: float
    least_ticks: float = 0.0
    tick_size: float = 0.01

    def adverse(self, price: float, *_bar: float) -> float:
        """``max(spread_pct / 100 × price, least_ticks × tick_size) / 2``."""
        return max(self.spread_pct / 100.0 * price, self.least_ticks * self.tick_size) / 2.0


@dataclass(frozen=True, slots=True)
class ImpactSlippage(NotNegative):
    """Half a spread of `spread_pct` percent, and the price moved by one's own volume.

    The square-root law: an order moves the price by ``coefficient × volatility × √(quantity /
    volume)``, volatility and volume being those of one stretch of time. Here that is the minute,
    its volatility Parkinson's estimate from the bar's range. A `coefficient` near 1 is what most
    studies find (Tóth et al., "Anomalous price impact and the critical nature of liquidity in
    financial markets", Physical Review X 1, 2011); Almgren, Thum, Hauptmann and Li, "Direct
    Estimation of Equity Market Impact", Risk, July 2005, fit a power of 0.6.
    """

    coefficient: float = 1.0
    spread_pct: float = 0.0

    def adverse(
        self,
        price: float,
        quantity: float = 0.0,
        high: float = 0.0,
        low: float = 0.0,
        volume: float = 0.0,
    ) -> float:
        """Half the spread plus the impact, which is nothing in a bar without volume."""
        half_spread = self.spread_pct / 200.0 * price
        if volume <= 0.0:
            return half_spread
        volatility = (high - low) / _PARKINSON
        # Two roots instead of one of the quotient, which overflows where a volume is minute.
        participation = math.sqrt(abs(quantity)) / math.sqrt(volume)
        return half_spread + self.coefficient * volatility * participation


@dataclass(frozen=True, slots=True)
class RandomSlippage(NotNegative):
    """Between nothing and `most_pct` percent worse, every share alike, drawn from `seed`.

    The draw is a hash of the seed and of the fill's own numbers, so the same run gives the same
    draws however it is cut, and one order more or less changes no other order's.
    """

    most_pct: float
    seed: int = 0

    def adverse(
        self,
        price: float,
        quantity: float = 0.0,
        high: float = 0.0,
        low: float = 0.0,
        volume: float = 0.0,
    ) -> float:
        """``draw × most_pct / 100 × price``, with a draw from 0 up to 1."""
        draw = _draw(self.seed, price, quantity, high, low, volume)
        return draw * self.most_pct / 100.0 * price


@dataclass(frozen=True, slots=True)
class TimesSlippage(NotNegative):
    """`factor` times another slippage."""

    slippage: Slippage
    factor: float

    def adverse(
        self,
        price: float,
        quantity: float = 0.0,
        high: float = 0.0,
        low: float = 0.0,
        volume: float = 0.0,
    ) -> float:
        """``factor ×`` the other's."""
        return self.factor * self.slippage.adverse(price, quantity, high, low, volume)


_WORD = 2**64 - 1


def _draw(seed: int, *numbers: float) -> float:
    """A number in [0, 1) that depends on every bit given (finaliser of SplitMix64)."""
    state = seed & _WORD
    for bits in struct.unpack(f"<{len(numbers)}Q", struct.pack(f"<{len(numbers)}d", *numbers)):
        state = (state ^ bits) + 0x9E3779B97F4A7C15 & _WORD
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB & _WORD
        state ^= state >> 31
    return (state >> 11) / float(1 << 53)
