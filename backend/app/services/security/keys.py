"""Long random secrets: API keys, refresh tokens and invitations, stored by their hash alone."""

import hmac
import secrets
from hashlib import sha256

KEY_PREFIX = "mm_"
SHOWN = 12
"""How much of an API key its owner may see again."""


def new_api_key() -> str:
    """A key of 256 random bits, with a beginning that secret scanners can look for."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def new_refresh_token() -> str:
    """A token of 256 random bits."""
    return secrets.token_urlsafe(32)


def new_invitation() -> str:
    """A token of 256 random bits that its holder registers with."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """SHA-256 in hexadecimal: enough for a secret that is itself random and long."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def derived_key(secret: str, purpose: str) -> bytes:
    """A key of 256 bits for one purpose, from which neither `secret` nor other keys are known.

    HMAC-SHA-256 of the purpose (the expansion of RFC 5869 by one block; `secret` is random).
    """
    return hmac.digest(secret.encode(), purpose.encode() + b"\x01", "sha256")
