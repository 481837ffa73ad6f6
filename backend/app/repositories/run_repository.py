"""Records of finished runs, to and from the database."""

from collections.abc import Collection
from dataclasses import fields
from uuid import UUID

from sqlalchemy import String, cast, delete, func, select
from sqlalchemy.orm import Session

from app.core.exceptions import ConfigurationError, DataNotFoundError
from app.core.run_record import RunRecord
from app.models.backtest_run import BacktestRunRow
from app.models.queued_run import QueuedRunRow

_WHOLE_KEY = 32
_FIELDS = tuple(field.name for field in fields(RunRecord))


class RunRepository:
    """Adds and finds runs in the caller's unit of work; a stored run never changes."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def add(self, record: RunRecord) -> None:
        """Store `record`, which is queued no longer; its id must be new."""
        values = {name: getattr(record, name) for name in _FIELDS}
        values["strategies"] = [dict(strategy) for strategy in record.strategies]
        values["symbols"] = list(record.symbols)
        for name in ("config", "metrics", "data_quality"):
            values[name] = dict(values[name])
        self._db.add(BacktestRunRow(**values))
        self._db.flush()
        self._db.execute(delete(QueuedRunRow).where(QueuedRunRow.id == record.id))

    def get(self, run_id: UUID | str) -> RunRecord:
        """The run with that id, or with the only id that begins with the text `run_id`.

        Raises:
            DataNotFoundError: there is none.
            ConfigurationError: several ids begin like that.
        """
        prefix = str(run_id).replace("-", "").lower()
        if not prefix or set(prefix) - set("0123456789abcdef"):
            raise ConfigurationError(f"run id {run_id!r} is not hexadecimal: see `run list`")
        if len(prefix) == _WHOLE_KEY and (row := self._db.get(BacktestRunRow, UUID(prefix))):
            return run_of(row)
        key = func.replace(cast(BacktestRunRow.id, String), "-", "")
        rows = self._db.scalars(select(BacktestRunRow).where(key.startswith(prefix)).limit(2)).all()
        if not rows:
            raise DataNotFoundError(f"there is no run {run_id}: see `run list`")
        if len(rows) > 1:
            raise ConfigurationError(f"several runs begin with {run_id}: give more of the id")
        return run_of(rows[0])

    def find(self, run_ids: Collection[UUID]) -> tuple[RunRecord, ...]:
        """Those of `run_ids` that are stored, in any order."""
        rows = self._db.scalars(select(BacktestRunRow).where(BacktestRunRow.id.in_(run_ids)))
        return tuple(run_of(row) for row in rows)

    def list(self, limit: int = 20) -> tuple[RunRecord, ...]:
        """The runs that finished last, newest first."""
        order = (BacktestRunRow.finished_at.desc(), BacktestRunRow.started_at.desc())
        rows = self._db.scalars(select(BacktestRunRow).order_by(*order).limit(limit))
        return tuple(run_of(row) for row in rows)


def run_of(row: BacktestRunRow) -> RunRecord:
    """A row as a value."""
    return RunRecord(**{name: getattr(row, name) for name in _FIELDS})
