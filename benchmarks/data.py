"""Seeded one-minute bars for the benchmarks: the same numbers on every machine.

Three sets of US regular sessions, 390 bars each (early closes are made as full days), prices
a random walk in whole cents reflected at $20:

| set | symbols × sessions | bars |
|---|---|---|
| D1 | 1 × 252, from 2023-01-03 | 98,280 |
| D2 | 50 × 20, from 2024-01-02 | 390,000 |
| D3 | 10 × 1,260, from 2019-01-02 | 4,914,000 |

The order of the random draws is part of the data: changing it changes every number.
"""

import datetime as dt
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

CACHE = Path(__file__).resolve().parent / ".data"
MINUTES_PER_SESSION = 390
MINUTE_NS = 60_000_000_000
COLUMNS = ("symbol", "ts", "open", "high", "low", "close", "volume")

_FLOOR_CENTS = 2_000
_OPENS_AT = dt.time(9, 30, tzinfo=ZoneInfo("America/New_York"))

# Weekdays without trading on the New York Stock Exchange in the years of the data.
_HOLIDAYS = {
    2019: "01-21 02-18 04-19 05-27 07-04 09-02 11-28 12-25",
    2020: "01-01 01-20 02-17 04-10 05-25 07-03 09-07 11-26 12-25",
    2021: "01-01 01-18 02-15 04-02 05-31 07-05 09-06 11-25 12-24",
    2022: "01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26",
    2023: "01-02 01-16 02-20 04-07 05-29 06-19 07-04 09-04 11-23 12-25",
    2024: "01-01 01-15",
}

Columns = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What to make: `sessions` trading days from `first_day` for each of `symbols`."""

    name: str
    first_day: str
    sessions: int
    symbols: tuple[str, ...]
    seed: int
    digest: str

    @property
    def bars(self) -> int:
        """Number of one-minute bars."""
        return len(self.symbols) * self.sessions * MINUTES_PER_SESSION


D1 = Dataset(
    name="D1",
    first_day="2023-01-03",
    sessions=252,
    symbols=("AAA",),
    seed=1,
    digest="85ab88f78ac7abb3fc9cf5a9e448f2cf6ef0edb8b1d98626cda509b799ee446e",
)
D2 = Dataset(
    name="D2",
    first_day="2024-01-02",
    sessions=20,
    symbols=tuple(f"S{number:02d}" for number in range(50)),
    seed=2,
    digest="8dbd356cb66ae6e610df181b3bac479f7eedc1c6b9cf75756853194847f677cf",
)
D3 = Dataset(
    name="D3",
    first_day="2019-01-02",
    sessions=1_260,
    symbols=tuple(f"L{number}" for number in range(10)),
    seed=3,
    digest="71cb78f586fee2c00f6e11fd95988bd80fd01e521385314c7ee2e62820068cef",
)
DATASETS = {dataset.name: dataset for dataset in (D1, D2, D3)}


def make_d1() -> Columns:
    """D1 as columns: ``symbol`` (str), ``ts`` (bar start, UTC ns), prices, ``volume`` (int64)."""
    return make(D1)


def make_d2() -> Columns:
    """D2 as columns, symbol after symbol, each in time order."""
    return make(D2)


def make(dataset: Dataset) -> Columns:
    """The bars of `dataset` as columns, symbol after symbol, each in time order.

    Raises:
        ValueError: if the numbers are not the published ones (another random generator).
    """
    times = _session_minutes(dataset.first_day, dataset.sessions)
    parts = list(_bars_by_symbol(dataset, len(times)))
    if _digest(times, parts) != dataset.digest:
        raise ValueError(f"{dataset.name} is not the published data set; check numpy's generator")
    columns = {
        "symbol": np.repeat(np.array(dataset.symbols), len(times)),
        "ts": np.tile(times, len(parts)),
    }
    for position, name in enumerate(COLUMNS[2:]):
        columns[name] = np.concatenate([part[position] for part in parts])
    return columns


def path_of(name: str) -> Path:
    """Where the Parquet file of data set `name` is kept; ``ts`` in it is int64 UTC ns."""
    return CACHE / f"{name}-{DATASETS[name].digest[:8]}.parquet"


def write(name: str) -> Path:
    """Make the Parquet file of data set `name`, unless it is there."""
    # Imported here: who only asks for a path or for columns does without.
    import polars as pl  # noqa: PLC0415

    path = path_of(name)
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        partial = path.with_suffix(".partial")
        pl.DataFrame(make(DATASETS[name])).write_parquet(partial, compression="zstd")
        partial.replace(path)
    return path


def _session_minutes(first_day: str, sessions: int) -> np.ndarray:
    """Starts of the 390 minutes of each session from 09:30 New York, UTC nanoseconds."""
    holidays = [f"{year}-{day}" for year, days in _HOLIDAYS.items() for day in days.split()]
    days = np.busday_offset(first_day, np.arange(sessions), holidays=holidays).tolist()
    opens_s = [int(dt.datetime.combine(day, _OPENS_AT).timestamp()) for day in days]
    opens_ns = np.array(opens_s, np.int64) * 1_000_000_000
    return (opens_ns[:, None] + np.arange(MINUTES_PER_SESSION, dtype=np.int64) * MINUTE_NS).ravel()


def _bars_by_symbol(dataset: Dataset, count: int) -> Iterator[tuple[np.ndarray, ...]]:
    rng = np.random.default_rng(dataset.seed)
    for _ in dataset.symbols:
        yield _random_walk(rng, count, int(rng.integers(8_000, 30_000)))


def _random_walk(rng: np.random.Generator, count: int, start_cents: int) -> tuple[np.ndarray, ...]:
    """Open, high, low, close and volume; at least 4,000 shares, so 100 never move the price."""
    gap = rng.integers(-1, 2, count)
    body = rng.normal(0, 4, count).round().astype(np.int64)
    path = start_cents + np.cumsum(gap + body)
    close = np.abs(path - _FLOOR_CENTS) + _FLOOR_CENTS
    open_ = np.empty(count, np.int64)
    open_[0] = start_cents
    open_[1:] = np.maximum(close[:-1] + gap[1:], 100)
    high = np.maximum(open_, close) + rng.integers(0, 6, count)
    low = np.minimum(open_, close) - rng.integers(0, 6, count)
    volume = rng.integers(40, 400, count) * 100
    return open_ / 100, high / 100, low / 100, close / 100, volume


def _digest(times: np.ndarray, parts: list[tuple[np.ndarray, ...]]) -> str:
    digest = hashlib.sha256(times.tobytes())
    for column in (column for part in parts for column in part):
        digest.update(np.ascontiguousarray(column, np.float64).tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    for wanted in sys.argv[1:] or DATASETS:
        write(wanted)
