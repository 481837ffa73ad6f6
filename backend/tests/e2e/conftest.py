"""Command lines: a new one per test with the calendars in place, and one where the demo has run."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loguru import logger

from tests.calendar_fixtures import CalendarDatabase
from tests.command_line import CommandLine, Typed, forget_settings


@pytest.fixture
def cli(calendar_db: CalendarDatabase, tmp_path: Path) -> CommandLine:
    """Nothing imported, nothing run; the database is ready."""
    calendar_db.copy(tmp_path / "data" / "trading_app.db")
    return CommandLine(tmp_path)


@pytest.fixture(scope="session")
def demo(calendar_db: CalendarDatabase, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Where `demo` has run; tests read it and leave it as it is."""
    home = tmp_path_factory.mktemp("demo")
    calendar_db.copy(home / "data" / "trading_app.db")
    line = CommandLine(home)
    (home / "output.txt").write_text(line.ok("demo"))
    return line


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[CommandLine], Typed]]:
    """``typed(demo)``: commands on its files, in this process."""
    paths = list(sys.path)
    yield lambda line: Typed(line, monkeypatch, capsys)
    sys.path[:] = paths
    forget_settings()
    logger.remove()
    logger.add(sys.__stderr__)
