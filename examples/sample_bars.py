"""Made-up minute bars for the examples: seeded, so the same on every machine."""

import numpy as np
import polars as pl

MINUTES = 390


def sample_bars(*symbols: str, sessions: int = 20, seed: int = 7) -> dict[str, pl.DataFrame]:
    """Bars of `sessions` weekdays from 2025-11-03 on, 09:30 to 16:00 in New York, per symbol.

    Columns: timestamp (UTC, start of the bar), open, high, low, close in whole cents, volume.
    """
    rng = np.random.default_rng(seed)
    days = np.busday_offset("2025-11-03", np.arange(sessions))
    opens = days.astype("datetime64[us]") + np.timedelta64(14 * 60 + 30, "m")
    times = (opens[:, None] + np.arange(MINUTES) * np.timedelta64(1, "m")).ravel()
    return {symbol: _walk(times, rng) for symbol in symbols}


def _walk(times: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    count = len(times)
    swings = 0.00003 * np.sin(np.arange(count) / rng.uniform(60, 120))
    close = 100.0 * np.exp(np.cumsum(swings + rng.normal(0.0, 0.0006, count)))
    open_ = np.concatenate(([100.0], close[:-1]))
    reach = 0.0004 * close * rng.random((2, count))
    prices = {
        "open": open_,
        "high": np.maximum(open_, close) + reach[0],
        "low": np.minimum(open_, close) - reach[1],
        "close": close,
    }
    frame = pl.DataFrame({"timestamp": times, **prices}).with_columns(pl.col(prices).round(2))
    return frame.with_columns(volume=rng.integers(10, 500, count) * 100.0)
