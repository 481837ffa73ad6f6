"""Files that their owner alone may read: password hashes, orders and what was done are in them."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o600


def open_private(path: str | Path, flags: int) -> int:
    """An `opener` for `open`: a file that is made by it is its owner's alone.

    One that is there keeps its mode: whoever gave it another had a reason.
    """
    return os.open(path, flags, OWNER_ONLY)


def make_private(path: Path) -> None:
    """Make an empty file for a program that would make it readable by all, unless it is there.

    One that is there is not even opened: to close it would end the locks that SQLite holds on it
    in this process. Where no file can be made nothing happens; the program will say why.
    """
    with suppress(OSError):
        os.close(open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
