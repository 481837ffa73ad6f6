"""What every request passes on its way in, and every response on its way out.

Each is plain ASGI: none makes a task, a queue or a copy of the body, for each costs every request.
"""

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.api.middleware.body_limit import BodyLimit
from app.api.middleware.entrance import Entrance
from app.api.middleware.idempotency import Idempotency
from app.api.middleware.observer import Observer
from app.api.middleware.rate_limit import RateLimit
from app.api.middleware.surprises import Surprises
from app.api.platform import Platform

REQUEST_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "X-API-Key", "X-Request-ID")
RESPONSE_HEADERS = (
    "Idempotent-Replayed",
    "Location",
    "Retry-After",
    "X-Next-Cursor",
    "X-Process-Time",
    "X-Request-ID",
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def middleware_of(platform: Platform) -> list[Middleware]:
    """From the outermost to the one before the routes."""
    return [
        Middleware(Observer, metrics=platform.metrics),
        Middleware(Surprises),
        Middleware(Entrance, settings=platform.settings),
        *_cross_origin(platform),
        Middleware(RateLimit, platform=platform),
        Middleware(BodyLimit, settings=platform.settings),
        Middleware(Idempotency, platform=platform),
    ]


def _cross_origin(platform: Platform) -> list[Middleware]:
    """Pages of other origins may call the API only where the settings name them."""
    origins = platform.settings.listed(platform.settings.cors_origins)
    if not origins:
        return []
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=REQUEST_HEADERS,
        expose_headers=RESPONSE_HEADERS,
    )
    return [cors]
