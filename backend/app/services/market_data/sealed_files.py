"""Small Parquet files that know when they are damaged, replaced whole or not at all.

Parquet's own pages carry no checksum here, so a flipped bit could come back as another
price. Each file therefore holds a CRC-32 over all its bytes and its own name (its *seal*)
in the footer's metadata; a file whose seal is broken is never decoded. Beside the seal lie
a few facts about the content, with a checksum of their own, to be read without the rest.
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

_DIGITS: Final = 8

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
    text = json.dumps(facts).encode()
    metadata = b"%b%b%08x%b" % (_SEAL_PREFIX, _SEAL_ZERO, zlib.crc32(text), text)
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", metadata={"mismartera": metadata.decode()})
    content = bytearray(buffer.getvalue())
    at = _seal_position(content)
    content[at : at + _DIGITS] = b"%08x" % _checksum(content, at, identity)
    return bytes(content)


def broken_seal(content: bytes, identity: str) -> str | None:
    """Why `content` is not the whole file sealed for `identity`; None if it is."""
    if not content:
        return "the file is empty"
    at = _seal_position(content)
    if at < 0:
        return "the file is cut short, or was not written by this store"
    if content[at : at + _DIGITS] != b"%08x" % _checksum(content, at, identity):
        return "the file's checksum does not match its content"
    return None


def read_facts(path: Path) -> dict[str, Any]:
    """The facts sealed into a file, from its last bytes alone: the rest is not checked.

    Raises:
        DataError: if the footer is damaged.
        FileNotFoundError: if there is no such file.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _SEAL_SPAN))
        tail = file.read()
    at = _seal_position(tail) + _DIGITS
    text = tail[at + _DIGITS :].decode("ascii", errors="replace")
    try:
        facts, length = json.JSONDecoder().raw_decode(text)
    except ValueError:
        facts, length = {}, 0
    if at < _DIGITS or tail[at : at + _DIGITS] != b"%08x" % zlib.crc32(text[:length].encode()):
        raise DataError("the file's footer is damaged")
    return dict(facts)


def replace_file(path: Path, content: bytes) -> None:
    """Make `content` the file at `path`: afterwards, even after a crash, it is old or new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _flush_folder(path.parent)


def remove_file(path: Path) -> None:
    """Remove the file at `path`: afterwards, even after a crash, it is there whole or gone."""
    path.unlink()
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
    return start if at >= 0 and start + _DIGITS <= len(content) else -1


def _checksum(content: bytes | bytearray, at: int, identity: str) -> int:
    """CRC-32 over the place's name and every byte of the file, the seal's digits taken as zero."""
    view = memoryview(content)
    parts = (view[:at], _SEAL_ZERO, view[at + _DIGITS :])
    checksum = zlib.crc32(identity.encode())
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum
