"""Where the log goes: a rotated file for everything, nothing on the terminal unless asked."""

from pathlib import Path
from typing import Final

from loguru import logger

from app.core.exceptions import ConfigurationError

ROTATION, RETENTION, COMPRESSION = "10 MB", "30 days", "zip"
LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""From the most to the least talkative."""


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


def configure_logging(folder: Path, level: str) -> Path:
    """Write records of `level` and above to ``app.log`` in `folder`; the file's path.

    The file is rotated at 10 MB; old ones are zipped and kept for 30 days.

    Raises:
        ConfigurationError: for a level that is not known.
    """
    set_level(level)
    path = folder / "app.log"
    logger.remove()
    logger.add(
        path,
        level=0,
        filter=lambda record: record["level"].no >= _threshold.number,
        rotation=ROTATION,
        retention=RETENTION,
        compression=COMPRESSION,
        enqueue=False,
        backtrace=False,
        diagnose=False,
    )
    return path


def current_level() -> str:
    """The least severe level that is written."""
    return _threshold.level


def set_level(level: str) -> None:
    """Write records of `level` and above from now on, whichever thread they come from.

    Raises:
        ConfigurationError: for a level that is not known.
    """
    _threshold.set(level)
