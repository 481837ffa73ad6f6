"""polars: W4 by `group_by`, and reading D3 from one Parquet file."""

import polars as pl

from engines.columns import digest
from workloads import Answer, Case

VERSION = pl.__version__
_FIELDS = ("ts", "open", "high", "low", "close", "volume")
_MINUTE_NS = 60_000_000_000
_SESSION_MINUTES = 390


_BARS = (
    pl.col("open").first(),
    pl.col("high").max(),
    pl.col("low").min(),
    pl.col("close").last(),
    pl.col("volume").sum(),
)


class Aggregate(Case):
    """Timed: one `group_by` per symbol, its key worked out from each minute's session open."""

    def __init__(self, parquet: str, minutes: str) -> None:
        step_ns = int(minutes) * _MINUTE_NS
        since_open = pl.col("ts") - pl.col("session_open")
        self.start = (pl.col("session_open") + since_open // step_ns * step_ns).alias("start")
        table = pl.read_parquet(parquet).with_columns(
            pl.col("volume").cast(pl.Float64),
            session_open=pl.col("ts").first().over(pl.int_range(pl.len()) // _SESSION_MINUTES),
        )
        self.frames = table.partition_by("symbol", maintain_order=True)

    def run(self) -> list[pl.DataFrame]:
        """Aggregate every symbol; the key is known to be sorted."""
        return [
            frame.group_by(self.start.set_sorted(), maintain_order=True).agg(*_BARS)
            for frame in self.frames
        ]

    def answer(self, result: list[pl.DataFrame]) -> Answer:
        """The bars, symbol after symbol."""
        whole = pl.concat(result)
        return Answer(digest=digest(whole[name].to_numpy() for name in whole.columns))


class AggregateStreaming(Aggregate):
    """The same on polars' streaming engine, which is fastest when told of no order."""

    def run(self) -> list[pl.DataFrame]:
        """Aggregate every symbol and put its bars in order."""
        return [
            frame.lazy().group_by(self.start).agg(*_BARS).sort("start").collect(engine="streaming")
            for frame in self.frames
        ]


class Read(Case):
    """Timed: one zstd Parquet file of all symbols into numpy columns."""

    def __init__(self, parquet: str) -> None:
        self.parquet = parquet

    def run(self) -> list:
        """Read the file."""
        table = pl.read_parquet(self.parquet, columns=list(_FIELDS))
        return [table[name].to_numpy() for name in _FIELDS]

    def answer(self, result: list) -> Answer:
        """The rows, symbol after symbol."""
        return Answer(digest=digest([result[0], *(values.astype(float) for values in result[1:])]))
