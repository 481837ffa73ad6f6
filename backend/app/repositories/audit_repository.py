"""The log of who changed what."""

from dataclasses import fields
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app.core.administration import AuditEntry
from app.core.paging import Page, PageRequest
from app.models.administration import AuditLogRow
from app.repositories.listing import Listing, before, equals, from_

_FIELDS = tuple(field.name for field in fields(AuditEntry))


class AuditRepository:
    """Adds to the log and reads it, in the caller's unit of work: a change and its entry are one.

    There is nothing here to change or remove an entry with, and the database refuses both.
    """

    def __init__(self, db: Session) -> None:
        self._db = db

    def add(self, entry: AuditEntry) -> None:
        """Store `entry`; its id must be new."""
        values = {name: getattr(entry, name) for name in _FIELDS}
        self._db.add(AuditLogRow(**values | {"details": dict(entry.details)}))
        self._db.flush()

    def page(self, request: PageRequest) -> Page[AuditEntry]:
        """Entries, newest first; filters `actor_id`, `action`, `from` and `to`, instants."""
        return _ENTRIES.page(self._db, request)

    def list(
        self,
        limit: int = 100,
        *,
        before: AuditEntry | None = None,
        actor_id: UUID | None = None,
        action: str | None = None,
    ) -> tuple[AuditEntry, ...]:
        """Entries, newest first: those older than `before`, of one user, of one action."""
        place = (AuditLogRow.occurred_at, AuditLogRow.id)
        query = select(AuditLogRow).order_by(*(column.desc() for column in place)).limit(limit)
        if before is not None:
            query = query.where(tuple_(*place) < tuple_(before.occurred_at, before.id))
        if actor_id is not None:
            query = query.where(AuditLogRow.actor_id == actor_id)
        if action is not None:
            query = query.where(AuditLogRow.action == action)
        return tuple(_entry(row) for row in self._db.scalars(query))


def _entry(row: AuditLogRow) -> AuditEntry:
    return AuditEntry(**{name: getattr(row, name) for name in _FIELDS})


_ENTRIES = Listing(
    row=AuditLogRow,
    value=_entry,
    sorts={"occurred_at": AuditLogRow.occurred_at},
    conditions={
        "actor_id": equals(AuditLogRow.actor_id),
        "action": equals(AuditLogRow.action),
        "from": from_(AuditLogRow.occurred_at),
        "to": before(AuditLogRow.occurred_at),
    },
    default_sort="-occurred_at",
)
