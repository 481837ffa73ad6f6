"""backtesting.py: W1, with the statistics it computes at the end of every run."""

import backtesting
import numpy as np
import pandas as pd

from workloads import CASH, COMMISSION_PER_SHARE, FAST, QUANTITY, SLOW, TIE, Answer, Case

VERSION = backtesting.__version__


def moving_average(values: np.ndarray, length: int) -> np.ndarray:
    """Mean of the last `length` values; infinite before there are as many.

    backtesting.py starts one bar after the last NaN of all indicators, and W1 has a signal on
    the very first bar with both averages. No NaN, no bar skipped; infinity gives no signal.
    """
    sums = np.cumsum(np.insert(np.asarray(values, np.float64), 0, 0.0))
    means = (sums[length:] - sums[:-length]) / length
    return np.concatenate([np.full(length - 1, np.inf), means])


class Cross(backtesting.Strategy):
    """Long 100 shares while the fast average is above the slow one."""

    def init(self) -> None:
        """Declare both averages."""
        self.fast = self.I(moving_average, self.data.Close, FAST)
        self.slow = self.I(moving_average, self.data.Close, SLOW)

    def next(self) -> None:
        """Decide at the close of a bar; the order fills at the next open."""
        difference = self.fast[-1] - self.slow[-1]
        if difference > TIE:
            if not self.position:
                self.buy(size=QUANTITY)
        elif difference < -TIE and self.position:
            self.position.close()


class W1(Case):
    """Timed: building the backtest from a ready DataFrame, the run and its statistics."""

    def __init__(self, parquet: str) -> None:
        table = pd.read_parquet(parquet)
        self.frame = table[["open", "high", "low", "close", "volume"]].rename(columns=str.title)
        self.frame.index = pd.to_datetime(table["ts"])

    def run(self) -> pd.Series:
        """One backtest with its statistics."""
        return backtesting.Backtest(self.frame, Cross, cash=CASH, commission=_commission).run()

    def answer(self, result: pd.Series) -> Answer:
        """Two fills a round trip; W1 ends flat."""
        return Answer(cash=float(result["Equity Final [$]"]), fills=2 * int(result["# Trades"]))


def _commission(size: float, _price: float) -> float:
    return abs(size) * COMMISSION_PER_SHARE
