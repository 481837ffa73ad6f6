"""How each part of the platform is, asked of the part itself."""

import shutil
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.api.platform import Platform
from app.core.exceptions import TradingError
from app.models.database import SCHEMA_REVISION
from app.monitoring.metrics import EngineFigures

GIBIBYTE = 1 << 30
LOW_DISK, NO_DISK = GIBIBYTE, GIBIBYTE // 16
"""Free bytes below which the disk needs care, and below which nothing may be begun."""
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
    with platform.work() as work:
        work.db.execute(text("SELECT 1"))
    return Level.OK, f"schema {SCHEMA_REVISION}"


def _store(platform: Platform) -> Finding:
    folder = platform.settings.bars_dir
    if not folder.exists():
        return Level.OK, "no bars yet"
    symbols = {each.name for interval in folder.iterdir() for each in interval.iterdir()}
    return Level.OK, f"{len(symbols)} symbols"


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
    free = shutil.disk_usage(_nearest(platform.settings.data_dir)).free
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
