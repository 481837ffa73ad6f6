"""How each part of the platform is, asked of the part itself."""

import shutil
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.api.platform import Platform
from app.core.exceptions import TradingError
from app.models.addresses import sqlite_path
from app.models.database import SCHEMA_REVISION
from app.monitoring.metrics import EngineFigures
from app.services.market_data.parquet_storage import ParquetStorage

GIBIBYTE = 1 << 30
LOW_DISK, NO_DISK = GIBIBYTE, GIBIBYTE // 16
"""Free bytes below which the disk needs care, and below which nothing may be begun."""
WRITER_MS = 100
"""A write is over in a few milliseconds; a long run's rows take longer."""
LONG_QUEUE = 512
"""Waiting items from which on a queue's reader does not keep up; bounded queues hold a few."""

TO_THE_END = ("SessionCoordinator", "Watchdog")
"""Threads of a session that live as long as it does; the others may be done before."""


class Level(StrEnum):
    """From good to bad."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"


class Part(NamedTuple):
    """How one part is."""

    name: str
    status: Level
    required: bool
    latency_ms: float
    message: str


Finding = tuple[Level, str]


def examine(platform: Platform) -> list[Part]:
    """Every part, in the order an operator looks at them."""
    return [
        _asked(name, look, platform, required=required) for name, (look, required) in _PARTS.items()
    ]


def _asked(
    name: str, look: Callable[[Platform], Finding], platform: Platform, *, required: bool
) -> Part:
    began = perf_counter()
    try:
        status, message = look(platform)
    except (TradingError, SQLAlchemyError, OSError) as error:
        status, message = Level.FAILING, _in_one_line(error)
    latency_ms = round(1_000.0 * (perf_counter() - began), 3)
    return Part(name, status, required, latency_ms, message)


def _in_one_line(error: Exception) -> str:
    """Ours were written to be read; of others the kind is enough, their text may hold anything."""
    return str(error) if isinstance(error, TradingError) else type(error).__name__


def _database(platform: Platform) -> Finding:
    """Whether it is there, has the program's schema, and lets itself be written."""
    file = sqlite_path(make_url(platform.settings.database_url))
    if file is not None and not file.exists():  # to ask it would make an empty one
        return Level.FAILING, f"{file.name} is gone: restore it, then start again"
    with platform.work() as work:
        schema = work.db.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        locked = file is not None and _is_locked(work.db)
    if schema != SCHEMA_REVISION:
        return Level.FAILING, f"schema {schema}, the program's is {SCHEMA_REVISION}: start again"
    if locked:
        return Level.DEGRADED, "another program is writing: who wants to write waits for it"
    return Level.OK, f"schema {schema}"


def _is_locked(db: Session) -> bool:
    """Whether nobody else can write into a SQLite database for `WRITER_MS`."""
    connection = db.connection()
    usual_ms = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql(f"PRAGMA busy_timeout={WRITER_MS}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("ROLLBACK")
    except OperationalError:
        return True
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={usual_ms}")
    return False


def _store(platform: Platform) -> Finding:
    folder = platform.settings.bars_dir
    if not folder.exists():
        return Level.DEGRADED, "there are no bars: import some"
    return Level.OK, f"{len(ParquetStorage(folder).symbols())} symbols"


def _threads(platform: Platform) -> Finding:
    """Threads that are done early, as readers and writers are, are no fault."""
    status, figures = platform.system.status(), platform.system.figures()
    if figures.is_running and status.reason is not None:
        return Level.FAILING, f"the session that runs has failed: {status.reason}"
    missing = [name for name in _needed(figures) if not figures.threads.get(name, True)]
    if missing:
        return Level.FAILING, f"{', '.join(missing)} ended, and has work to do"
    if not figures.is_running:
        return Level.OK, "no session runs"
    return Level.OK, f"{sum(figures.threads.values())} of {len(figures.threads)} alive"


def _needed(figures: EngineFigures) -> tuple[str, ...]:
    """Threads without which what goes on would not come to its end."""
    session = TO_THE_END if figures.is_running else ()
    return (*session, "RunQueue") if figures.queues.get("runs") else session


def _session(platform: Platform) -> Finding:
    reason = platform.system.reason
    if reason is not None:
        return Level.DEGRADED, f"the last session failed: {reason}"
    return Level.OK, str(platform.system.state)


def _queues(platform: Platform) -> Finding:
    waiting = platform.system.figures().queues
    long = {name: depth for name, depth in waiting.items() if depth >= LONG_QUEUE}
    told = ", ".join(f"{name} {depth}" for name, depth in (long or waiting).items())
    return (Level.DEGRADED if long else Level.OK), told or "none"


def _disk(platform: Platform) -> Finding:
    """The fullest of those that data, log and database are on."""
    settings = platform.settings
    database = sqlite_path(make_url(settings.database_url)) or settings.data_dir
    folders = (settings.data_dir, settings.logs_dir, database)
    free = min(shutil.disk_usage(_nearest(folder)).free for folder in folders)
    status = Level.OK if free >= LOW_DISK else Level.DEGRADED
    return (status if free >= NO_DISK else Level.FAILING), f"{free / GIBIBYTE:.1f} GiB free"


def _nearest(folder: Path) -> Path:
    """`folder`, or the first above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _log(platform: Platform) -> Finding:
    there = (platform.settings.logs_dir / "app.log").exists()
    return (Level.OK, "written") if there else (Level.DEGRADED, "nothing was logged yet")


_PARTS: dict[str, tuple[Callable[[Platform], Finding], bool]] = {
    "database": (_database, True),
    "store": (_store, True),
    "threads": (_threads, True),
    "session": (_session, False),
    "queues": (_queues, False),
    "disk": (_disk, True),
    "log": (_log, False),
}
"""Each part's look at itself, and whether the platform is of no use without it.

Optional services (a broker, a feed) get a line when there are any.
"""
