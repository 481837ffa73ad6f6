"""Which connections are taken, and how long a client may take to send a request."""

import asyncio  # noqa: TID251  # app/api is where the event loop lives
from http import HTTPStatus
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import get_remote_addr

from app.api.doors import Doors
from app.api.errors import error_response
from app.api.middleware.observer import DATA_POLICY, EVERYWHERE, NOT_KEPT
from app.api.schemas.errors import ErrorCode

HEAD_S: Final = 15.0
"""From the connection, or the first byte after an answer, to the last line of the head."""

BODY_S: Final = 30.0
BODY_BYTES_PER_S: Final = 16 * 1024
"""A body may take `BODY_S`, and a second more for every so many bytes of it that have come."""

_RETRY_S: Final = 15


def _last_words(status: HTTPStatus, code: ErrorCode, message: str, **headers: str) -> bytes:
    """An error in the one form, to be written where no application was asked."""
    answer = error_response(status, code, message, headers={"Connection": "close"} | headers)
    lines = [*answer.raw_headers, *EVERYWHERE, NOT_KEPT, DATA_POLICY]
    first = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    head = first + b"".join(b"%s: %s\r\n" % line for line in lines)
    return head + b"\r\n" + bytes(answer.body)


_TOO_SLOW: Final = _last_words(
    HTTPStatus.REQUEST_TIMEOUT, ErrorCode.BAD_REQUEST, "the rest of the request did not come"
)
_NO_HTTP: Final = _last_words(
    HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, "what was sent is no HTTP request"
)
_TOO_MANY: Final = _last_words(
    HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.RATE_LIMITED,
    "too many connections are open: close some, or come again",
    **{"Retry-After": str(_RETRY_S)},
)


class Protocol(H11Protocol):
    """Uvicorn's, which ends a connection that is one too many, or whose request does not come.

    Uvicorn waits for ever for the rest of a head or a body, so that a client who sends a byte now
    and then holds a connection, and with a body a request that is being served, for nothing.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._wait: asyncio.TimerHandle | None = None
        self._body_begun_s: float | None = None
        self._body_bytes = 0
        self._doors: Doors = self.config.app.state.doors  # type: ignore[union-attr]  # what `create_app` made, never a name

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # narrower than asyncio says, as uvicorn has it
        """Begin to wait for a request, unless there are too many who do."""
        peer = get_remote_addr(transport)
        is_welcome = self._doors.admits(peer and peer[0], self.connections)
        super().connection_made(transport)
        if is_welcome:
            self._wait_for_head()
        else:
            self.connections.discard(self)
            transport.write(_TOO_MANY)
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Take what came, and wait for what is missing."""
        super().data_received(data)
        state = self.conn.their_state
        if self.transport.get_protocol() is not self:  # a WebSocket's it is from now on
            self._wait_no_longer()
        elif state is h11.SEND_BODY:
            self._wait_for_body(len(data))
        elif state is h11.IDLE and self.conn.our_state is h11.IDLE:
            self._wait_for_head()
        else:
            self._wait_no_longer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def send_400_response(self, _msg: str) -> None:
        """Say that this is no HTTP, if nothing was said, and close."""
        self._end(_NO_HTTP)

    def _wait_for_head(self) -> None:
        if self._wait is None:
            self._wait = self.loop.call_later(HEAD_S, self._end)

    def _wait_for_body(self, count: int) -> None:
        now_s = self.loop.time()
        if self._body_begun_s is None:
            self._wait_no_longer()
            self._body_begun_s = now_s
            self._wait = self.loop.call_later(BODY_S, self._look_at_body)
        self._body_bytes += count

    def _look_at_body(self) -> None:
        """End the connection if the body is late, unless it is us who do not read it."""
        assert self._body_begun_s is not None  # noqa: S101  # only a body is looked at
        may_take_s = BODY_S + self._body_bytes / BODY_BYTES_PER_S
        left_s = self._body_begun_s + may_take_s - self.loop.time()
        if self.flow.read_paused:
            left_s = BODY_S
        if left_s <= 0.0:
            self._end()
        else:
            self._wait = self.loop.call_later(left_s, self._look_at_body)

    def _wait_no_longer(self) -> None:
        if self._wait is not None:
            self._wait.cancel()
        self._wait, self._body_begun_s, self._body_bytes = None, None, 0

    def _end(self, why: bytes = _TOO_SLOW) -> None:
        """Say `why`, if nothing was said, and close."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.write(why)
        self.transport.close()
