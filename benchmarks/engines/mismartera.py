"""Ours: W1 and W2 through `run_backtest`, as a script or a notebook calls it."""

from importlib.metadata import version

import polars as pl

from app.core.costs import PerShare
from app.core.strategy import BarInterval, Indicator, Int, Strategy, crosses
from app.research import run_backtest
from app.services.analytics.result import RunResult
from workloads import CASH, COMMISSION_PER_SHARE, FAST, QUANTITY, SLOW, TIE, Answer, Case

VERSION = version("mismartera")


class Cross(Strategy):
    """Long 100 shares while the fast average is above the slow one; called on every bar."""

    fast = Int(FAST, low=2)
    slow = Int(SLOW, low=3)
    fast_sma = Indicator("SMA", timeperiod=fast)
    slow_sma = Indicator("SMA", timeperiod=slow)

    def on_bar(self, bar) -> None:  # noqa: ARG002  # the averages say all
        """Decide at the close of a bar; the order fills at the next open."""
        difference = self.fast_sma.value - self.slow_sma.value
        if difference > TIE:
            if not self.position.quantity:
                self.buy(QUANTITY)
        elif difference < -TIE and self.position.quantity:
            self.sell(QUANTITY)


class WokenCross(Cross):
    """The same, called only on bars where the averages change sides."""

    wake = crosses(Cross.fast_sma, Cross.slow_sma, tolerance=TIE)


class FiveMinuteCross(Cross):
    """The same on five-minute bars; orders fill on the one-minute grid."""

    interval = BarInterval("5m")


class _Backtest(Case):
    """Timed: `run_backtest` on a ready frame per symbol and every statistic of its result."""

    strategy: type[Strategy] = Cross

    def __init__(self, parquet: str) -> None:
        self.bars = read(parquet)

    def run(self) -> RunResult:
        """One backtest with its statistics."""
        return backtest(self.strategy, self.bars)

    def answer(self, result: RunResult) -> Answer:
        """Cash and fills."""
        return answer(result)


class W1(_Backtest):
    """One symbol, called on every bar."""


class W1Woken(_Backtest):
    """One symbol, called when the averages cross."""

    strategy = WokenCross


class W2(_Backtest):
    """Fifty symbols, decided on five-minute bars that the run itself makes."""

    strategy = FiveMinuteCross


class W1FromFile(Case):
    """Timed: reading the Parquet file as well, for a process that starts from nothing."""

    def __init__(self, parquet: str) -> None:
        self.parquet = parquet

    def run(self) -> RunResult:
        """Read and backtest."""
        return backtest(Cross, read(self.parquet))

    def answer(self, result: RunResult) -> Answer:
        """Cash and fills."""
        return answer(result)


def read(parquet: str) -> dict[str, pl.DataFrame]:
    """The benchmark's bars, a frame for each symbol, with times as UTC timestamps."""
    table = pl.read_parquet(parquet).with_columns(
        pl.col("ts").cast(pl.Datetime("ns", "UTC")), pl.col("volume").cast(pl.Float64)
    )
    frames = table.partition_by("symbol", as_dict=True, include_key=False, maintain_order=True)
    return {str(symbol): frame for (symbol,), frame in frames.items()}


def backtest(strategy: type[Strategy], bars: dict[str, pl.DataFrame]) -> RunResult:
    """One run and all its statistics, those of buying and holding included."""
    commission = PerShare(COMMISSION_PER_SHARE)
    return with_statistics(run_backtest(strategy, bars, cash=CASH, commission=commission))


def with_statistics(result: RunResult) -> RunResult:
    """The result after every figure has been asked for."""
    _ = result.compute().benchmark_metrics
    return result


def answer(result: RunResult) -> Answer:
    """What a result of ours says."""
    return Answer(cash=result.log.final_cash, fills=len(result.log.fills))
