"""Requests that may be sent twice and are done once, to and from the database."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.orm import Session

from app.core.idempotency import EarlierRequest, KeptAnswer, RequestKey
from app.models.idempotency import IdempotencyKeyRow
from app.repositories.storing import refusing_copies


class IdempotencyRepository:
    """Claims keys, keeps answers and finds them again, in the caller's unit of work."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def claim(
        self, request: RequestKey, *, server_id: UUID, now: datetime, expires_at: datetime
    ) -> None:
        """Take a request on; committed before its work begins. What has expired is removed.

        Raises:
            ConflictError: it was taken on before; `find` says what became of it.
        """
        self._db.execute(delete(IdempotencyKeyRow).where(IdempotencyKeyRow.expires_at <= now))
        row = IdempotencyKeyRow(
            user_id=request.user_id,
            route=request.route,
            key=_stored_key(request),
            server_id=server_id,
            expires_at=expires_at,
        )
        self._db.add(row)
        with refusing_copies(f"a request with Idempotency-Key {request.key} was taken on before"):
            self._db.flush()

    def find(self, request: RequestKey) -> EarlierRequest | None:
        """The request, if it was taken on."""
        row = self._db.scalar(select(IdempotencyKeyRow).where(_named(request)))
        return None if row is None else EarlierRequest(server_id=row.server_id, answer=_answer(row))

    def keep(self, request: RequestKey, answer: KeptAnswer) -> None:
        """Keep what a claimed request was answered with."""
        self._db.execute(
            update(IdempotencyKeyRow)
            .where(_named(request))
            .values(
                fingerprint=answer.fingerprint,
                status=answer.status,
                content_type=answer.content_type,
                location=answer.location,
                body=answer.body,
            )
        )

    def release(self, request: RequestKey) -> None:
        """Forget a claimed request: nothing was done for it."""
        self._db.execute(delete(IdempotencyKeyRow).where(_named(request)))


def _named(request: RequestKey) -> ColumnElement[bool]:
    return and_(
        IdempotencyKeyRow.user_id == request.user_id,
        IdempotencyKeyRow.route == request.route,
        IdempotencyKeyRow.key == _stored_key(request),
    )


def _stored_key(request: RequestKey) -> str:
    """The key as a login chose it; with a blank, which none may have, and hashed for an API key."""
    if request.api_key_id is None:
        return request.key
    return " " + sha256(f"{request.api_key_id.hex} {request.key}".encode()).hexdigest()


def _answer(row: IdempotencyKeyRow) -> KeptAnswer | None:
    if row.status is None or row.fingerprint is None:
        return None
    return KeptAnswer(
        fingerprint=row.fingerprint,
        status=row.status,
        content_type=row.content_type,
        location=row.location,
        body=row.body,
    )
