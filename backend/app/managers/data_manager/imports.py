"""Imports that go on in the background: started, looked at, and bounded in size and number."""

import gzip
import shutil
import zlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final
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
from app.services.market_data.parquet_source import ParquetSource, open_parquet
from app.services.market_data.symbol_folders import require_symbol

_KEPT: Final = 200
_CHUNK: Final = 1 << 20
_RETRY_S: Final = 5.0
_THE_FILE: Final = "the file"


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
    doing: str = "receiving"
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

    A file is named by us, never by whom it came from. At most `at_once` go on at any moment; of
    those that are over the last 200 can be looked at, until the process ends.
    """

    def __init__(
        self, markets: Markets, folder: Path, *, clock: Clock, most_bytes: int, at_once: int
    ) -> None:
        self._markets = markets
        self._folder = folder
        self._clock = clock
        self._most_bytes = most_bytes
        self._at_once = at_once
        self._imports: dict[UUID, BackgroundImport] = {}
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="import")

    def start(self, source: BinaryIO, order: ImportOrder) -> BackgroundImport:
        """Copy `source` and begin to import it.

        Raises:
            ConfigurationError: the symbol, zone or exchange of `order` cannot be.
            RateLimitedError: as many imports as may are going on.
        """
        self._markets.of(order.exchange_group)
        if order.symbol is not None:
            require_symbol(order.symbol)
        if order.timezone is not None:
            zone_name(order.timezone)
        begun = self._admit(order)
        folder = self._folder / begun.id.hex
        try:
            folder.mkdir(parents=True)
            with (folder / "received").open("wb") as file:
                shutil.copyfileobj(source, file, _CHUNK)
        except OSError as error:
            begun.outcome.set_exception(error)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._threads.submit(self._work, begun, folder).add_done_callback(begun.end)
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

    def _admit(self, order: ImportOrder) -> BackgroundImport:
        with self._lock:
            going = sum(not each.outcome.done() for each in self._imports.values())
            if going >= self._at_once:
                raise RateLimitedError(
                    f"{going} imports are going on, more than {self._at_once} at once may not: "
                    "try again when one is over",
                    _RETRY_S,
                )
            begun = BackgroundImport(id=uuid4(), order=order, started_ns=self._clock.now_ns())
            over = [key for key, each in self._imports.items() if each.outcome.done()]
            for key in over[: max(0, len(self._imports) - _KEPT + 1)]:
                del self._imports[key]
            self._imports[begun.id] = begun
            return begun

    def _work(self, begun: BackgroundImport, folder: Path) -> ImportSummary:
        try:
            return self._import(begun, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _import(self, begun: BackgroundImport, folder: Path) -> ImportSummary:
        def told(fraction: float, doing: str) -> None:
            begun.fraction, begun.doing = fraction, doing

        told(0.0, "unpacking")
        path = unpacked(folder / "received", most_bytes=self._most_bytes)
        order = begun.order
        try:
            if path.suffix == ".parquet":
                self._require_small(open_parquet(path, order.columns))
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

    def _require_small(self, source: ParquetSource) -> None:
        if source.size() > self._most_bytes:
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


def _too_large(most_bytes: int) -> DataError:
    return DataError(
        f"{_THE_FILE} holds more than {most_bytes >> 20} MiB unpacked; import it in parts, or on "
        "the server with data import-csv"
    )
