"""Access tokens: signed, short-lived statements of who is asking (JWT, RFC 7519)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from uuid import UUID

import jwt

from app.core.exceptions import AuthenticationError, ConfigurationError
from app.core.types import SECOND_NS
from app.core.users import Principal, Role
from app.services.security.exposure import LEAST_BYTES

ALGORITHM = "HS256"
AUDIENCE = "mismartera-api"
ISSUER = "mismartera"
_CLAIMS = ("exp", "iat", "sub", "aud", "iss", "name", "role", "login")
_REMEDY = "log in, or exchange the refresh token for a new access token"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokens:
    """Makes access tokens and reads them back; `secret` is at least 32 bytes.

    The algorithm is pinned: what a token's header says of it decides nothing. A token has one
    spelling: base64 would let others pass, with other bits behind its end or signs it skips.

    Raises:
        ConfigurationError: the secret is shorter.
    """

    secret: str = field(repr=False)
    life_s: int

    def __post_init__(self) -> None:
        if len(self.secret.encode()) < LEAST_BYTES:
            raise ConfigurationError(
                f"SECRET_KEY: logins need one of {LEAST_BYTES} bytes or more; `make setup` writes "
                "one into backend/.env where there is none"
            )

    def issue(self, principal: Principal, now_ns: int) -> str:
        """A token of `principal`, true for `life_s` seconds from `now_ns`."""
        now_s = now_ns // SECOND_NS
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(principal.user_id),
            "name": principal.username,
            "role": principal.role.value,
            "login": str(principal.login_id),
            "iat": now_s,
            "exp": now_s + self.life_s,
        }
        return jwt.encode(claims, self.secret, ALGORITHM)

    def read(self, token: str, now_ns: int) -> Principal:
        """Who a token speaks for.

        Raises:
            AuthenticationError: it is not ours, was changed, or its time is over at `now_ns`.
        """
        try:
            _require_one_spelling(token)
            claims = jwt.decode(
                token,
                self.secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False},
            )
            if not int(claims["iat"]) <= now_ns // SECOND_NS < int(claims["exp"]):
                raise AuthenticationError(f"the access token has expired: {_REMEDY}")
            return Principal(
                user_id=UUID(claims["sub"]),
                username=str(claims["name"]),
                role=Role(claims["role"]),
                login_id=UUID(claims["login"]),
                api_key_id=None,
            )
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
            raise AuthenticationError(f"the access token is not valid: {_REMEDY}") from None


def _require_one_spelling(token: str) -> None:
    for part in token.split("."):
        decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
        if urlsafe_b64encode(decoded).decode().rstrip("=") != part:
            raise ValueError("not as it was written")
