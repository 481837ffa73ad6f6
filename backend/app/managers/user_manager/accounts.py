"""Accounts: who becomes a user, what each may do, and with which password."""

from collections.abc import Mapping
from uuid import UUID

from app.core.administration import Origin
from app.core.exceptions import (
    ConflictError,
    DataNotFoundError,
    PermissionDeniedError,
)
from app.core.paging import Page, PageRequest
from app.core.users import Invitation, Principal, Role, User
from app.managers.user_manager.logins import Logins, replace_actor
from app.managers.user_manager.names import require_email, require_username
from app.managers.user_manager.record import Record
from app.managers.user_manager.standing import (
    close_after_change,
    close_after_password,
    is_active_admin,
    require_admin_still,
)
from app.repositories.unit_of_work import UnitOfWork
from app.services.security.keys import secret_hash
from app.services.security.passwords import (
    hash_password,
    require_good_password,
    verify_password,
)

_NO_INVITATION = "the invitation is not valid, or not any more: ask an admin for a new one"


class Accounts:
    """Creates and changes users; none is ever deleted, for the audit log names them."""

    def __init__(self, record: Record, logins: Logins) -> None:
        self._record = record
        self._logins = logins

    def count(self) -> int:
        """How many active users there are."""
        with self._record.work() as work:
            return work.users.count()

    def get(self, user_id: UUID) -> User:
        """The user with that id.

        Raises:
            DataNotFoundError: there is none.
        """
        with self._record.work() as work:
            return work.users.get(user_id)

    def named(self, username: str) -> User:
        """The user of that name, in whatever case it is written.

        Raises:
            DataNotFoundError: there is none.
        """
        with self._record.work() as work:
            found = work.users.find(username)
        if found is None:
            raise DataNotFoundError(f"there is no user {username!r}: see `user list`")
        return found

    def page(self, request: PageRequest) -> Page[User]:
        """Users by name; filters `role` and `is_active`."""
        with self._record.work() as work:
            return work.users.page(request)

    def register(
        self, token: str, username: str, password: str, origin: Origin, *, email: str | None = None
    ) -> User:
        """Become a user, by an invitation and in its role.

        Raises:
            PermissionDeniedError: the invitation is unknown, used, revoked or expired, or who
                made it is no active admin any more.
            ConfigurationError: name, address or password cannot be taken.
            ConflictError: the name or the address is taken; the invitation still holds.
        """
        with self._record.work() as work:
            invitation = work.invitations.find(secret_hash(token), self._record.now())
            if invitation is None or not _holds(work, invitation, others=0):
                raise PermissionDeniedError(_NO_INVITATION)
        name, password_hash = self._checked(username, password)
        address = require_email(email)
        with self._record.work() as work:
            if not is_active_admin(work, invitation.invited_by):
                raise PermissionDeniedError(_NO_INVITATION)
            user = work.users.add(name, password_hash, role=invitation.role, email=address)
            used = work.invitations.use(invitation.id, user.id, self._record.now())
            if not used or not _holds(work, invitation, others=1):
                raise PermissionDeniedError(_NO_INVITATION)
            self._note(work, "user.register", user, replace_actor(origin, user))
        return user

    def create(
        self, username: str, password: str, role: Role, origin: Origin, *, email: str | None = None
    ) -> User:
        """Add an active user.

        Raises:
            PermissionDeniedError: who adds is no active admin any more.
            ConfigurationError: name, address or password cannot be taken.
            ConflictError: the name or the address is taken.
        """
        name, password_hash = self._checked(username, password)
        address = require_email(email)
        with self._record.work() as work:
            require_admin_still(work, origin)
            user = work.users.add(name, password_hash, role=role, email=address)
            self._note(work, "user.create", user, origin)
        return user

    def change(
        self,
        user_id: UUID,
        origin: Origin,
        *,
        role: Role | None = None,
        is_active: bool | None = None,
    ) -> User:
        """Change what a user may do, or whether the user may log in; None changes nothing.

        A change ends the user's logins: tokens of theirs still say what was. Open invitations of
        whoever gets a lesser role or is deactivated are revoked, and of the latter the API keys.

        Raises:
            PermissionDeniedError: who changes is no active admin any more.
            DataNotFoundError: there is no such user.
            ConflictError: nobody would be left to manage users.
        """
        with self._record.work() as work:
            work.users.lock_admins()
            require_admin_still(work, origin)
            before = after = work.users.lock(user_id)
            actions = []
            if role not in (None, before.role):
                after = work.users.set_role(user_id, Role(role))
                actions.append("user.role")
            if is_active not in (None, before.is_active):
                after = work.users.set_active(user_id, active=bool(is_active))
                actions.append(f"user.{'' if is_active else 'de'}activate")
            if after == before:
                return before
            _require_an_admin(work, before)
            closed = close_after_change(work, before, after, self._record.now())
            for action in actions:
                self._note(work, action, after, origin, closed)
            ended = self._logins.end_all(work, user_id)
        self._logins.ended(ended)
        return after

    def change_password(self, principal: Principal, current: str, new: str, origin: Origin) -> None:
        """Change one's own password; every other login of the user ends.

        Open invitations of the user and API keys of scope admin are revoked.

        Raises:
            PermissionDeniedError: `current` is wrong, or an API key speaks for the user.
            ConfigurationError: `new` cannot be taken.
            RateLimitedError: too many passwords were tried.
        """
        if principal.api_key_id is not None:
            raise PermissionDeniedError("an API key cannot change a password: log in")
        self._logins.count_attempt(principal.username, origin)
        with self._record.work() as work:
            stored = work.users.password_hash(principal.username)
        if not verify_password(current, stored)[0]:
            raise PermissionDeniedError("current_password: it is wrong")
        self._store_password(principal.user_id, new, origin, but=principal.login_id)

    def set_password(self, user_id: UUID, new: str, origin: Origin) -> User:
        """Give a user another password; every login of the user ends, and more as above.

        Raises:
            DataNotFoundError: there is no such user.
            ConfigurationError: it cannot be taken.
        """
        return self._store_password(user_id, new, origin, but=None)

    # ── insides ──────────────────────────────────────────────────────────────

    def _checked(self, username: str, password: str) -> tuple[str, str]:
        name = require_username(username)
        require_good_password(password, name)
        return name, hash_password(password)

    def _store_password(self, user_id: UUID, new: str, origin: Origin, *, but: UUID | None) -> User:
        require_good_password(new, self.get(user_id).username)
        password_hash = hash_password(new)
        with self._record.work() as work:
            user = work.users.lock(user_id)
            work.users.set_password_hash(user_id, password_hash)
            ended = self._logins.end_all(work, user_id, but=but)
            closed = close_after_password(work, user, self._record.now())
            self._note(work, "user.password", user, origin, closed)
        self._logins.ended(ended)
        return user

    def _note(
        self,
        work: UnitOfWork,
        action: str,
        user: User,
        origin: Origin,
        closed: Mapping[str, int] | None = None,
    ) -> None:
        details = {"role": user.role.value, "is_active": user.is_active, **(closed or {})}
        target = f"user:{user.username}"
        work.audit.add(origin.entry(action, target, self._record.now(), details))


def _holds(work: UnitOfWork, invitation: Invitation, *, others: int) -> bool:
    """Whether an invitation for the first user still finds no more than `others`."""
    return not invitation.is_for_first_user or work.users.count() <= others


def _require_an_admin(work: UnitOfWork, before: User) -> None:
    was_admin = before.is_active and before.role is Role.ADMIN
    if was_admin and work.users.count(role=Role.ADMIN) == 0:
        raise ConflictError(
            f"{before.username} is the last active admin: make another user admin first"
        )
