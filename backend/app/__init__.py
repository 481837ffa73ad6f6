"""MisMartera: one platform for backtest, paper and live day trading."""

__version__ = "0.1.0"
