"""Peers of the WebSocket that do not read: they keep neither memory nor a place."""

import logging
import socket as sockets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import sleep

import pytest
from websockets.frames import Frame, Opcode

from app.api.websocket import serving
from tests.api_fixtures import Api
from tests.api_server import LiveServer, limit, receive
from tests.running_time import running_time
from tests.system_fixtures import PATIENCE_S, until

pytestmark = pytest.mark.usefixtures("limits")
FILLING = "x" * 60_000
ANY_NUMBER = 1e9


@contextmanager
def deaf(server: LiveServer, *protocols: str) -> Iterator[sockets.socket]:
    """A connection with hardly any room for what it does not read."""
    host, port = server.address.split(":")
    with sockets.socket() as peer:
        peer.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
        peer.settimeout(PATIENCE_S)
        peer.connect((host, int(port)))
        offered = f"Sec-WebSocket-Protocol: {', '.join(protocols)}\r\n" if protocols else ""
        peer.sendall(
            "GET /api/v1/websocket/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Version: 13\r\n{offered}\r\n".encode()
        )
        assert peer.recv(4_096).startswith(b"HTTP/1.1 101 ")
        yield peer


def framed(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def sent_until_ended(peer: sockets.socket, blob: bytes, most: int) -> int:
    """Bytes the server takes of `blob`, again and again, before it ends the connection."""
    sent = 0
    with suppress(ConnectionError):
        while sent < most:
            sent += peer.send(blob)
    return sent


def read_to_the_end(peer: sockets.socket) -> None:
    while peer.recv(65_536):
        pass


def waiting(server: LiveServer) -> int:
    """Bytes that wait for peers in the process."""
    connections = server.uvicorn.server_state.connections
    return sum(each.transport.get_write_buffer_size() for each in list(connections))


def connections(api: Api) -> int:
    return api.system.hub.figures.connections


def clog(api: Api, server: LiveServer, peer: sockets.socket) -> None:
    """Tell `peer` more than it has room for."""
    peer.sendall(framed(Opcode.TEXT, b'{"action": "subscribe", "channels": ["events"]}'))
    until(lambda: "events" in api.system.hub.wanted)
    for number in range(2_000):
        api.system.hub.publish("events", {"number": number, "filling": FILLING})
        sleep(0.002)
        if waiting(server) and api.system.hub.figures.queued > 1:
            return
    raise AssertionError("everything was taken")


@pytest.mark.parametrize(
    "frame",
    [
        framed(Opcode.PING, b"p" * 125),
        framed(Opcode.PONG, b""),
        framed(Opcode.CONT, b"", fin=False),
    ],
    ids=["pings", "pongs", "empty pieces of a message"],
)
def test_frames_that_bring_no_message_are_counted(api: Api, live: LiveServer, frame: bytes) -> None:
    """Of somebody who has not even logged in; twice those of a second are taken at once."""
    limit(api, login_s=3_600.0)
    with deaf(live) as peer:
        peer.sendall(framed(Opcode.TEXT, b'{"action":', fin=False))
        sent = sent_until_ended(peer, frame * 500, most=64 * 1024 * 1024)
        assert sent < 32 * 1024 * 1024
        until(lambda: not connections(api))


def test_who_pings_without_reading_is_owed_one_answer(
    api: Api, live: LiveServer, viewer_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "FRAMES_PER_S", ANY_NUMBER)
    with deaf(live, "mismartera", f"bearer.{viewer_token}") as peer:
        assert sent_until_ended(peer, framed(Opcode.PING, b"p" * 125) * 1_000, 16 << 20) >= 16 << 20
        peer.sendall(framed(Opcode.PING, b"the last"))
        assert waiting(live) < 512 * 1024
        told = b""
        while b"the last" not in told:
            told = told[-8:] + peer.recv(65_536)


def test_a_peer_that_does_not_answer_pings_is_let_go(api: Api, viewer_token: str) -> None:
    options = {"ws_ping_interval": 0.1, "ws_ping_timeout": 0.3}
    limit(api, flush_s=0.001)
    with LiveServer(api.app, options) as server:
        with deaf(server, "mismartera", f"bearer.{viewer_token}") as peer:
            clog(api, server, peer)
            until(lambda: not connections(api))
            until(lambda: not server.uvicorn.server_state.connections)
            with pytest.raises(ConnectionResetError):  # nothing is kept for it, here or below
                read_to_the_end(peer)
        assert api.system.hub.figures.queued == 0
        with server.client(viewer_token, "session") as reads:
            assert receive(reads)["type"] == "session"


def test_a_login_that_ends_is_not_waited_for(api: Api, live: LiveServer, viewer_token: str) -> None:
    """The goodbye of who does not read takes no longer than it may."""
    limit(api, heartbeat_s=0.2, goodbye_s=0.1, flush_s=0.001)
    api.clock.hold()
    with deaf(live, "mismartera", f"bearer.{viewer_token}") as peer:
        clog(api, live, peer)
        api.clock.advance(600)
        until(lambda: not live.uvicorn.server_state.connections)
    assert connections(api) == 0


def test_a_server_stops_though_a_peer_does_not_read(
    api: Api, viewer_token: str, caplog: pytest.LogCaptureFixture
) -> None:
    limit(api, goodbye_s=0.1, flush_s=0.001)
    server = LiveServer(api.app)
    server.start()
    with deaf(server, "mismartera", f"bearer.{viewer_token}") as peer, deaf(server):
        clog(api, server, peer)
        with running_time() as passed:
            server.stop()
    assert passed.seconds < serving.LINGER_S
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


def test_text_that_is_not_utf8_ends_a_connection_and_writes_no_error(
    api: Api, live: LiveServer, viewer_token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with deaf(live, "mismartera", f"bearer.{viewer_token}") as peer:
        peer.sendall(framed(Opcode.TEXT, b"\xff\xfe") * 100)
        told = b""
        while b"\x88" not in told:
            told += peer.recv(4_096)
        until(lambda: not connections(api))
    assert b"\x03\xef" in told  # 1007
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
