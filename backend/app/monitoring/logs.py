"""Where the log goes: a rotated file for everything, nothing on the terminal unless asked."""

import json
import logging
import sys
import traceback
import zipfile
from pathlib import Path
from textwrap import indent
from typing import Any, Final

from loguru import logger

from app.config.private_files import open_private
from app.config.settings import Settings
from app.core.exceptions import ConfigurationError
from app.core.shown import one_line, plain_lines
from app.monitoring.secrecy import guard, mask

ROTATION, RETENTION = "10 MB", "30 days"
LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""From the most to the least talkative."""
LIBRARIES: Final = ("uvicorn", "sqlalchemy", "alembic", "asyncio", "python_multipart")
"""Whose records go to the log too, from WARNING on; uvicorn's from INFO on."""

_LINE = (
    "{time:YYYY-MM-DD HH:mm:ss.SSS} | {level: <8} | {extra[request_id]} | "
    "{name}:{function}:{line} - {extra[told]}\n"
)
_ON_TERMINAL = "{level}: {extra[shown]}\n"
_OURS = ("request_id", "trace", "shown", "told")


class _Threshold:
    """The least severe level that is written; any thread may change it."""

    def __init__(self) -> None:
        self.level = "INFO"
        self.number = 0

    def set(self, level: str) -> None:
        name = level.upper()
        if name not in LEVELS:
            raise ConfigurationError(f"log level {level!r} is not known; use {', '.join(LEVELS)}")
        self.level, self.number = name, logger.level(name).no


_threshold = _Threshold()


def configure_logging(folder: Path, level: str, *, as_json: bool = False) -> Path:
    """Write records of `level` and above to ``app.log`` in `folder`; the file's path.

    One record is a line, its control characters escaped, followed by its traceback, indented, if
    it has one; with `as_json` it is one JSON object on one line. Secrets are masked in both. The
    file is rotated at 10 MB; old ones are zipped and kept for 30 days. Files it makes are their
    owner's alone. What libraries log goes the same way.

    Raises:
        ConfigurationError: for a level that is not known.
    """
    set_level(level)
    path = folder / "app.log"
    logger.remove()
    logger.configure(extra={"request_id": "-", "trace": ""}, patcher=_without_secrets)
    logger.add(
        path,
        level=0,
        format=_json_line if as_json else _plain_line,
        filter=lambda record: record["level"].no >= _threshold.number,
        rotation=ROTATION,
        retention=RETENTION,
        compression=_zip,
        opener=open_private,
        enqueue=False,
        backtrace=False,
        diagnose=False,
    )
    _listen_to_libraries()
    return path


def log_of(settings: Settings) -> Path:
    """Set up the log of an installation, which knows its secrets; the file's path."""
    guard(settings)
    return configure_logging(settings.logs_dir, settings.log_level, as_json=settings.log_json)


def show_problems_on_terminal() -> None:
    """Write warnings and errors, one line each, to standard error too: for a server."""
    logger.add(sys.stderr, level="WARNING", format=_terminal_line, colorize=False)


def current_level() -> str:
    """The least severe level that is written."""
    return _threshold.level


def set_level(level: str) -> None:
    """Write records of `level` and above from now on, whichever thread they come from.

    Raises:
        ConfigurationError: for a level that is not known.
    """
    _threshold.set(level)


def _zip(path: str) -> None:
    """Pack a file that is no longer written to.

    loguru's own way would make a file that all may read.
    """
    full = Path(path)
    with (
        open(f"{full}.zip", "xb", opener=open_private) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.write(full, full.name)
    full.unlink()


# ── what a record becomes ────────────────────────────────────────────────────


def _without_secrets(record: Any) -> None:
    """The message, what was bound to it and the traceback, as text that may be written.

    The traceback becomes text here, for an error's own message may hold a secret.
    """
    record["message"] = mask(record["message"])
    extra = record["extra"]
    for name in extra.keys() - _OURS:
        if isinstance(extra[name], str):
            extra[name] = mask(extra[name])
    error = record["exception"]
    if error is not None:
        lines = traceback.format_exception(error.type, error.value, error.traceback)
        extra["trace"] = "\n" + mask("".join(lines)).rstrip()
        record["exception"] = None


def _plain_line(record: Any) -> str:
    """The format of a line; no line of a message or a traceback begins as a record does."""
    extra = record["extra"]
    trace = indent(plain_lines(extra["trace"]), "    ")
    extra["told"] = one_line(record["message"]) + trace
    return _LINE


def _terminal_line(record: Any) -> str:
    record["extra"]["shown"] = one_line(record["message"])
    return _ON_TERMINAL


def _json_line(record: Any) -> str:
    extra = record["extra"]
    fields = {
        "time": record["time"].isoformat(),
        "level": record["level"].name,
        "request_id": extra["request_id"],
        "where": f"{record['name']}:{record['function']}:{record['line']}",
        "thread": record["thread"].name,
        "message": record["message"],
        **{name: extra[name] for name in extra.keys() - {*_OURS, "line"}},
    }
    if extra["trace"]:
        fields["traceback"] = extra["trace"].lstrip("\n")
    extra["line"] = json.dumps(fields, ensure_ascii=False, default=str)
    return "{extra[line]}\n"


class _ToLoguru(logging.Handler):
    """Hands what a library logs to our log, as from the place it was logged at."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        level = record.levelname if record.levelname in LEVELS else record.levelno
        where = {"name": record.name, "function": record.funcName, "line": record.lineno}
        passed = logger.patch(lambda made: made.update(where))  # type: ignore[typeddict-item]  # these are its keys
        passed.opt(exception=record.exc_info).log(level, "{}", record.getMessage())


def _listen_to_libraries() -> None:
    handler = _ToLoguru()
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers = [handler]
        library.propagate = False
        library.setLevel("INFO" if name == "uvicorn" else "WARNING")
