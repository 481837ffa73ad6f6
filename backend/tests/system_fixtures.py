"""Whole installations in a folder of their own: settings, calendars, a store, SystemManagers.

`installation` is an empty one. `minutes` writes bars by hand; `session_config` writes configs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from threading import Event
from time import perf_counter, sleep
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy.orm import Session

from app.config.settings import Settings
from app.core.data_structures import BarColumns
from app.core.run_record import RunRecord
from app.core.types import MINUTE_NS
from app.managers.data_manager import DataManager
from app.managers.system_manager import SystemManager
from app.managers.time_manager import TimeManager
from app.models.database import session_factory
from app.repositories.run_repository import RunRepository
from app.services.market_data.parquet_storage import ParquetStorage
from tests.calendar_fixtures import CalendarDatabase
from tests.running_time import running_time

NEW_YORK = ZoneInfo("America/New_York")
PATIENCE_S = 30.0
"""A run of these tests takes well under a second; longer than this it hangs."""


@dataclass
class Gate:
    """Holds whoever passes it until it is opened; `begun` says that somebody waits."""

    begun: Event = field(default_factory=Event)
    opened: Event = field(default_factory=Event)

    def __call__(self, *_: object, **__: object) -> None:
        self.begun.set()
        self.opened.wait()


@dataclass
class Installation:
    """One installation, and the systems started on it."""

    settings: Settings
    systems: list[SystemManager] = field(default_factory=list)

    @property
    def storage(self) -> ParquetStorage:
        return ParquetStorage(self.settings.bars_dir)

    def system(self) -> SystemManager:
        system = SystemManager(self.settings)
        self.systems.append(system)
        return system

    def run(self, config: Mapping[str, Any]) -> SystemManager:
        """A system that has run `config` to its end."""
        system = self.system()
        system.start(config)
        assert system.wait(PATIENCE_S), system.status()
        return system

    def database(self) -> Session:
        return session_factory(self.settings.database_url)()

    def import_file(self, path: Path, exchange_group: str = "US_EQUITY") -> None:
        """Import minute bars as `data import-csv` does."""
        with self.database() as db:
            market = TimeManager.for_exchange(db, exchange_group)
        DataManager(self.storage, market, open_database=self.database).import_from_csv(path)

    def store(self, symbol: str, bars: BarColumns) -> None:
        self.storage.write(symbol, bars)

    def records(self) -> tuple[RunRecord, ...]:
        with self.database() as db:
            return RunRepository(db).list(1_000)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end_s = perf_counter() + PATIENCE_S
    while not holds():
        assert perf_counter() < end_s, "waited in vain"
        sleep(0.001)


def ends_within(system: SystemManager, seconds: float) -> None:
    """Wait for the end of a run, which must come in that time, stalls apart."""
    with running_time() as passed:
        assert system.wait(PATIENCE_S)
    assert passed.seconds < seconds


@pytest.fixture
def gate() -> Iterator[Gate]:
    """One that is opened at the latest when the test is over."""
    made = Gate()
    yield made
    made.opened.set()


def installation_at(home: Path, database_url: str) -> Installation:
    """One that keeps everything below `home` but its database."""
    return Installation(
        Settings(
            data_dir=home / "data",
            validation_dir=home / "validation",
            database_url=database_url,
        )
    )


@pytest.fixture
def installation(calendar_db: CalendarDatabase, tmp_path: Path) -> Iterator[Installation]:
    home = tmp_path / "installation"
    made = installation_at(home, calendar_db.copy(home / "data" / "trading_app.db"))
    yield made
    for system in made.systems:
        system.stop()


def minutes(
    *days: date,
    first: time = time(9, 30),
    count: int = 390,
    close: Callable[[int, int], float] = lambda day, minute: 100.0 + day + minute / 1_000,
    volume: Callable[[int, int], float] = lambda day, minute: 1_000.0,
    zone: ZoneInfo = NEW_YORK,
) -> BarColumns:
    """`count` minutes from `first` on each of `days`; each opens at the close before it.

    `close` and `volume` are told the number of the day and of the minute, both from 0.
    """
    starts, closes, volumes = [], [], []
    for number, day in enumerate(days):
        moment = datetime.combine(day, first, zone)
        begin_ns = int(moment.timestamp()) * 1_000_000_000
        starts += [begin_ns + minute * MINUTE_NS for minute in range(count)]
        closes += [close(number, minute) for minute in range(count)]
        volumes += [volume(number, minute) for minute in range(count)]
    last = np.array(closes)
    open_ = np.concatenate((last[:1], last[:-1]))
    return BarColumns.of_minutes(
        np.array(starts, np.int64),
        open_,
        np.maximum(open_, last),
        np.minimum(open_, last),
        last,
        np.array(volumes),
    )


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def utc_ns(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000


FREE: dict[str, Any] = {
    "starting_cash": 100_000,
    "commission": {"model": "none"},
    "slippage": {"model": "none"},
}


def session_config(
    *symbols: str,
    first: str,
    last: str,
    strategies: Mapping[str, tuple[str, Mapping[str, Any]]] | None = None,
    execution: Mapping[str, Any] = FREE,
    historical: Mapping[str, Any] | None = None,
    name: str = "test_session",
    market: tuple[str, str] = ("US_EQUITY", "EQUITY"),
    prefetch_days: int = 2,
    **session_data: Any,
) -> dict[str, Any]:
    """A session config; `strategies` maps a name to its class and parameters."""
    return {
        "session_name": name,
        "exchange_group": market[0],
        "asset_class": market[1],
        "mode": "backtest",
        "backtest_config": {
            "start_date": first,
            "end_date": last,
            "prefetch_days": prefetch_days,
        },
        "session_data_config": {
            "symbols": list(symbols),
            "historical": historical or {},
            **session_data,
        },
        "strategies": [
            {"name": name, "class": class_, "parameters": dict(parameters)}
            for name, (class_, parameters) in (strategies or {}).items()
        ],
        "execution": dict(execution),
    }
