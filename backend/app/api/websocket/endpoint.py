"""The door of the WebSocket: lets clients in, hears what they ask, and sees them out."""

import asyncio  # noqa: TID251  # app/api is where the event loop lives
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import ceil
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from loguru import logger
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnected, WebSocketState

from app.api.audit import address_of
from app.api.errors import error_response
from app.api.platform import Platform, platform_of
from app.api.schemas.errors import ErrorBody, ErrorCode
from app.api.websocket import protocol
from app.api.websocket.clients import Client
from app.api.websocket.gateway import Gateway
from app.api.websocket.limits import Allowance
from app.api.websocket.origins import may_connect
from app.api.websocket.protocol import Auth, CloseCode, ProtocolError
from app.core.exceptions import (
    AuthenticationError,
    DatabaseError,
    DatabaseUnavailableError,
    RateLimitedError,
    TradingError,
)
from app.core.users import Principal
from app.services.security.addresses import limit_key

router = APIRouter()
_NO_QUERY = (
    "the address takes no parameters, a token least of all: it would be in logs; send "
    '{"action": "auth", "token": ...} first, or offer the subprotocol bearer.<token>'
)
_NOT_OURS = "pages of this origin may not connect: add it to CORS_ORIGINS if they are to"
_AUTH_FIRST = "the first message says who you are: auth with a `token` or an `api_key`"

_NO_DATABASE = "the database does not answer, so that the key cannot be looked up: try again"


@router.websocket("/websocket/stream")
async def stream(socket: WebSocket) -> None:
    """Tell a client what happens in the channels it subscribes to, until one of both leaves."""
    gateway: Gateway = socket.app.state.gateway
    if socket.url.query:
        await _deny(socket, ErrorBody(code=ErrorCode.BAD_REQUEST, message=_NO_QUERY), status=400)
        return
    if not may_connect(socket.headers, platform_of(socket).settings):
        gateway.figures.refused += 1
        await _deny(socket, ErrorBody(code=ErrorCode.FORBIDDEN, message=_NOT_OURS), status=403)
        return
    try:
        with gateway.connection(), suppress(WebSocketDisconnect):
            await _Visit(socket, gateway).run()
    except ProtocolError as refused:
        await _deny(socket, refused.body, status=429)


async def _deny(socket: WebSocket, body: ErrorBody, *, status: int) -> None:
    """Answer the handshake with an HTTP error."""
    with suppress(WebSocketDisconnect):
        await socket.send_denial_response(error_response(status, body.code, body.message))


class _Visit:
    """One connection from its handshake to its end."""

    def __init__(self, socket: WebSocket, gateway: Gateway) -> None:
        self._socket = socket
        self._gateway = gateway
        self._limits = gateway.limits
        self._platform: Platform = platform_of(socket)
        self._loop = asyncio.get_running_loop()
        self._allowance = Allowance(self._limits.messages_per_s, self._loop.time())
        self._strikes = 0
        self._checked_s = 0.0
        self._credential = Auth()

    async def run(self) -> None:
        """Let the client in if it says who it is, and serve it.

        Raises:
            ProtocolError: before the handshake: there are too many connections.
            WebSocketDisconnect: it has left.
        """
        offered = protocol.offered_credential(self._socket.scope["subprotocols"])
        try:
            if offered is not None and offered.token is not None:
                principal = await self._let_in(offered)
                await self._accept()
            else:
                with self._gateway.pending(address_of(self._socket)):
                    await self._accept()
                    async with asyncio.timeout(self._limits.login_s):
                        offered = offered or await self._first_message()
                        principal = await self._let_in(offered)
        except TimeoutError:
            await self._turn_away(f"nobody logged in within {self._limits.login_s:g} s")
        except TradingError as error:
            await self._accept()
            await self._turn_away(str(error), *_outcome(error))
        else:
            await self._serve(principal, offered)

    async def _accept(self) -> None:
        if self._socket.application_state is WebSocketState.CONNECTING:
            named = protocol.SUBPROTOCOL in self._socket.scope["subprotocols"]
            await self._socket.accept(protocol.SUBPROTOCOL if named else None)

    # ── who it is ────────────────────────────────────────────────────────────

    async def _first_message(self) -> Auth:
        try:
            action = self._read(await self._next_message())
        except ProtocolError as wrong:
            raise TradingError(f"{_AUTH_FIRST}; {wrong}") from None
        if not isinstance(action, Auth):
            raise TradingError(_AUTH_FIRST)
        return action

    async def _let_in(self, credential: Auth) -> Principal:
        """Who it is; keys that open nothing are counted with those of requests."""
        if credential.api_key is None:
            return await self._identify(credential)
        wrong_keys, now_ns = self._platform.wrong_keys, self._gateway.now_ns()
        address = limit_key(address_of(self._socket) or "-")
        if wait_s := wrong_keys.wait_s(address, now_ns):
            raise RateLimitedError(f"too many wrong keys: go on in {ceil(wait_s)} s", wait_s)
        try:
            return await self._identify(credential)
        except AuthenticationError:
            wrong_keys.take(address, now_ns)
            raise

    async def _identify(self, credential: Auth) -> Principal:
        users = self._platform.users
        if credential.api_key is None:
            return users.read_access_token(credential.token or "")
        try:
            principal = await run_in_threadpool(users.read_api_key, credential.api_key)
        except SQLAlchemyError as error:
            trouble = getattr(error, "orig", None) or type(error).__name__
            logger.warning("an API key of a WebSocket cannot be looked up: {}", trouble)
            raise DatabaseUnavailableError(_NO_DATABASE) from None
        self._checked_s = self._loop.time()
        return principal

    async def _turn_away(
        self,
        message: str,
        code: CloseCode = CloseCode.UNAUTHENTICATED,
        error: ErrorCode = ErrorCode.UNAUTHENTICATED,
    ) -> None:
        """Say why, and close: to one that is not a client."""
        body = ErrorBody(code=error, message=message)
        text = protocol.message(
            "error",
            seq=1,
            now_ns=self._gateway.now_ns(),
            payload=protocol.error_payload(body),
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.goodbye_s):
                await self._socket.send_text(text)
                await self._socket.close(code, "see the error before")

    # ── a client ─────────────────────────────────────────────────────────────

    async def _serve(self, principal: Principal, credential: Auth) -> None:
        self._socket.state.principal = principal  # whom the log names
        client = Client(
            self._socket,
            principal,
            now_ns=self._gateway.now_ns,
            limits=self._limits,
            figures=self._gateway.figures,
        )
        try:
            with self._gateway.client(client):
                client.reply("authenticated", self._welcome(principal))
                await self._converse(client, credential)
        except ProtocolError as refused:
            code = CloseCode.RATE_LIMITED
            await self._turn_away(str(refused), code, ErrorCode.RATE_LIMITED)

    def _welcome(self, principal: Principal) -> Mapping[str, Any]:
        return {
            "username": principal.username,
            "role": principal.role,
            "heartbeat_s": self._limits.heartbeat_s,
            "subscriptions": self._limits.subscriptions,
            "message_bytes": self._limits.message_bytes,
            "messages_per_s": self._limits.messages_per_s,
        }

    async def _converse(self, client: Client, credential: Auth) -> None:
        self._credential = credential
        sender = asyncio.create_task(_until_gone(client))
        others = [
            asyncio.create_task(task)
            for task in (self._hear(client), self._keep(client), client.farewell.wait())
        ]
        try:
            await asyncio.wait([sender, *others], return_when=asyncio.FIRST_COMPLETED)
            if client.farewell.is_set():
                await asyncio.wait([sender], timeout=self._limits.goodbye_s)
        finally:
            await _end([sender, *others])

    async def _hear(self, client: Client) -> None:
        """Act on what the client says, until it has said too much."""
        while self._strikes < self._limits.strikes:
            await client.room_for_replies()
            said = await self._next_message()
            try:
                self._count()
                await self._act(client, self._read(said))
            except ProtocolError as refused:
                self._strikes += 1
                client.refuse(refused.body)
            else:
                self._strikes = max(0, self._strikes - 1)
        client.say_goodbye(CloseCode.RATE_LIMITED, "too many messages were refused")

    def _count(self) -> None:
        """Count a message, whatever it says."""
        if not self._allowance.take(self._loop.time()):
            self._gateway.figures.refused += 1
            raise ProtocolError(
                ErrorCode.RATE_LIMITED,
                f"at most {self._limits.messages_per_s:g} messages a second; nothing was done",
            )

    async def _next_message(self) -> str | bytes:
        said = await self._socket.receive()
        if said["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(said.get("code", 1006))
        text: str | None = said.get("text")
        return bytes(said["bytes"]) if text is None else text

    def _read(self, said: str | bytes) -> protocol.Action:
        try:
            return protocol.parse(said, most_bytes=self._limits.message_bytes)
        except ProtocolError:
            self._gateway.figures.refused += 1
            raise

    async def _act(self, client: Client, action: protocol.Action) -> None:
        gateway = self._gateway
        match action:
            case protocol.Subscribe(channels=names):
                channels = protocol.parse_channels(names, client.principal.role)
                new = gateway.subscribe(client, channels)
                client.reply("subscribed", {"channels": client.heard})
                if snapshots := [channel for channel in new if channel.kind.is_snapshot]:
                    announce = self._platform.system.announce_to_newcomers
                    await run_in_threadpool(announce, snapshots)  # it may look into the record
            case protocol.Unsubscribe(channels=names):
                channels = protocol.parse_channels(names, client.principal.role)
                gateway.unsubscribe(client, [channel.name for channel in channels])
                client.reply("unsubscribed", {"channels": client.heard})
            case protocol.Ping():
                client.reply("pong", {})
            case Auth():
                await self._renew(client, action)

    # ── whether it still may ─────────────────────────────────────────────────

    async def _renew(self, client: Client, credential: Auth) -> None:
        """Take a newer token of the same user in place of the one that will expire."""
        try:
            principal = await self._let_in(credential)
        except TradingError as error:
            raise ProtocolError(_outcome(error)[1], str(error)) from None
        if principal.user_id != client.principal.user_id:
            raise ProtocolError(
                ErrorCode.FORBIDDEN, "this connection is another user's; open one of your own"
            )
        client.principal, self._credential = principal, credential
        client.reply("authenticated", self._welcome(principal))

    async def _keep(self, client: Client) -> None:
        """Say now and then that the connection lives, while its client may have it.

        A key that cannot be looked up is asked for again with the next heartbeat, and so on for
        `Limits.key_checks`: an outage of the database ends nobody at once, and keeps nobody.
        """
        failures = 0
        while True:
            await asyncio.sleep(self._limits.heartbeat_s)
            try:
                await self._look_again(client)
                failures = 0
            except TradingError as error:
                failures += 1
                if not isinstance(error, DatabaseError) or failures == self._limits.key_checks:
                    code, told = _outcome(error)
                    client.refuse(ErrorBody(code=told, message=str(error)))
                    client.say_goodbye(code, "the login is over")
                    return
            client.heartbeat()

    async def _look_again(self, client: Client) -> None:
        """Read the token again; a key now and then, for that asks the database."""
        is_key = self._credential.api_key is not None
        if not is_key or self._loop.time() - self._checked_s >= self._limits.key_check_s:
            credential = self._credential
            principal = await self._identify(credential)
            if credential is self._credential:  # it was not renewed meanwhile
                client.principal = principal


def _outcome(error: TradingError) -> tuple[CloseCode, ErrorCode]:
    """How somebody is closed who could not be let in for `error`, and what is told of it."""
    if isinstance(error, DatabaseError):
        return CloseCode.TRY_AGAIN_LATER, ErrorCode.DATABASE_ERROR
    if isinstance(error, RateLimitedError):
        return CloseCode.RATE_LIMITED, ErrorCode.RATE_LIMITED
    return CloseCode.UNAUTHENTICATED, ErrorCode.UNAUTHENTICATED


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Let these go no further, and say what went wrong in them."""
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception) and not isinstance(ended, WebSocketDisconnect):
            logger.opt(exception=ended).error("a WebSocket was ended by a mistake of the server")


async def _until_gone(client: Client) -> None:
    """Send to a client until it has left; it may leave at any moment."""
    with suppress(WebSocketDisconnect, WebSocketDisconnected):
        await client.send_all()
