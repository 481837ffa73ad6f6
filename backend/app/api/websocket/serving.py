"""How uvicorn has to be told to serve the WebSocket: its options, and an end that says goodbye."""

import asyncio  # noqa: TID251  # app/api is where the event loop lives
import logging
import socket
import struct
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from app.api.doors import LoopErrors
from app.api.websocket.gateway import Gateway
from app.api.websocket.limits import Allowance

_LOG: Final = logging.getLogger("uvicorn.websocket")
"""Uvicorn's own lines would have the query in them, and paths that are no route."""
_LOG.setLevel("WARNING")


LINGER_S: Final = 5.0
"""How long a peer that has been told goodbye may take to read it and to say its own."""

FRAMES_PER_S: Final = 100.0
"""Frames of a peer that bring no message in the long run, twice as many at once: pings, pongs,
and pieces of a message."""

_FORGET: Final = struct.pack("ii", 1, 0)
"""For a socket: what is not sent yet is never sent."""

_SLICE = 4 * 1024
"""Bytes looked into at a time: of a refused peer's flood no more than this is read."""


class Protocol(WebSocketsSansIOProtocol):
    """Uvicorn's, which lets no peer keep memory or a place by not reading.

    Uvicorn answers every ping into a buffer without end, closes only when the peer has read all
    of it, and does not tell the application of a peer whose pings are overdue. Here one pong at
    most waits for a peer that does not read, frames that bring no message are counted, and
    whoever is closed is gone at once if it does not read, after `LINGER_S` in any case.

    It also knows that a handshake it has refused is over. Uvicorn notes that of an accepted and
    of a closed one only: after any other refusal it wrote an error to the log, which strangers
    could fill so, as with text that is not UTF-8. Of each connection the observer of requests
    leaves a line; what goes wrong is logged as ever.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.logger = self.conn.logger = _LOG
        self.close_timeout = LINGER_S
        self._allowance = Allowance(FRAMES_PER_S, self.loop.time())
        self._pong = b""
        self._end: asyncio.TimerHandle | None = None

    # ── what the peer says ───────────────────────────────────────────────────

    def data_received(self, data: bytes) -> None:
        """Take what came, as long as it is listened to."""
        for first in range(0, len(data), _SLICE):
            if self.transport.is_closing():
                return
            super().data_received(data[first : first + _SLICE])

    def handle_ping(self) -> None:
        """Answer; a peer that does not read is owed an answer to its last ping only."""
        pongs = self.conn.data_to_send()
        if self.writable.is_set():
            self.transport.write(b"".join(pongs))
        elif pongs:
            self._pong = pongs[-1]
        self._count()

    def handle_pong(self, event: Frame) -> None:
        """Note that the peer lives."""
        super().handle_pong(event)
        self._count()

    def handle_cont(self, event: Frame) -> None:
        """Take a piece of a message."""
        super().handle_cont(event)
        self._count()

    def send_receive_event_to_app(self) -> None:
        """Hand over a message, if it is one."""
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self._refuse(CloseCode.INVALID_DATA, "text is UTF-8")
        else:
            super().send_receive_event_to_app()

    def _count(self) -> None:
        if not self._allowance.take(self.loop.time()):
            self._refuse(CloseCode.POLICY_VIOLATION, "too many frames that bring no message")

    def _refuse(self, code: CloseCode, reason: str) -> None:
        if not self.close_sent and not self.transport.is_closing():
            self.conn.fail(code, reason)
            self.handle_parser_exception()

    # ── the end ──────────────────────────────────────────────────────────────

    def resume_writing(self) -> None:
        """Go on, with the answer that is owed."""
        pong, self._pong = self._pong, b""
        super().resume_writing()
        if pong and not self.close_sent and not self.transport.is_closing():
            self.transport.write(pong)

    def keepalive_timeout(self) -> None:
        """Let go of a peer that has not answered."""
        super().keepalive_timeout()
        self._abort()

    def handle_close(self, event: Frame) -> None:
        """The peer leaves."""
        super().handle_close(event)
        self._let_go()

    def handle_parser_exception(self) -> None:
        """The peer has said what it may not."""
        super().handle_parser_exception()
        self._let_go()

    def shutdown(self) -> None:
        """The server leaves."""
        super().shutdown()
        self._let_go()

    async def run_asgi(self) -> None:
        """Serve the connection; afterwards nobody waits for the peer."""
        await super().run_asgi()
        self._let_go()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application."""
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)

    def _let_go(self) -> None:
        """Be gone soon, whatever the peer does."""
        if not self.writable.is_set():
            self._abort()
        elif self._end is None and not self.disconnected:
            self._end = self.loop.call_later(LINGER_S, self._abort)

    def _abort(self) -> None:
        """Be gone; of a peer that does not read, what the system holds for it is gone too."""
        sock = self.transport.get_extra_info("socket")
        if not self.writable.is_set() and sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _FORGET)
        self.transport.abort()

    async def send(self, message: Any) -> None:
        """Send one message of the application."""
        await super().send(message)
        is_refusal = message["type"] == "websocket.http.response.body"
        if is_refusal and not message.get("more_body", False):
            self.handshake_complete = True


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


WEBSOCKET_OPTIONS: Final[dict[str, Any]] = {
    "ws": Protocol,
    "ws_max_size": 64 * 1024,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    "ws_per_message_deflate": False,
}
"""For `uvicorn.Config`.

Larger messages end a connection (1009) before they are held in memory; one whose pings are not
answered is ended (1011). Without compression the bytes of a message are the same for everyone.
"""


class Server(uvicorn.Server):
    """Uvicorn that tells WebSocket clients that it goes (1001) before it closes connections."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._gateway: Gateway = app.state.gateway

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, with what the event loop has to say kept short."""
        asyncio.get_running_loop().set_exception_handler(LoopErrors())
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say goodbye, then end as uvicorn does."""
        await self._gateway.close()
        await super().shutdown(sockets)
