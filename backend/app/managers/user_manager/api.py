"""UserManager: who may use the platform, and who is asking."""

from app.config.settings import Settings
from app.core.users import Principal
from app.managers.time_manager.clock import Clock
from app.managers.user_manager.accounts import Accounts
from app.managers.user_manager.api_keys import ApiKeys
from app.managers.user_manager.invitations import Invitations
from app.managers.user_manager.logins import Logins
from app.managers.user_manager.record import Record


class UserManager:
    """The façade of users, logins and API keys; every change is in the audit log.

    Attributes:
        accounts: who is a user, in which role, with which password.
        logins: from a password to tokens, and their end.
        invitations: how somebody becomes a user.
        keys: how programs speak for a user.
    """

    def __init__(self, settings: Settings, *, clock: Clock) -> None:
        record = Record(settings=settings, clock=clock)
        self.logins = Logins(record)
        self.accounts = Accounts(record, self.logins)
        self.invitations = Invitations(record)
        self.keys = ApiKeys(record)

    def start(self) -> None:
        """Be ready to say who is asking; called once, before the first request.

        Raises:
            ConfigurationError: the secret is too short, or there is no database.
        """
        self.logins.recall()

    def first_admin_token(self) -> str | None:
        """A token to register the first user with, as admin; None if there is a user already."""
        return self.invitations.first_admin_token()

    # ── who is asking ────────────────────────────────────────────────────────

    def read_access_token(self, token: str) -> Principal:
        """Who an access token speaks for; looks nothing up.

        Raises:
            AuthenticationError: it is not ours, was changed, has expired, or its login is over.
        """
        return self.logins.read(token)

    def read_api_key(self, key: str) -> Principal:
        """Who an API key speaks for, in the role its scopes leave of the user's.

        Raises:
            AuthenticationError: it is unknown, revoked or expired, or its user may not log in.
        """
        return self.keys.read(key)
