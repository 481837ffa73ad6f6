"""Ours: W1 through SystemManager, as `mismartera system start` runs it, in four threads."""

import shutil
from datetime import date, time
from pathlib import Path
from time import perf_counter

from loguru import logger

from app.config.settings import Settings
from app.core.calendar_days import CalendarDay, CalendarOverride, DayHours
from app.core.enums import SystemState
from app.managers.system_manager import SystemManager
from app.managers.time_manager.setup import initialise_database
from app.models.database import session_factory
from app.repositories.calendar_repository import CalendarRepository
from app.services.analytics.result import RunResult
from app.services.market_data.parquet_storage import ParquetStorage
from engines.mismartera import VERSION, with_statistics
from engines.mismartera_bars import bars_by_symbol
from workloads import CASH, COMMISSION_PER_SHARE, Answer, Case

__all__ = ["VERSION", "W1", "W1Recorded"]

_FULL_DAY = DayHours(
    pre_market_open=time(4),
    regular_open=time(9, 30),
    regular_close=time(16),
    post_market_close=time(20),
)
_EARLY_CLOSES = (date(2023, 7, 3), date(2023, 11, 24))
CONFIG = {
    "session_name": "benchmark_w1",
    "exchange_group": "US_EQUITY",
    "asset_class": "EQUITY",
    "mode": "backtest",
    "backtest_config": {
        "start_date": "2023-01-03",
        "end_date": "2024-01-03",
        "speed_multiplier": 0,
        "prefetch_days": 5,
    },
    "session_data_config": {"symbols": ["AAA"], "streams": ["bars_1m"]},
    "strategies": [
        {"name": "cross", "class": "engines.mismartera:Cross", "symbols": "all", "parameters": {}}
    ],
    "execution": {
        "broker": "simulated",
        "starting_cash": CASH,
        "commission": {"model": "per_share", "rate": COMMISSION_PER_SHARE},
        "slippage": {"model": "none"},
    },
}


class W1Recorded(Case):
    """Timed: from the config to the run's row in the database, its report and its files."""

    def __init__(self, parquet: str) -> None:
        logger.remove()
        folder = Path(parquet).resolve().with_suffix(".system")
        self.settings = Settings(
            _env_file=None, data_dir=folder, validation_dir=folder / "validation"
        )
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            install(self.settings, parquet)
            (folder / "ready").touch()
        initialise_database(self.settings.database_url)  # a kept one may have an older schema

    def prepare(self) -> None:
        """A new system."""
        self.system = SystemManager(self.settings)

    def run(self) -> RunResult:
        """One session, from start to stopped."""
        self.system.start(CONFIG)
        self.system.wait()
        if self.system.state is not SystemState.STOPPED or self.system.result is None:
            raise RuntimeError(f"the session ended {self.system.state}: {self.system.reason}")
        return self.system.result

    def answer(self, result: RunResult) -> Answer:
        """Cash and fills."""
        return Answer(cash=result.log.final_cash, fills=len(result.log.fills))

    def finish(self) -> None:
        """Remove what the run wrote."""
        shutil.rmtree(self.settings.runs_dir, ignore_errors=True)


class W1(W1Recorded):
    """Timed: the threads, from reading Parquet to the last decision, and the statistics.

    That is what the inline run is timed for, and reading besides; it makes no files.
    """

    def seconds(self, wall_s: float) -> float:  # noqa: ARG002  # the system's own figure instead
        """Minute bars over the bars per second of the progress line, plus the statistics."""
        progress = self.system.status().progress
        begun = perf_counter()
        with_statistics(RunResult(self.system.result.log))
        return progress.bars / progress.bars_per_s + perf_counter() - begun


def install(settings: Settings, parquet: str) -> None:
    """A database whose calendar has the data's early closes as full days, and the bars."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    _override_early_closes(settings.database_url)
    storage = ParquetStorage(settings.bars_dir)
    for symbol, bars in bars_by_symbol(parquet).items():
        storage.write(symbol, bars)


def _override_early_closes(database_url: str) -> None:
    initialise_database(database_url)
    overrides = [
        CalendarOverride(
            exchange_group="US_EQUITY",
            day=CalendarDay(date=day, name="full day in the benchmark's data", hours=_FULL_DAY),
            source="benchmarks/data.py",
            source_date=date(2026, 11, 20),
        )
        for day in _EARLY_CLOSES
    ]
    with session_factory(database_url).begin() as db:
        CalendarRepository(db).put_overrides(overrides)
