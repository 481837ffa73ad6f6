"""How often each key, user or address may ask."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.access import identify
from app.api.errors import answer
from app.config.settings import Settings
from app.core.exceptions import RateLimitedError
from app.managers.time_manager.clock import Clock
from app.services.security.addresses import limit_key
from app.services.security.token_bucket import TokenBuckets


class RateLimit:
    """Turns away who asks more than `rate_limit_per_minute`, with when to go on.

    Who proves to be nobody is counted by the address it comes from; so are guesses.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._buckets = TokenBuckets(settings.rate_limit_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 429."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wait_s = self._buckets.take(await _who(scope), self._clock.now_ns())
        if wait_s == 0.0:
            await self._app(scope, receive, send)
            return
        refusal = RateLimitedError(f"too many requests: go on in {wait_s:.1f} s", wait_s)
        await answer(refusal)(scope, receive, send)


async def _who(scope: Scope) -> str:
    principal = await identify(Request(scope))
    if principal is None:
        return f"address {limit_key(scope['state']['address'])}"
    return f"key {principal.api_key_id}" if principal.api_key_id else f"user {principal.user_id}"
