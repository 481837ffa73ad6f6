"""How often each key, user or address may ask."""

from math import ceil

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.access import identify
from app.api.errors import answer
from app.api.platform import Platform
from app.core.exceptions import RateLimitedError
from app.core.users import Principal
from app.services.security.addresses import limit_key
from app.services.security.token_bucket import TokenBuckets


class RateLimit:
    """Turns away who asks more than `rate_limit_per_minute`, with when to go on.

    Who proves to be nobody is counted by the address it comes from; so are guesses. API keys that
    open nothing are counted apart too, and looked at before the next one of that address is.
    """

    def __init__(self, app: ASGIApp, *, platform: Platform) -> None:
        self._app = app
        self._clock = platform.clock
        self._wrong_keys = platform.wrong_keys
        self._buckets = TokenBuckets(platform.settings.rate_limit_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 429."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wait_s = await self._wait_s(scope)
        if wait_s == 0.0:
            await self._app(scope, receive, send)
            return
        refusal = RateLimitedError(f"too many requests: go on in {ceil(wait_s)} s", wait_s)
        await answer(refusal)(scope, receive, send)

    async def _wait_s(self, scope: Scope) -> float:
        """0.0 if the request may go on, and it is counted; else how long its sender has to wait."""
        address, now_ns = limit_key(scope["state"]["address"]), self._clock.now_ns()
        has_key = "x-api-key" in Headers(scope=scope)
        if has_key and (wait_s := self._wrong_keys.wait_s(address, now_ns)):
            return wait_s
        principal = await identify(Request(scope))
        if has_key and principal is None:
            self._wrong_keys.take(address, now_ns)
        return self._buckets.take(_who(principal, address), now_ns)


def _who(principal: Principal | None, address: str) -> str:
    if principal is None:
        return f"address {address}"
    return f"key {principal.api_key_id}" if principal.api_key_id else f"user {principal.user_id}"
