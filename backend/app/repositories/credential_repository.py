"""API keys and refresh tokens, by the hashes of their secrets, to and from the database."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from app.core.exceptions import DataNotFoundError
from app.core.paging import Page, PageRequest
from app.core.users import ApiKey, RefreshToken
from app.models.identity import ApiKeyRow, RefreshTokenRow, UserRow
from app.repositories.listing import Listing, equals
from app.repositories.storing import refusing_copies


class ApiKeyRepository:
    """Adds, finds and revokes API keys in the caller's unit of work."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def add(
        self,
        user_id: UUID,
        name: str,
        *,
        prefix: str,
        key_hash: str,
        scopes: Iterable[str],
        expires_at: datetime | None = None,
    ) -> ApiKey:
        """A new key of a user. `key_hash` is SHA-256 in hexadecimal, `prefix` at most 12 letters.

        Raises:
            ConflictError: the user has a key of that name, or the key is not new.
        """
        row = ApiKeyRow(
            user_id=user_id,
            name=name,
            prefix=prefix,
            key_hash=key_hash,
            scopes=sorted(set(scopes)),
            expires_at=expires_at,
        )
        self._db.add(row)
        with refusing_copies(f"an API key {name!r} of this user exists already"):
            self._db.flush()
        return _api_key(row)

    def find(self, key_hash: str, now: datetime) -> ApiKey | None:
        """The key, if it opens anything at `now`: not expired, not revoked, its user active."""
        row = self._db.scalar(
            select(ApiKeyRow)
            .join(UserRow, UserRow.id == ApiKeyRow.user_id)
            .where(ApiKeyRow.key_hash == key_hash, UserRow.is_active)
        )
        key = None if row is None else _api_key(row)
        return key if key is not None and key.is_usable(now) else None

    def of_user(self, user_id: UUID) -> tuple[ApiKey, ...]:
        """A user's keys by name, revoked ones included."""
        rows = self._db.scalars(
            select(ApiKeyRow).where(ApiKeyRow.user_id == user_id).order_by(ApiKeyRow.name)
        )
        return tuple(_api_key(row) for row in rows)

    def get(self, key_id: UUID) -> ApiKey:
        """The key with that id, usable or not.

        Raises:
            DataNotFoundError: there is none.
        """
        return _api_key(self._row(key_id))

    def page(self, request: PageRequest) -> Page[ApiKey]:
        """Keys, newest first, revoked ones included; filter `user_id`."""
        return _API_KEYS.page(self._db, request)

    def note_use(self, key_id: UUID, at: datetime) -> None:
        """Remember that a key was used at `at`."""
        self._db.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(last_used_at=at))

    def revoke(self, key_id: UUID, at: datetime) -> ApiKey:
        """Close a key for ever; one that is revoked already keeps its time.

        Raises:
            DataNotFoundError: there is no such key.
        """
        row = self._row(key_id)
        row.revoked_at = row.revoked_at or at
        self._db.flush()
        return _api_key(row)

    def _row(self, key_id: UUID) -> ApiKeyRow:
        row = self._db.get(ApiKeyRow, key_id)
        if row is None:
            raise DataNotFoundError(f"there is no API key {key_id}")
        return row


class RefreshTokenRepository:
    """Adds, exchanges and revokes refresh tokens in the caller's unit of work."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def add(
        self, user_id: UUID, *, family_id: UUID, token_hash: str, expires_at: datetime
    ) -> RefreshToken:
        """A new token of a login. `token_hash` is SHA-256 in hexadecimal.

        Raises:
            ConflictError: the token is not new.
        """
        row = RefreshTokenRow(
            user_id=user_id, family_id=family_id, token_hash=token_hash, expires_at=expires_at
        )
        self._db.add(row)
        with refusing_copies("a refresh token was made twice"):
            self._db.flush()
        return _refresh_token(row)

    def use(self, token_hash: str, now: datetime) -> RefreshToken | None:
        """Exchange a token, which works once; None if it is unknown, expired, revoked or used.

        One that comes a second time was stolen, from its owner or by its owner's thief: its
        whole family is revoked. Of two exchanges at the same time one wins.
        """
        known = RefreshTokenRow.token_hash == token_hash
        fresh = (
            RefreshTokenRow.used_at.is_(None),
            RefreshTokenRow.revoked_at.is_(None),
            RefreshTokenRow.expires_at > now,
        )
        taking = update(RefreshTokenRow).where(known, *fresh).values(used_at=now)
        taken = self._db.scalar(taking.returning(RefreshTokenRow))
        if taken is not None:
            return _refresh_token(taken)
        row = self._db.scalar(select(RefreshTokenRow).where(known, ~fresh[0]))
        if row is not None:
            self.revoke_family(row.family_id, now)
        return None

    def find(self, token_hash: str) -> RefreshToken | None:
        """The token, whether it can be exchanged or not."""
        row = self._db.scalar(
            select(RefreshTokenRow).where(RefreshTokenRow.token_hash == token_hash)
        )
        return None if row is None else _refresh_token(row)

    def open_families(self, user_id: UUID) -> frozenset[UUID]:
        """The logins of a user that were not ended."""
        open_ones = (RefreshTokenRow.user_id == user_id, RefreshTokenRow.revoked_at.is_(None))
        return frozenset(self._db.scalars(select(RefreshTokenRow.family_id).where(*open_ones)))

    def families_revoked_since(self, since: datetime) -> Mapping[UUID, datetime]:
        """The logins that were ended at `since` or later, and when."""
        ended = select(RefreshTokenRow.family_id, func.max(RefreshTokenRow.revoked_at))
        rows = self._db.execute(
            ended.where(RefreshTokenRow.revoked_at >= since).group_by(RefreshTokenRow.family_id)
        )
        return {family: at for family, at in rows if at is not None}

    def revoke_family(self, family_id: UUID, at: datetime) -> int:
        """End one login; how many tokens were still open."""
        return self._revoke(RefreshTokenRow.family_id == family_id, at)

    def revoke_user(self, user_id: UUID, at: datetime) -> int:
        """End every login of a user; how many tokens were still open."""
        return self._revoke(RefreshTokenRow.user_id == user_id, at)

    def delete_expired(self, before: datetime) -> int:
        """Remove the tokens that expired before `before`; how many there were."""
        old = delete(RefreshTokenRow).where(RefreshTokenRow.expires_at < before)
        return len(self._db.scalars(old.returning(RefreshTokenRow.id)).all())

    def _revoke(self, which: ColumnElement[bool], at: datetime) -> int:
        open_ones = update(RefreshTokenRow).where(which, RefreshTokenRow.revoked_at.is_(None))
        revoked = open_ones.values(revoked_at=at).returning(RefreshTokenRow.id)
        return len(self._db.scalars(revoked).all())


def _api_key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        prefix=row.prefix,
        scopes=tuple(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _refresh_token(row: RefreshTokenRow) -> RefreshToken:
    return RefreshToken(
        id=row.id,
        user_id=row.user_id,
        family_id=row.family_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )


_API_KEYS = Listing(
    row=ApiKeyRow,
    value=_api_key,
    sorts={"created_at": ApiKeyRow.created_at},
    conditions={"user_id": equals(ApiKeyRow.user_id)},
    default_sort="-created_at",
)
