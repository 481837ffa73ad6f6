"""Access tokens: signed, short-lived statements of who is asking (JWT, RFC 7519)."""

from dataclasses import dataclass
from uuid import UUID

import jwt

from app.core.exceptions import AuthenticationError
from app.core.types import SECOND_NS
from app.core.users import Principal, Role

ALGORITHM = "HS256"
AUDIENCE = "mismartera-api"
ISSUER = "mismartera"
_CLAIMS = ("exp", "iat", "sub", "aud", "iss", "name", "role", "login")
_REMEDY = "log in, or exchange the refresh token for a new access token"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokens:
    """Makes access tokens and reads them back; `secret` is at least 32 bytes.

    The algorithm is pinned: what a token's header says of it decides nothing.
    """

    secret: str
    life_s: int

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
