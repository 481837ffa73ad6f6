"""Backtests that are not recorded yet, to and from the database."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.core.queued_run import QueuedRun
from app.models.backtest_run import BacktestRunRow
from app.models.queued_run import QueuedRunRow

_ORDER = (QueuedRunRow.submitted_at, QueuedRunRow.created_at, QueuedRunRow.id)


class QueuedRunRepository:
    """Keeps, hands over and removes requests for runs, in the caller's unit of work."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def add(self, run: QueuedRun, *, data_dir: str, server_id: UUID) -> None:
        """Keep a request in the queue of a server; its id must be new."""
        self._db.add(
            QueuedRunRow(
                id=run.id,
                data_dir=data_dir,
                server_id=server_id,
                submitted_at=run.submitted_at,
                config=dict(run.config),
                interruptions=run.interruptions,
            )
        )
        self._db.flush()

    def remove(self, run_id: UUID) -> None:
        """Forget a request, if there is one: its run is recorded, or will not be."""
        self._db.execute(delete(QueuedRunRow).where(QueuedRunRow.id == run_id))

    def of_server(self, server_id: UUID) -> tuple[QueuedRun, ...]:
        """The requests in the queue of a server, those asked for first at the front."""
        rows = select(QueuedRunRow).where(QueuedRunRow.server_id == server_id).order_by(*_ORDER)
        return tuple(map(_queued_run, self._db.scalars(rows)))

    def servers(self, data_dir: str) -> Sequence[UUID]:
        """The servers that have requests for runs on the bars of `data_dir`."""
        own = QueuedRunRow.data_dir == data_dir
        return self._db.scalars(select(QueuedRunRow.server_id).where(own).distinct()).all()

    def hand_over(self, old: UUID, new: UUID, *, interrupted: bool) -> None:
        """Move all requests of a server that is no more to another one.

        `interrupted` says that it was killed: then its first one is counted as cut off. What is
        recorded already is forgotten.
        """
        mine = QueuedRunRow.server_id == old
        recorded = select(BacktestRunRow.id)
        self._db.execute(delete(QueuedRunRow).where(mine, QueuedRunRow.id.in_(recorded)))
        first = self._db.scalar(select(QueuedRunRow.id).where(mine).order_by(*_ORDER).limit(1))
        if interrupted and first is not None:
            more = {"interruptions": QueuedRunRow.interruptions + 1}
            self._db.execute(update(QueuedRunRow).where(QueuedRunRow.id == first).values(more))
        self._db.execute(update(QueuedRunRow).where(mine).values(server_id=new))


def _queued_run(row: QueuedRunRow) -> QueuedRun:
    return QueuedRun(
        id=row.id,
        config=row.config,
        submitted_at=row.submitted_at,
        interruptions=row.interruptions,
    )
