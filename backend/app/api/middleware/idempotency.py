"""A POST with an Idempotency-Key is done once, however often it is sent.

What the key's row means: none, nobody asked; no answer and one that our process is at work on, it
is being done; no answer and any other, it ended in the middle and nobody knows how far it came; an
answer, it was done and this is what came of it. The row is committed before the work begins.
"""

import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Final
from uuid import uuid4

import anyio
from loguru import logger
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.access import PREFIX, identify, may_ask
from app.api.errors import error_response
from app.api.platform import Platform
from app.api.schemas.errors import ErrorCode
from app.core.exceptions import ConflictError, DatabaseError
from app.core.idempotency import EarlierRequest, KeptAnswer, RequestKey
from app.core.instants import utc
from app.services.security.keys import derived_key

LIFE: Final = timedelta(hours=24)
MOST_KEPT: Final = 65_536
"""Bytes of an answer that are kept; a longer one is not given a second time."""
SHOWN_ONCE: Final = re.compile(r"/(auth|api-keys|invitations|tokens)(/|$)")
"""Paths whose answers hold secrets: they are never stored."""
PURPOSE: Final = "fingerprints of idempotent requests"
LONGEST_ROUTE: Final = 256
KEY_PATTERN: Final = r"[\x21-\x7e]{1,128}"
BAD_REQUEST, CONFLICT, SERVER_ERROR, UNAVAILABLE = 400, 409, 500, 503

PAUSES_S: Final = (0.2, 1.0, 5.0)
"""Between tries to write down what came of a request, each of which waits for the database too."""
_UNREAD: Final = "-" * 64
"""In place of the fingerprint of a body that was not read to its end."""

_KEY: Final = re.compile(KEY_PATTERN)
_REPLAYED: Final = {"Idempotent-Replayed": "true"}


class Idempotency:
    """Gives the first answer again to a request that comes again with its key within a day.

    Of requests with one key at the same time one is done and the others are refused (409); so is
    a key that comes with another body. An answer that says nothing was done (4xx, 503) is
    not kept: the request may be mended and sent again. Whoever may not use a route is told
    nothing of what was answered there.
    """

    def __init__(self, app: ASGIApp, *, platform: Platform) -> None:
        self._app = app
        self._platform = platform
        self._secret = derived_key(platform.settings.secret_key.get_secret_value(), PURPOSE)
        self._server_id = uuid4()
        self._under_way: Counter[RequestKey] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what comes without a key, or from who may not: that is refused further in."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        key = headers.get("idempotency-key")
        principal = None if key is None else await identify(Request(scope))
        if key is None or principal is None or not may_ask(principal, "POST", scope["path"]):
            await self._app(scope, receive, send)
            return
        route = "POST " + PREFIX.sub("", scope["path"])
        if not _KEY.fullmatch(key) or len(route) > LONGEST_ROUTE:
            await _refused(422, "Idempotency-Key: 1 to 128 visible characters of ASCII are wanted")(
                scope, receive, send
            )
            return
        request = RequestKey(
            user_id=principal.user_id, api_key_id=principal.api_key_id, route=route, key=key
        )
        body = _BodyHash(receive, headers.get("content-type", ""), self._secret)
        was_under_way = request in self._under_way
        with self._at_work_on(request):
            earlier = await run_in_threadpool(self._claim, request)
            if earlier is None:
                await self._do(request, body, scope, send)
        if earlier is not None:
            is_ours = earlier.server_id == self._server_id
            is_going_on = is_ours and (was_under_way or request in self._under_way)
            response = await _again(earlier, body, is_going_on=is_going_on)
            await response(scope, receive, send)

    @contextmanager
    def _at_work_on(self, request: RequestKey) -> Iterator[None]:
        """Know of the request before its row is there, and until after its answer is in it.

        Counted, for one that comes again looks for the row while the first is at work.
        """
        self._under_way[request] += 1
        try:
            yield
        finally:
            self._under_way[request] -= 1
            if not self._under_way[request]:
                del self._under_way[request]

    async def _do(self, request: RequestKey, body: "_BodyHash", scope: Scope, send: Send) -> None:
        """Let the request be done; its answer is kept before the last of it is sent."""
        answer = _Recorder(send, is_kept=SHOWN_ONCE.search(request.route) is None)
        try:
            await self._app(scope, body.receive, answer.send)
        except Exception:  # passed on: that it broke off must be known before anybody asks again
            broken = answer.kept(await _fingerprint(body), broken=True)
            await self._note(lambda: self._keep(request, broken))
            raise
        if answer.says_that_nothing_was_done:
            await self._note(lambda: self._release(request))
        else:
            kept = answer.kept(await _fingerprint(body))
            await self._note(lambda: self._keep(request, kept))
        await answer.finish()

    async def _note(self, write: Callable[[], None]) -> None:
        """Write down what came of a request, patiently; else whoever asks again is told to look.

        The request is answered all the same: it is over, and its sender is to know how it ended.
        """
        for pause_s in (*PAUSES_S, None):
            try:
                await run_in_threadpool(write)
            except (DatabaseError, SQLAlchemyError) as error:
                if pause_s is None:
                    logger.error("what came of an idempotent request is not kept: {}", error)
                    return
                await anyio.sleep(pause_s)
            else:
                return

    def _claim(self, request: RequestKey) -> EarlierRequest | None:
        """None if the request is ours to do, else what is known of the one before."""
        now = utc(self._platform.clock.now_ns())
        try:
            with self._platform.work() as work:
                work.idempotency.claim(
                    request, server_id=self._server_id, now=now, expires_at=now + LIFE
                )
        except ConflictError:
            with self._platform.work() as work:
                found = work.idempotency.find(request)
            return found or self._claim(request)  # it was released meanwhile
        return None

    def _keep(self, request: RequestKey, answer: KeptAnswer) -> None:
        with self._platform.work() as work:
            work.idempotency.keep(request, answer)

    def _release(self, request: RequestKey) -> None:
        with self._platform.work() as work:
            work.idempotency.release(request)


class _Recorder:
    """Passes a response on, but for its end, and keeps what of it may be given again."""

    def __init__(self, send: Send, *, is_kept: bool) -> None:
        self._send = send
        self._body: bytearray | None = bytearray() if is_kept else None
        self._status = 0
        self._headers = Headers(raw=[])
        self._end: Message | None = None

    @property
    def says_that_nothing_was_done(self) -> bool:
        client_fault = BAD_REQUEST <= self._status < SERVER_ERROR
        return client_fault or self._status in (0, UNAVAILABLE)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = Headers(raw=message["headers"])
        elif self._body is not None:
            self._body += message.get("body", b"")
            if len(self._body) > MOST_KEPT:
                self._body = None
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._end = message
        else:
            await self._send(message)

    async def finish(self) -> None:
        """Send the end, once what came of the request is known to the database."""
        if self._end is not None:
            await self._send(self._end)

    def kept(self, fingerprint: str, *, broken: bool = False) -> KeptAnswer:
        """The answer as far as it is kept; one that broke off is a 500 without a body."""
        keeps = self._body is not None and not broken
        return KeptAnswer(
            fingerprint=fingerprint,
            status=SERVER_ERROR if broken else self._status,
            content_type=self._headers.get("content-type"),
            location=self._headers.get("location"),
            body=bytes(self._body or b"") if keeps else None,
        )


class _BodyHash:
    """Hashes a body while it is read, whoever reads it; nothing of it is kept.

    A body may hold a password, which could be guessed from a hash that has no `secret`.
    What separates the parts of a form is chosen anew by every client and is left out.
    """

    def __init__(self, receive: Receive, content_type: str, secret: bytes) -> None:
        kind, _, parameters = content_type.partition(";")
        found = re.search(r"boundary=\"?([^\";]+)", parameters)
        self._boundary = found.group(1).encode() if found else b""
        self._receive = receive
        self._hash = hmac.new(secret, kind.strip().lower().encode() + b"\n", sha256)
        self._held = b""
        self._is_read = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._is_read = not message.get("more_body", False)
            self._take(message.get("body", b""))
        else:
            self._is_read = True
        return message

    async def fingerprint(self) -> str:
        """HMAC-SHA-256 of the body in hexadecimal; reads what nobody has read."""
        while not self._is_read:
            await self.receive()
        done = self._hash.copy()
        done.update(self._held)
        return done.hexdigest()

    def _take(self, part: bytes) -> None:
        if not self._boundary:
            self._hash.update(part)
            return
        *whole, rest = (self._held + part).split(self._boundary)
        for each in whole:
            self._hash.update(each + b"\n--")
        cut = max(0, len(rest) - len(self._boundary) + 1)
        self._hash.update(rest[:cut])
        self._held = rest[cut:]


async def _fingerprint(body: _BodyHash) -> str:
    """That of the whole body, whoever has read how much of it; one that is too long has none."""
    try:
        return await body.fingerprint()
    except HTTPException:
        return _UNREAD


async def _again(earlier: EarlierRequest, body: _BodyHash, *, is_going_on: bool) -> Response:
    answer = earlier.answer
    if answer is None and is_going_on:
        return _refused(CONFLICT, "a request with this Idempotency-Key is being done: ask later")
    if answer is None:
        return _refused(
            CONFLICT,
            "a request with this Idempotency-Key was interrupted: look whether it was done, "
            "and send what is missing with a new key",
        )
    if answer.fingerprint not in (_UNREAD, await _fingerprint(body)):
        return _refused(CONFLICT, "Idempotency-Key: it was used for a request with another body")
    if answer.body is None or answer.fingerprint == _UNREAD:
        return _refused(
            CONFLICT,
            f"a request with this Idempotency-Key was answered with status {answer.status}; "
            "the answer is not kept, look at what was done",
        )
    return _replayed(answer)


def _replayed(answer: KeptAnswer) -> Response:
    headers = dict(_REPLAYED)
    if answer.content_type is not None:
        headers["Content-Type"] = answer.content_type
    if answer.location is not None:
        headers["Location"] = answer.location
    return Response(answer.body, answer.status, headers)


def _refused(status: int, message: str) -> Response:
    code = ErrorCode.CONFLICT if status == CONFLICT else ErrorCode.VALIDATION_ERROR
    return error_response(status, code, message)
