"""Which web pages may open a WebSocket: browsers let every page do so, and say which it is."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from app.config.settings import Settings


def may_connect(headers: Headers, settings: Settings) -> bool:
    """Whether a handshake comes from a page of ours, of `Settings.cors_origins`, or from no page.

    Of ours is a page of the host and port that the handshake itself is addressed to; that host
    has been seen to be this installation's. The scheme is not compared: TLS may end before us.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    named = settings.listed(settings.cors_origins)
    return origin in named or "*" in named or _place(origin) == headers.get("host", "").lower()


def _place(origin: str) -> str | None:
    """Host and port of an origin; None of one that has none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") and parts.netloc else None
