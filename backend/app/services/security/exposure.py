"""Whether an installation may be served at an address: who could reach it, and with what."""

from ipaddress import ip_address

from app.config.settings import Settings
from app.core.exceptions import ConfigurationError

LEAST_BYTES = 32
"""HS256 wants a key no shorter than its hash (RFC 7518, section 3.2)."""
LEAST_DISTINCT = 10
"""A random secret of 32 bytes, however it is written, has more different characters than this."""

_PUBLISHED = frozenset({"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"})
_TYPED_BY_PEOPLE = ("secret", "password", "change", "default", "example", "insecure", "replace")
_GENERATE = "`make setup` writes one into backend/.env where there is none"


def require_safe_to_serve(settings: Settings, user_count: int) -> None:
    """Refuse to serve an installation that `settings` leave open to others.

    Args:
        settings: what `api_host` and `secret_key` are.
        user_count: how many active users there are.

    Raises:
        ConfigurationError: with every reason, each beginning with its setting.
    """
    secret = settings.secret_key.get_secret_value()
    reasons = reasons_against(settings.api_host, secret, user_count)
    if reasons:
        raise ConfigurationError("; ".join(reasons), reasons)


def reasons_against(host: str, secret: str, user_count: int) -> tuple[str, ...]:
    """Why `host` may not be served with `secret` and so many users; empty if it may.

    A short secret is refused everywhere: any page in the user's own browser reaches loopback.
    A weak one, or nobody having an account yet, is left to those who sit at the machine.
    """
    if len(secret.encode()) < LEAST_BYTES:
        length = f"it has {len(secret.encode())} bytes" if secret else "it is empty"
        return (f"SECRET_KEY: {length}, {LEAST_BYTES} are the least; {_GENERATE}",)
    if is_loopback(host):
        return ()
    return tuple(_remote_reasons(host, secret, user_count))


def _remote_reasons(host: str, secret: str, user_count: int) -> list[str]:
    reasons = []
    if is_weak(secret):
        reasons.append(
            f"SECRET_KEY: it can be guessed, which {host} may not be served with; {_GENERATE}"
        )
    if user_count == 0:
        reasons.append(
            f"API_HOST: {host} can be reached by others and there is no user yet: make the first "
            "one with `user create NAME --role admin`, or serve 127.0.0.1"
        )
    return reasons


def is_weak(secret: str) -> bool:
    """Whether `secret` is published, written by a person, or repeats itself."""
    plain = secret.lower()
    typed = any(word in plain for word in _TYPED_BY_PEOPLE)
    return typed or plain in _PUBLISHED or len(set(secret)) < LEAST_DISTINCT


def is_loopback(host: str) -> bool:
    """Whether `host` can be reached from this machine only; a name other than localhost: no."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
