"""Small Parquet files that know when they are damaged, replaced whole or not at all.

Parquet's own pages carry no checksum here, so a flipped bit could come back as another
price. Each file therefore holds a CRC-32 over all its bytes and its own name (its *seal*),
in the footer's metadata; a file whose seal is broken is never decoded.
"""

import fcntl
import io
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
from loguru import logger

from app.core.exceptions import DataError

_SEAL_PREFIX: Final = b"mismartera-crc32:"
_SEAL_ZERO: Final = b"00000000"
_SEAL_SPAN: Final = 65_536
"""The footer lies in the last bytes of the file; the seal is looked for there."""

_QUARANTINE: Final = "quarantine"


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A damaged file: what it held, what is wrong, where it was put, and what to do."""

    symbol: str
    part: str
    reason: str
    moved_to: Path
    remedy: str

    def __str__(self) -> str:
        return (
            f"{self.symbol} {self.part}: {self.reason}; "
            f"the file was moved to {self.moved_to}. {self.remedy}"
        )


def seal(frame: pl.DataFrame, identity: str, facts: dict[str, Any]) -> bytes:
    """`frame` as a Parquet file sealed for the place `identity`, with `facts` as JSON in it."""
    buffer = io.BytesIO()
    placeholder = (_SEAL_PREFIX + _SEAL_ZERO).decode()
    frame.write_parquet(
        buffer,
        compression="zstd",
        metadata={"mismartera": json.dumps(facts), "seal": placeholder},
    )
    content = bytearray(buffer.getvalue())
    at = _seal_position(content)
    content[at : at + 8] = b"%08x" % _checksum(content, at, identity)
    return bytes(content)


def broken_seal(content: bytes, identity: str) -> str | None:
    """Why `content` is not the whole file sealed for `identity`; None if it is."""
    if not content:
        return "the file is empty"
    at = _seal_position(content)
    if at < 0:
        return "the file is cut short, or was not written by this store"
    if content[at : at + 8] != b"%08x" % _checksum(content, at, identity):
        return "the file's checksum does not match its content"
    return None


def read_facts(path: Path) -> dict[str, Any]:
    """The facts sealed into a file, from its footer alone: the content is not checked.

    Raises:
        DataError: if the footer cannot be read.
    """
    try:
        facts: dict[str, Any] = json.loads(pl.read_parquet_metadata(path)["mismartera"])
    except (pl.exceptions.PolarsError, KeyError, ValueError, OSError) as error:
        raise DataError(f"{path}: the footer cannot be read ({error})") from error
    return facts


def replace_file(path: Path, content: bytes) -> None:
    """Make `content` the file at `path`: afterwards, even after a crash, it is old or new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the right to write in `folder`, against other threads and processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_aside(path: Path, *, symbol: str, part: str, reason: str, remedy: str) -> FileProblem:
    """Move a damaged file to the quarantine folder beside it, and say so in the log."""
    folder = path.parent / _QUARANTINE
    folder.mkdir(exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    path.rename(target)
    problem = FileProblem(symbol, part, reason, target, remedy)
    logger.warning("damaged file: {}", problem)
    return problem


def _seal_position(content: bytes | bytearray) -> int:
    at = content.rfind(_SEAL_PREFIX, max(0, len(content) - _SEAL_SPAN))
    start = at + len(_SEAL_PREFIX)
    return start if at >= 0 and start + 8 <= len(content) else -1


def _checksum(content: bytes | bytearray, at: int, identity: str) -> int:
    """CRC-32 over the place's name and every byte of the file, the seal's digits taken as zero."""
    view = memoryview(content)
    parts = (view[:at], _SEAL_ZERO, view[at + 8 :])
    checksum = zlib.crc32(identity.encode())
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum
