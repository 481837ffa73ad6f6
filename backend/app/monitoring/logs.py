"""Where the log goes: a rotated file for everything, nothing on the terminal unless asked."""

from pathlib import Path

from loguru import logger

ROTATION, RETENTION, COMPRESSION = "10 MB", "30 days", "zip"


def configure_logging(folder: Path, level: str) -> Path:
    """Write records of `level` and above to ``app.log`` in `folder`; the file's path.

    The file is rotated at 10 MB; old ones are zipped and kept for 30 days.
    """
    path = folder / "app.log"
    logger.remove()
    logger.add(
        path,
        level=level,
        rotation=ROTATION,
        retention=RETENTION,
        compression=COMPRESSION,
        enqueue=False,
        backtrace=False,
        diagnose=False,
    )
    return path
