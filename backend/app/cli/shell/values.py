"""What may stand for a parameter, found by its name: stored symbols, configs, runs and so on.

A new command whose parameter is called like one of these is completed without a word more.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

from app.cli.catalogue import Command, Parameter

Value = tuple[str, str]
"""A text that can be typed, and what is said beside it."""

_LATEST_RUNS = 20
_RUNS = ("a", "b", "what")
"""Parameters of `run` commands that take a run, or a file in its place."""


def values_for(command: Command, parameter: Parameter) -> Iterator[Value]:
    """What can be typed for a parameter; nothing if that is free."""
    if parameter.choices:
        yield from ((choice, "") for choice in parameter.choices)
        return
    source = SOURCES.get(parameter.name)
    if source is not None:
        yield from source()
    if parameter.name in _RUNS and command.words[0] == "run":
        yield from _runs()


def takes_path(parameter: Parameter) -> bool:
    """Whether a file's path can be typed for a parameter."""
    return parameter.name in {"path", "config", *_RUNS}


def _symbols() -> Iterator[Value]:
    from app.config.settings import get_settings
    from app.core.exceptions import DataError
    from app.services.market_data.parquet_storage import ParquetStorage

    storage = ParquetStorage(get_settings().bars_dir)
    for symbol in storage.symbols():
        try:
            labels = storage.coverage(symbol).labels
        except DataError:  # set aside by now, and in the log
            continue
        yield symbol, ", ".join(sorted(labels)) or "minute bars"


def _configs() -> Iterator[Value]:
    from app.config.settings import get_settings
    from app.models.session_config import list_named

    for name in list_named(get_settings().session_configs_dir):
        yield name, "session config"


def _strategies() -> Iterator[Value]:
    from app.config.settings import get_settings
    from app.strategies.registry import SHIPPED

    yield from ((name, "shipped strategy") for name in SHIPPED)
    for path in sorted(get_settings().strategies_dir.glob("*.py")):
        yield from ((f"{path.name}:{name}", "your strategy") for name in _classes_in(path))


def _classes_in(path: Path) -> Iterator[str]:
    """Classes of a file that look like strategies; it is read, not run."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError):  # `strategy list` says what is wrong
        return
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.bases:
            yield node.name


def _runs() -> Iterator[Value]:
    from sqlalchemy.exc import SQLAlchemyError

    from app.core.exceptions import TradingError
    from app.models.database import SessionLocal
    from app.repositories.run_repository import RunRepository

    try:
        with SessionLocal() as db:
            records = RunRepository(db).list(_LATEST_RUNS)
    except (SQLAlchemyError, TradingError):  # no database yet: nothing to complete
        return
    for record in records:
        yield str(record.id)[:8], f"{record.session_name}, {record.finished_at:%Y-%m-%d %H:%M}"


def _exchanges() -> Iterator[Value]:
    from app.managers.time_manager.exchanges import EXCHANGES

    yield from ((each.exchange_group, each.asset_class) for each in EXCHANGES)


def _intervals() -> Iterator[Value]:
    yield from ((text, "") for text in ("1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"))


def _levels() -> Iterator[Value]:
    from app.monitoring.logs import LEVELS

    yield from ((level, "") for level in LEVELS)


def _timezones() -> Iterator[Value]:
    from zoneinfo import available_timezones

    yield from ((name, "") for name in sorted(available_timezones()))


def _speeds() -> Iterator[Value]:
    yield "0", "as fast as it goes"
    yield "1", "as fast as the market"
    yield "60", "a minute in a second"


SOURCES: dict[str, Callable[[], Iterator[Value]]] = {
    "symbol": _symbols,
    "symbols": _symbols,
    "config": _configs,
    "what": _configs,
    "strategy": _strategies,
    "run_id": _runs,
    "exchange": _exchanges,
    "interval": _intervals,
    "level": _levels,
    "timezone": _timezones,
    "speed": _speeds,
}


def paths(typed: str) -> Iterator[Value]:
    """Files and folders whose path begins with `typed`; ``~`` is the home folder."""
    folder_text, _, beginning = typed.rpartition("/")
    folder = Path(folder_text + "/" if "/" in typed else ".").expanduser()
    if not folder.is_dir():
        return
    for each in sorted(folder.iterdir()):
        if each.name.startswith(beginning) and (beginning or not each.name.startswith(".")):
            shown = f"{folder_text}/{each.name}" if "/" in typed else each.name
            yield (shown + "/", "folder") if each.is_dir() else (shown, "")
