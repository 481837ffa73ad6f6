"""Strategies that are known, their life, and what happened to them."""

import json
from datetime import datetime
from hashlib import sha256
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.exceptions import DataNotFoundError
from app.core.trading_record import (
    Lifecycle,
    StrategyDefinition,
    StrategyEvent,
    StrategyRecord,
)
from app.models.strategy_record import StrategyEventRow, StrategyRow
from app.repositories.storing import adding_unless_known


class StrategyRepository:
    """Reads and writes strategies in the caller's unit of work."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def require(self, definition: StrategyDefinition, time: datetime) -> StrategyRecord:
        """The strategy defined so; added, in RESEARCH, if there is none yet.

        Of two runs that add it at the same time one does; the other waits for its commit.
        """
        fingerprint = fingerprint_of(definition)
        by_key = StrategyRow.name == definition.name, StrategyRow.fingerprint == fingerprint
        known = select(StrategyRow).where(*by_key)
        row = self._db.scalar(known)
        if row is None:
            self._add(definition, fingerprint, time)
            row = self._db.scalars(known).one()
        return strategy_of(row)

    def _add(self, definition: StrategyDefinition, fingerprint: str, time: datetime) -> None:
        """Add a strategy, and that it was, unless another unit of work does so."""
        adding = adding_unless_known(self._db, StrategyRow, "name", "fingerprint").values(
            id=uuid4(),
            name=definition.name,
            class_=definition.class_,
            parameters=dict(definition.parameters),
            timeframe=definition.timeframe,
            fingerprint=fingerprint,
            lifecycle="RESEARCH",
        )
        added = self._db.scalar(adding.returning(StrategyRow.id))
        if added is not None:
            self.add_event(added, time, "created", f"{definition.name} is known from now on")

    def get(self, strategy_id: UUID) -> StrategyRecord:
        """The strategy with that id.

        Raises:
            DataNotFoundError: there is none.
        """
        return strategy_of(self._row(strategy_id))

    def list(self, *, lifecycle: Lifecycle | None = None) -> tuple[StrategyRecord, ...]:
        """The known strategies by name, then by when they became known."""
        query = select(StrategyRow).order_by(
            StrategyRow.name, StrategyRow.created_at, StrategyRow.id
        )
        if lifecycle is not None:
            query = query.where(StrategyRow.lifecycle == lifecycle)
        return tuple(strategy_of(row) for row in self._db.scalars(query))

    def set_lifecycle(self, strategy_id: UUID, lifecycle: Lifecycle, time: datetime) -> None:
        """Move a strategy to another part of its life, and keep that it was.

        Raises:
            DataNotFoundError: there is none with that id.
        """
        row = self._row(strategy_id)
        before, row.lifecycle = row.lifecycle, lifecycle
        self._db.flush()
        self.add_event(strategy_id, time, "lifecycle", f"from {before} to {lifecycle}")

    def set_regime_notes(self, strategy_id: UUID, notes: str | None) -> None:
        """Say in which markets a strategy is meant to trade.

        Raises:
            DataNotFoundError: there is none with that id.
        """
        self._row(strategy_id).regime_notes = notes
        self._db.flush()

    def add_event(
        self,
        strategy_id: UUID,
        time: datetime,
        kind: str,
        message: str,
        *,
        run_id: UUID | None = None,
    ) -> None:
        """Keep that something happened to a strategy: created, lifecycle, note or ended."""
        self._db.add(
            StrategyEventRow(
                strategy_id=strategy_id, run_id=run_id, time_at=time, kind=kind, message=message
            )
        )
        self._db.flush()

    def events(self, strategy_id: UUID) -> tuple[StrategyEvent, ...]:
        """What happened to a strategy, oldest first."""
        rows = self._db.scalars(
            select(StrategyEventRow)
            .where(StrategyEventRow.strategy_id == strategy_id)
            .order_by(StrategyEventRow.time_at, StrategyEventRow.id)
        )
        return tuple(event_of(row) for row in rows)

    def _row(self, strategy_id: UUID) -> StrategyRow:
        row = self._db.get(StrategyRow, strategy_id)
        if row is None:
            raise DataNotFoundError(f"there is no strategy {strategy_id}")
        return row


def fingerprint_of(definition: StrategyDefinition) -> str:
    """SHA-256 of class, timeframe and parameters: equal for equal definitions."""
    parts = [definition.class_, definition.timeframe, dict(definition.parameters)]
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def strategy_of(row: StrategyRow) -> StrategyRecord:
    """A row as a value."""
    return StrategyRecord(
        id=row.id,
        definition=StrategyDefinition(
            name=row.name,
            class_=row.class_,
            parameters=row.parameters,
            timeframe=row.timeframe,
        ),
        lifecycle=row.lifecycle,  # type: ignore[arg-type]  # one of them, says the database
        regime_notes=row.regime_notes,
    )


def event_of(row: StrategyEventRow) -> StrategyEvent:
    """A row as a value."""
    return StrategyEvent(
        id=row.id,
        strategy_id=row.strategy_id,
        run_id=row.run_id,
        time=row.time_at,
        kind=row.kind,
        message=row.message,
    )
