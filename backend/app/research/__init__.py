"""Backtests for scripts and notebooks: ``from app.research import run_backtest``."""

from app.research.backtest import run_backtest

__all__ = ["run_backtest"]
