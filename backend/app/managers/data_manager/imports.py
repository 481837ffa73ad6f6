"""Imports that go on in the background: started, looked at, and bounded in size and number."""

import fcntl
import gzip
import os
import re
import shutil
import zlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final
from uuid import UUID, uuid4

from loguru import logger

from app.core.exceptions import (
    DataError,
    DataNotFoundError,
    RateLimitedError,
    TradingError,
)
from app.managers.data_manager.api import zone_name
from app.managers.data_manager.markets import Markets
from app.managers.time_manager.clock import Clock
from app.services.market_data.csv_import import ImportSummary
from app.services.market_data.parquet_source import open_parquet
from app.services.market_data.symbol_folders import require_symbol

_KEPT: Final = 200
_CHUNK: Final = 1 << 20
_RETRY_S: Final = 5.0
_ROW_BYTES: Final = 6 * 8
"""A time, four prices and a volume, as they are held while a file is imported."""
_THE_FILE: Final = "the file"
_OURS: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Reception:
    """A place among the imports that may go on, and where its file is to be written."""

    id: UUID
    folder: Path

    @property
    def file(self) -> Path:
        """Never named by whom it came from."""
        return self.folder / "received"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """What is to be made of a file: as for `DataManager.import_from_csv`."""

    exchange_group: str
    symbol: str | None
    timezone: str | None
    columns: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class BackgroundImport:
    """One import: how far it is, then what came of it.

    `fraction` goes from 0 to 1. `outcome` holds the summary, or the error that ended it.
    """

    id: UUID
    order: ImportOrder
    started_ns: int
    fraction: float = 0.0
    doing: str = "unpacking"
    outcome: Future[ImportSummary] = field(default_factory=Future)

    def end(self, done: Future[ImportSummary]) -> None:
        """Take over what came of it; what nobody expected goes to the log too."""
        error = done.exception()
        if error is None:
            self.outcome.set_result(done.result())
            return
        if not isinstance(error, TradingError):
            logger.opt(exception=error).error("import {}", self.id)
        self.outcome.set_exception(error)

    @property
    def error(self) -> BaseException | None:
        """Why it failed; None while it goes on, and if it did not."""
        return self.outcome.exception() if self.outcome.done() else None

    @property
    def summary(self) -> ImportSummary | None:
        """What became of the file; None while it goes on, and if it failed."""
        return self.outcome.result() if self.outcome.done() and self.error is None else None


class Imports:
    """Takes files into folders of their own, imports them in threads, and removes them.

    At most `at_once` are received or go on at any moment: who brings one asks for a place before
    the file is sent. Of those that are over the last 200 can be looked at, until the process ends.
    """

    def __init__(
        self, markets: Markets, folder: Path, *, clock: Clock, most_bytes: int, at_once: int
    ) -> None:
        self._markets = markets
        self._folder = folder
        self._clock = clock
        self._most_bytes = most_bytes
        self._at_once = at_once
        self._receiving: set[UUID] = set()
        self._imports: dict[UUID, BackgroundImport] = {}
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="import")
        self._is_closing = False
        self._claim: int | None = None

    def open(self) -> None:
        """Remove what a process that died left behind, unless another one works in the folder."""
        self._is_closing = False
        if self._claim is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._claim = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(self._claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("{} is in use by another process: nothing is removed", self._folder)
        else:
            self._sweep()
        fcntl.flock(self._claim, fcntl.LOCK_SH)

    def close(self, deadline_s: float) -> bool:
        """End what goes on at its next step; False if that takes longer than `deadline_s`."""
        self._is_closing = True
        with self._lock:
            going = [each.outcome for each in self._imports.values() if not each.outcome.done()]
        left = wait(going, deadline_s).not_done
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None
        return not left

    def admit(self) -> Reception:
        """Take a place for a file that is about to come; `release` or `start` gives it back.

        Raises:
            RateLimitedError: as many imports as may are going on.
        """
        with self._lock:
            going = sum(not each.outcome.done() for each in self._imports.values())
            going += len(self._receiving)
            if going >= self._at_once:
                raise RateLimitedError(
                    f"{going} imports are going on, more than {self._at_once} at once may not: "
                    "try again when one is over",
                    _RETRY_S,
                )
            admitted = uuid4()
            self._receiving.add(admitted)
        return Reception(admitted, self._folder / admitted.hex)

    def release(self, reception: Reception) -> None:
        """Give the place back and remove what was received; nothing if the import has begun."""
        with self._lock:
            if reception.id not in self._receiving:
                return
        shutil.rmtree(reception.folder, ignore_errors=True)
        with self._lock:
            self._receiving.discard(reception.id)

    def start(self, reception: Reception, order: ImportOrder) -> BackgroundImport:
        """Begin to import what was written to the file of `reception`.

        Raises:
            ConfigurationError: the symbol, zone or exchange of `order` cannot be.
        """
        self._markets.of(order.exchange_group)
        if order.symbol is not None:
            require_symbol(order.symbol)
        if order.timezone is not None:
            zone_name(order.timezone)
        begun = BackgroundImport(id=reception.id, order=order, started_ns=self._clock.now_ns())
        with self._lock:
            self._receiving.remove(reception.id)
            self._forget_oldest()
            self._imports[begun.id] = begun
        self._threads.submit(self._work, begun, reception).add_done_callback(begun.end)
        return begun

    def get(self, import_id: UUID) -> BackgroundImport:
        """One import.

        Raises:
            DataNotFoundError: there is none of that id, or it was long ago.
        """
        found = self._imports.get(import_id)
        if found is None:
            raise DataNotFoundError(f"there is no import {import_id}; it may be long over")
        return found

    def _forget_oldest(self) -> None:
        over = [key for key, each in self._imports.items() if each.outcome.done()]
        for key in over[: max(0, len(self._imports) - _KEPT + 1)]:
            del self._imports[key]

    def _sweep(self) -> None:
        ours = {each.hex for each in (*self._receiving, *self._imports)}
        left = [each for each in self._folder.iterdir() if _OURS.fullmatch(each.name)]
        for folder in left:
            if folder.name not in ours:
                shutil.rmtree(folder, ignore_errors=True)
                logger.warning("removed {}: its import was cut off", folder)

    def _work(self, begun: BackgroundImport, reception: Reception) -> ImportSummary:
        try:
            return self._import(begun, reception.file)
        finally:
            shutil.rmtree(reception.folder, ignore_errors=True)

    def _import(self, begun: BackgroundImport, received: Path) -> ImportSummary:
        def told(fraction: float, doing: str) -> None:
            if self._is_closing and fraction < 1.0:
                raise DataError(
                    f"the server ended while it was {doing}; import {_THE_FILE} again: what is "
                    "stored already stays as it is"
                )
            begun.fraction, begun.doing = fraction, doing

        told(0.0, "unpacking")
        path = unpacked(received, most_bytes=self._most_bytes)
        order = begun.order
        try:
            if path.suffix == ".parquet":
                self._require_small(open_parquet(path, order.columns).size(most=self._most_bytes))
            else:
                self._require_small(_lines_of(path) * _ROW_BYTES)
            return self._markets.of(order.exchange_group).import_from_csv(
                path,
                symbol=order.symbol,
                timezone=order.timezone,
                columns=order.columns,
                progress=told,
            )
        except TradingError as error:
            message = str(error).replace(str(path), _THE_FILE)
            raise type(error)(message) from error

    def _require_small(self, size: int) -> None:
        if size > self._most_bytes:
            raise _too_large(self._most_bytes)


def unpacked(received: Path, *, most_bytes: int) -> Path:
    """A file as one that can be imported: its kind found by its content, .gz unpacked beside it.

    Raises:
        DataError: damaged, or more than `most_bytes` unpacked: a small file may hold a large one.
    """
    with received.open("rb") as file:
        begin = file.read(4)
    if begin == b"PAR1":
        return received.rename(received.with_suffix(".parquet"))
    path = received.with_suffix(".csv")
    if begin[:2] != b"\x1f\x8b":
        return received.rename(path)
    try:
        with gzip.open(received) as packed, path.open("wb") as file:
            while chunk := packed.read(_CHUNK):
                if file.tell() + len(chunk) > most_bytes:
                    raise _too_large(most_bytes)
                file.write(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{_THE_FILE} is damaged ({error}); fetch it again") from error
    return path


def _lines_of(path: Path) -> int:
    """Lines of a text, with whatever line ends; however short, each is held as a row."""
    ends = returns = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            ends += chunk.count(b"\n")
            returns += chunk.count(b"\r")
    return max(ends, returns)


def _too_large(most_bytes: int) -> DataError:
    return DataError(
        f"{_THE_FILE} holds more than {most_bytes >> 20} MiB unpacked, or than "
        f"{most_bytes // _ROW_BYTES:,} rows; import it in parts, or on "
        "the server with data import-csv"
    )
