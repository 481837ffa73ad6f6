"""A process that writes rows one commit at a time, and says of each when it is acknowledged."""

from multiprocessing.connection import Connection
from uuid import uuid4

from app.core.administration import AuditEntry
from app.models.database import session_factory
from app.repositories.unit_of_work import UnitOfWork
from tests.system_fixtures import utc


def write_until_killed(database_url: str, acknowledged: Connection) -> None:
    """Commit entries of the audit log for ever; the id of each is sent after its commit."""
    while True:
        entry = AuditEntry(
            id=uuid4(),
            occurred_at=utc(2026, 3, 2),
            actor_id=None,
            actor="system",
            action="power.test",
            target=None,
            details={},
            address=None,
            request_id=None,
        )
        with UnitOfWork(session_factory(database_url)) as work:
            work.audit.add(entry)
        acknowledged.send_bytes(entry.id.bytes)
