"""A run is kept: its rows in the record and its files, written at the same time."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Self

from loguru import logger
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.config.settings import Settings
from app.core.enums import OperationMode
from app.core.exceptions import DatabaseError, DatabaseUnavailableError
from app.core.run_record import RunRecord
from app.core.trading_record import RunTrading, StrategyDefinition
from app.managers.system_manager.played_run import PlayedRun
from app.managers.system_manager.wording import in_words
from app.models.database import session_factory
from app.models.session_config import AssetClass
from app.repositories.bulk import PATIENCE_S, patience, settle
from app.repositories.run_trading_repository import RunTradingRepository
from app.repositories.unit_of_work import UnitOfWork
from app.services.analytics.result import RunResult
from app.services.recording.outcome import Kept
from app.services.recording.run_trading import run_trading
from app.services.recording.signals import Seen
from app.services.reporting.files import keep_beside

_PRICE_STEPS = {AssetClass.EQUITY: 0.0001, AssetClass.CRYPTO: 1e-8}
"""The finest step prices are recorded in: what trades in equities are reported in, and coins."""

_MOST_BARS_BESIDE_ROWS = 500_000
"""Of a longer run the files are written first: from the first row to the commit nobody else can
write into SQLite, and the files of so many bars take a second."""

_NO_ROOM = ("disk is full", "No space left")


class Recorder:
    """Keeps a run: a context, around what is still to be said of it and `keep`.

    What is recorded is made and written in a thread of its own, ``Recorder``, from the moment
    the context is entered, while the caller's says what the run came to and writes the files:
    the database works outside the interpreter, and so does what formats and compresses the
    files. When the run is kept, the thread sees to the database's log, which nobody waits for.
    """

    def __init__(self, settings: Settings, run: PlayedRun, result: RunResult) -> None:
        self._settings = settings
        self._run = run
        self._result = result
        self._thread = ThreadPoolExecutor(1, "Recorder")

    def __enter__(self) -> Self:
        self._trading = self._thread.submit(make_trading, self._run, self._result)
        return self

    def __exit__(self, *_error: object) -> None:
        self._thread.submit(_settle, self._settings)
        self._thread.shutdown(wait=False)

    def keep(self, record: RunRecord) -> Path:
        """Record the run and write its files; the path of the validation file.

        One transaction holds all rows, and it is committed when the files are there as well: if
        they cannot be written, the record is as it was before and the run's folder goes again.
        If the rows alone cannot be, the folder stays: what took a day may be all there is of it.

        Raises:
            DatabaseError: the rows could not be written; it says what to do, and where the files
                are.
            OSError: a file could not be written.
            TradingError: likewise.
        """
        files = _Files(self._result, Path(record.folder), self._settings)
        try:
            if record.bars > _MOST_BARS_BESIDE_ROWS:
                files.write()
            with self._rows(record):
                return files.write()
        except Exception as error:  # whatever it was, the files are kept and it goes on
            if files.failed:
                raise
            files.write()
            logger.warning("the files of a run that was not recorded are in {}", record.folder)
            raise _not_recorded(record, error, f"its files are in {_place(record)}") from error

    @contextmanager
    def _rows(self, record: RunRecord) -> Iterator[None]:
        """Write the rows beside what the block does, and commit them when both are done."""
        work = UnitOfWork(session_factory(self._settings.database_url))
        with work, patience(work.db):
            rows = self._thread.submit(_write_rows, work, record, self._trading)
            try:
                yield
            finally:
                wait([rows])
            rows.result()


class _Files:
    """The files of a run: written once, all of them or none; `failed` if they could not be."""

    def __init__(self, result: RunResult, folder: Path, settings: Settings) -> None:
        self.failed = False
        self._folder = folder
        self._write = partial(write_files, result, folder, settings)
        self._path: Path | None = None

    def write(self) -> Path:
        """Write them, unless they are there; the path of the validation file."""
        if self._path is None:
            try:
                self._path = self._write()
            except BaseException:
                self.failed = True
                shutil.rmtree(self._folder, ignore_errors=True)
                raise
        return self._path


def add_unplayed(record: RunRecord, settings: Settings) -> None:
    """Record a run that was never begun: a row, and no files.

    Raises:
        DatabaseError: the rows could not be written.
    """
    try:
        with UnitOfWork(session_factory(settings.database_url)) as work:
            work.runs.add(record)
    except SQLAlchemyError as error:
        raise _not_recorded(record, error, "it has no files") from error


def _write_rows(work: UnitOfWork, record: RunRecord, trading: Future[RunTrading]) -> None:
    work.runs.add(record)
    RunTradingRepository(work.db).add(record.id, trading.result(), finished=record.finished_at)


def _settle(settings: Settings) -> None:
    """Let the database tidy up after itself; that it could not is mended by the next run."""
    try:
        if make_url(settings.database_url).get_backend_name() == "sqlite":
            with session_factory(settings.database_url)() as db:
                settle(db)
    except SQLAlchemyError as error:
        logger.debug("the database's log was not moved: {}", error)


def _not_recorded(record: RunRecord, error: Exception, files: str) -> DatabaseError:
    reason = _reason(error)
    return DatabaseError(
        f"the run {record.id} could not be recorded ({reason}): it has no rows, {files}; "
        f"{_remedy(record, error, reason)}"
    )


def _place(record: RunRecord) -> str:
    """Where the files are, as it may be told to those who are not to know the server's folders."""
    folder = Path(record.folder)
    return f"{folder.parent.name}/{folder.name} in DATA_DIR"


def _reason(error: Exception) -> str:
    if not isinstance(error, SQLAlchemyError | DatabaseError):
        return in_words(error)
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _remedy(record: RunRecord, error: Exception, reason: str) -> str:
    """What to do about it; a paper session cannot be run again, but its days can be."""
    if _is_our_fault(error):
        return "this is a fault of the program, please report it"
    again = "run it again"
    if record.mode != OperationMode.BACKTEST:
        again = "run its config.json as a backtest of its days to have its orders in the record"
    if "locked" in reason:
        return f"another program kept the database for {PATIENCE_S} s: end it, and {again}"
    if any(words in reason for words in _NO_ROOM):
        return f"make room on the disk, and {again}"
    if isinstance(error, DatabaseUnavailableError):
        return f"start the database, and {again}"
    return f"mend the database (`db check`), and {again}"


def _is_our_fault(error: Exception) -> bool:
    """Whether the rows are at fault and not the database: it refused one, or none was made.

    Drivers name their errors as PEP 249 does. A ``ProgrammingError`` is the driver's own word for
    a value it cannot hand over; what a server says of a missing table has a name of its own.
    """
    if not isinstance(error, SQLAlchemyError | DatabaseError):
        return True
    kind = type(getattr(error, "orig", None) or error.__cause__ or error)
    names = {each.__name__ for each in kind.__mro__}
    return bool(names & {"IntegrityError", "DataError"}) or kind.__name__ == "ProgrammingError"


def write_files(result: RunResult, folder: Path, settings: Settings) -> Path:
    """Write the run's folder and the per-bar validation file; the path of the latter.

    The next session of that name replaces the validation file; the folder keeps this one.
    """
    own = result.save_validation(folder / "validation.csv")
    result.save(folder)
    return keep_beside(own, settings.validation_dir / f"{result.name}.csv")


def make_trading(run: PlayedRun, result: RunResult) -> RunTrading:
    """What a run leaves in the record of trading."""
    plan, simulation = run.plan, run.simulation
    names = [entry.name for entry in plan.entries]
    return run_trading(
        result,
        strategies=[
            StrategyDefinition(
                name=declared.name,
                class_=declared.class_,
                parameters=simulation.parameters[declared.name],
                timeframe=str(simulation.parameters[declared.name]["interval"]),
            )
            for declared in plan.config.strategies
        ],
        ended=[
            (names.index(failure.name), failure.time_ns, in_words(failure.error))
            for failure in simulation.stepper.failures
        ],
        seen=[
            Seen(number, symbol, name, partial(source.as_of, simulation.data))
            for number, symbol, name, source in simulation.declared_indicators()
        ],
        kept=[
            Kept(source.key[0], str(source.key[1]), name, partial(source.as_of, simulation.data))
            for source, name in simulation.indicator_sources()
        ],
        mode=plan.config.mode.value,
        until_ns=simulation.clock.now_ns,
        price_step=_PRICE_STEPS[plan.config.asset_class],
    )
