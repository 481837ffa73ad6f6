"""Backtests for scripts and notebooks: ``from app.research import run_backtest``."""

from app.research.backtest import run_backtest
from app.research.honesty_report import HonestyReport, honesty
from app.services.simulation.simulation import Terms

__all__ = ["HonestyReport", "Terms", "honesty", "run_backtest"]
