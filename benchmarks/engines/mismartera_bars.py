"""Our bars: W4 by `aggregate`, and reading D3 from the store of minute bars."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl

from app.core.data_structures import BarColumns
from app.core.intervals import Interval
from app.core.sessions import SessionGrid
from app.services.market_data.bar_aggregation import aggregate
from app.services.market_data.parquet_storage import ParquetStorage
from engines.columns import digest
from workloads import Answer, Case

VERSION = version("mismartera")
SESSION_MINUTES = 390
MINUTE_NS = 60_000_000_000


def bars_by_symbol(parquet: str) -> dict[str, BarColumns]:
    """The bars of a benchmark's Parquet file."""
    fields = ("ts", "open", "high", "low", "close", "volume")
    table = pl.read_parquet(parquet).with_columns(pl.col("volume").cast(pl.Float64))
    return {
        str(key[0]): BarColumns.of_minutes(*(rows[field].to_numpy() for field in fields))
        for key, rows in table.partition_by("symbol", as_dict=True, maintain_order=True).items()
    }


def session_grid(starts_ns: np.ndarray) -> SessionGrid:
    """The benchmark's sessions: 390 minutes each, early closes made as full days."""
    opens = starts_ns[::SESSION_MINUTES]
    closes = opens + SESSION_MINUTES * MINUTE_NS
    dates = opens.astype("datetime64[ns]").astype("datetime64[D]")
    return SessionGrid("America/New_York", dates, opens, closes, opens, closes)


class Aggregate(Case):
    """Timed: aggregating one symbol after another, sessions known."""

    def __init__(self, parquet: str, interval: str) -> None:
        self.interval = Interval.parse(interval)
        self.minutes = list(bars_by_symbol(parquet).values())
        self.sessions = session_grid(self.minutes[0].start_ns)

    def run(self) -> list[BarColumns]:
        """Aggregate every symbol."""
        return [aggregate(minutes, self.interval, self.sessions) for minutes in self.minutes]

    def answer(self, result: list[BarColumns]) -> Answer:
        """The bars, symbol after symbol."""
        return _digest(result)


class Read(Case):
    """Timed: every symbol whole, from one small file per symbol and month."""

    def __init__(self, parquet: str) -> None:
        root = Path(parquet).with_suffix(".store")
        self.storage = ParquetStorage(root)
        if not root.exists():
            partial = ParquetStorage(root.with_suffix(".partial"))
            for symbol, bars in bars_by_symbol(parquet).items():
                partial.write(symbol, bars)
            root.with_suffix(".partial").rename(root)
        self.symbols = self.storage.symbols()

    def run(self) -> list[BarColumns]:
        """Read every symbol."""
        return [self.storage.read(symbol) for symbol in self.symbols]

    def answer(self, result: list[BarColumns]) -> Answer:
        """The rows, symbol after symbol."""
        return _digest(result)


def _digest(parts: list[BarColumns]) -> Answer:
    whole = BarColumns.concatenate(parts)
    columns = (whole.start_ns, whole.open, whole.high, whole.low, whole.close, whole.volume)
    return Answer(digest=digest(columns))
