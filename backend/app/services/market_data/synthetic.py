"""Made-up minute bars that look like a market: for the demo and for trying things out.

They are seeded, in whole cents, labelled `synthetic` in the store and wherever they show.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.core.types import MINUTE_NS, Floats, Int64s
from app.services.market_data.parquet_storage import SYNTHETIC, ParquetStorage, WriteSummary

_TICKS_PER_MINUTE: Final = 24
_MINUTES_OF_A_YEAR: Final = 252 * 390


@dataclass(frozen=True, slots=True)
class SyntheticSymbol:
    """How a made-up symbol trades.

    ``volatility`` is per year (0.3 = 30 %); ``trend`` and ``reversion`` say how strongly the
    price follows swings of about an hour, and returns to its slow mean; ``volume`` is the
    shares of an average minute.
    """

    symbol: str
    price: float
    volatility: float
    trend: float
    reversion: float
    volume: float


SAMPLE_SYMBOLS: Final = (
    SyntheticSymbol("ALPHA", 180.0, 0.28, trend=1.0, reversion=0.004, volume=45_000),
    SyntheticSymbol("BRAVO", 410.0, 0.22, trend=0.4, reversion=0.020, volume=22_000),
    SyntheticSymbol("CHARLIE", 62.5, 0.36, trend=1.6, reversion=0.002, volume=90_000),
)
"""One that trends a little, one that returns to its mean, one that swings."""


def write_sample(
    storage: ParquetStorage,
    sessions: SessionGrid,
    *,
    symbols: Sequence[SyntheticSymbol] = SAMPLE_SYMBOLS,
    seed: int = 7,
) -> list[WriteSummary]:
    """Make every minute of `sessions` for `symbols` and store it, labelled synthetic."""
    return [
        storage.write(each.symbol, synthetic_minutes(each, sessions, seed=seed), labels=[SYNTHETIC])
        for each in symbols
    ]


def synthetic_minutes(
    symbol: SyntheticSymbol, sessions: SessionGrid, *, seed: int = 7
) -> BarColumns:
    """Every regular minute of `sessions`: the same for the same symbol, sessions and seed.

    Volatility and volume are high after the open and towards the close and low at noon;
    sessions open with a gap; prices are whole cents, at least one.
    """
    rng = np.random.default_rng([seed, zlib.crc32(symbol.symbol.encode())])
    starts, through = _clock(sessions)
    activity = _activity(through)
    steps = _returns(symbol, activity, rng)
    gaps = np.flatnonzero(through == 0.0)
    steps[gaps, 0] += rng.normal(0.0, symbol.volatility / 40, len(gaps))
    path = _cents(symbol, steps)
    open_, close = path[:, 0], path[:, -1]
    volume = symbol.volume * activity**1.5 * rng.lognormal(0.0, 0.45, len(starts))
    return BarColumns.of_minutes(
        starts,
        open_,
        path.max(axis=1),
        path.min(axis=1),
        close,
        np.maximum(100.0, np.round(volume / 100.0) * 100.0),
    )


def _clock(sessions: SessionGrid) -> tuple[Int64s, Floats]:
    """Starts of all minutes, and how far each is through its session (0 to 1)."""
    counts = (sessions.close_ns - sessions.open_ns) // MINUTE_NS
    minute = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.repeat(sessions.open_ns, counts) + minute * MINUTE_NS
    return starts, minute / np.repeat(np.maximum(counts - 1, 1), counts)


def _activity(through: Floats) -> Floats:
    """The day's smile: about 2 at the open, 0.7 at noon, 1.5 at the close; 1 on average."""
    smile: Floats = 0.68 + 1.35 * np.exp(-through / 0.09) + 0.8 * np.exp((through - 1.0) / 0.07)
    return smile / 0.857


def _returns(symbol: SyntheticSymbol, activity: Floats, rng: np.random.Generator) -> Floats:
    """Log returns within each minute, shape (minutes, ticks): noise, plus swings as drift."""
    minutes = len(activity)
    per_minute = symbol.volatility / np.sqrt(_MINUTES_OF_A_YEAR)
    clustering = np.exp(0.25 * _smooth(rng.normal(size=minutes), memory=0.985))
    swings = _smooth(rng.normal(size=minutes), memory=0.98)
    scale = (per_minute * activity * clustering)[:, None]
    noise = rng.normal(0.0, 1.0 / np.sqrt(_TICKS_PER_MINUTE), (minutes, _TICKS_PER_MINUTE))
    drift = 0.08 * symbol.trend * swings[:, None] / _TICKS_PER_MINUTE
    steps: Floats = scale * (noise + drift)
    return steps


def _smooth(noise: Floats, *, memory: float) -> Floats:
    """A stationary first-order autoregression of unit variance."""
    weight = np.sqrt(1.0 - memory**2)
    values, last = np.empty_like(noise), 0.0
    for row, shock in enumerate(noise.tolist()):
        last = memory * last + weight * shock
        values[row] = last
    return values


def _cents(symbol: SyntheticSymbol, steps: Floats) -> Floats:
    """Prices in whole cents, shape (minutes, ticks), pulled towards their slow mean."""
    pulled = np.empty(len(steps))
    level = mean = 0.0
    for row, change in enumerate(steps.sum(axis=1).tolist()):
        pulled[row] = symbol.reversion * (mean - level)
        level += change + pulled[row]
        mean += 0.002 * (level - mean)
    steps[:, -1] += pulled
    log_price = np.log(symbol.price) + np.cumsum(steps.ravel()).reshape(steps.shape)
    prices: Floats = np.maximum(np.round(np.exp(log_price), 2), 0.01)
    return prices
