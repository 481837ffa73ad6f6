"""Users, to and from the database."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import false, func, select, update
from sqlalchemy.orm import Session

from app.core.exceptions import DataNotFoundError
from app.core.paging import Page, PageRequest
from app.core.users import Role, User
from app.models.identity import UserRow
from app.repositories.listing import Listing, equals
from app.repositories.storing import refusing_copies


class UserRepository:
    """Adds, finds and changes users in the caller's unit of work; none is ever deleted."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def add(
        self, username: str, password_hash: str, *, role: Role, email: str | None = None
    ) -> User:
        """A new, active user. `password_hash` is Argon2id's; the database takes nothing else.

        Raises:
            ConflictError: the name or the address is taken.
        """
        row = UserRow(
            username=username.lower(),
            email=email and email.lower(),
            password_hash=password_hash,
            role=role.value,
            is_active=True,
        )
        self._db.add(row)
        with refusing_copies(f"a user {username.lower()} or one with that address exists already"):
            self._db.flush()
        return _user(row)

    def get(self, user_id: UUID) -> User:
        """The user with that id.

        Raises:
            DataNotFoundError: there is none.
        """
        return _user(self._row(user_id))

    def find(self, username: str) -> User | None:
        """The user of that name, in whatever case it is written, or None."""
        row = self._db.scalar(select(UserRow).where(UserRow.username == username.lower()))
        return None if row is None else _user(row)

    def password_hash(self, username: str) -> str | None:
        """What a password is checked against; None for a name that nobody active has."""
        active = (UserRow.username == username.lower(), UserRow.is_active)
        return self._db.scalar(select(UserRow.password_hash).where(*active))

    def list(self, limit: int = 100, *, after: str = "") -> tuple[User, ...]:
        """Users by name, those that come after the name `after`."""
        names = select(UserRow).where(UserRow.username > after.lower())
        rows = self._db.scalars(names.order_by(UserRow.username).limit(limit))
        return tuple(_user(row) for row in rows)

    def count(self, *, role: Role | None = None) -> int:
        """How many users are active, of all roles or of one."""
        query = select(func.count()).select_from(UserRow).where(UserRow.is_active)
        if role is not None:
            query = query.where(UserRow.role == role.value)
        return self._db.scalar(query) or 0

    def page(self, request: PageRequest) -> Page[User]:
        """Users, by name; filters `role` and `is_active`."""
        return _USERS.page(self._db, request)

    def lock(self, user_id: UUID) -> User:
        """The user as it is now, whom nobody else changes until this unit of work ends.

        SQLite locks no rows, and lets others write until this unit of work writes itself: so
        that is begun here, before the user is read.

        Raises:
            DataNotFoundError: there is none.
        """
        self._become_writer()
        row = self._db.get(UserRow, user_id, with_for_update=True, populate_existing=True)
        if row is None:
            raise DataNotFoundError(f"there is no user {user_id}")
        return _user(row)

    def lock_admins(self) -> None:
        """Let nobody else change an active admin until this unit of work ends; as `lock`."""
        self._become_writer()
        admins = select(UserRow.id).where(UserRow.is_active, UserRow.role == Role.ADMIN.value)
        self._db.scalars(admins.order_by(UserRow.id).with_for_update()).all()

    def set_password_hash(self, user_id: UUID, password_hash: str) -> None:
        """Change the password; `password_hash` as for `add`."""
        self._change(user_id, password_hash=password_hash)

    def set_role(self, user_id: UUID, role: Role) -> User:
        """Change what a user may do."""
        return self._change(user_id, role=role.value)

    def set_active(self, user_id: UUID, *, active: bool) -> User:
        """Let a user log in, or no longer."""
        return self._change(user_id, is_active=active)

    def note_login(self, user_id: UUID, at: datetime) -> User:
        """Remember that a user logged in at `at`."""
        return self._change(user_id, last_login_at=at)

    def _become_writer(self) -> None:
        """On SQLite, be its one writer from now on; changes no row."""
        if self._db.get_bind().dialect.name == "sqlite":
            nobody = update(UserRow).where(false()).values(is_active=UserRow.is_active)
            self._db.execute(nobody, execution_options={"synchronize_session": False})

    def _change(self, user_id: UUID, **values: object) -> User:
        row = self._row(user_id)
        for name, value in values.items():
            setattr(row, name, value)
        self._db.flush()
        return _user(row)

    def _row(self, user_id: UUID) -> UserRow:
        row = self._db.get(UserRow, user_id)
        if row is None:
            raise DataNotFoundError(f"there is no user {user_id}")
        return row


def _user(row: UserRow) -> User:
    return User(
        id=row.id,
        username=row.username,
        email=row.email,
        role=Role(row.role),
        is_active=row.is_active,
        created_at=row.created_at,
        last_login_at=row.last_login_at,
    )


_USERS = Listing(
    row=UserRow,
    value=_user,
    sorts={"username": UserRow.username},
    conditions={"role": equals(UserRow.role), "is_active": equals(UserRow.is_active)},
    default_sort="username",
)
