"""Clients whose request does not come: they are told so, and their connection is ended."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from time import sleep

import pytest

from app.api import http_protocol
from app.core.users import Role
from tests.api_fixtures import Api
from tests.api_server import LiveServer
from tests.running_time import running_time
from tests.system_fixtures import PATIENCE_S

SHORT_S = 0.2
HEAD = b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
LOGIN = (
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
STEP = (
    b"POST /api/v1/system/step HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
WRONG = b'{"username": "nobody", "password": "not the password"}'


@pytest.fixture
def short_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", SHORT_S)


@pytest.fixture
def short_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads may take their time: however slow the machine is, none of these is late."""
    monkeypatch.setattr(http_protocol, "HEAD_S", PATIENCE_S)
    monkeypatch.setattr(http_protocol, "BODY_S", SHORT_S)


@contextmanager
def connected(live: LiveServer) -> Iterator[socket.socket]:
    host, port = live.address.split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as made:
        yield made


def all_of(connection: socket.socket) -> bytes:
    """What the server says until it closes."""
    told = b""
    try:
        while chunk := connection.recv(65_536):
            told += chunk
    except ConnectionResetError:
        pass
    return told


def status_of(connection: socket.socket) -> int:
    """The status of one answer, which is read whole."""
    answer = HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


def trickle(connection: socket.socket, text: bytes) -> bytes:
    """Send a byte now and then, for as long as the server takes it; what it said."""
    try:
        for byte in text:
            connection.sendall(bytes([byte]))
            sleep(SHORT_S / 10)
    except OSError:
        pass
    return all_of(connection)


@pytest.mark.usefixtures("short_head")
@pytest.mark.parametrize("begun", [b"", b"GET /api/hea", HEAD])
def test_a_head_that_does_not_come(live: LiveServer, begun: bytes) -> None:
    with connected(live) as connection, running_time() as passed:
        connection.sendall(begun)
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\nx-content-type-options: nosniff\r\n" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "BAD_REQUEST"
    assert passed.seconds >= SHORT_S / 2


@pytest.mark.usefixtures("short_head")
def test_a_head_that_comes_by_the_byte(live: LiveServer) -> None:
    with connected(live) as connection:
        assert trickle(connection, HEAD * 20).startswith(b"HTTP/1.1 408 ")


def test_the_next_head_after_an_answer(live: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(live) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert status_of(connection) == 200
        monkeypatch.setattr(http_protocol, "HEAD_S", SHORT_S)
        connection.sendall(HEAD)
        assert b"HTTP/1.1 408 " in all_of(connection)


@pytest.mark.usefixtures("short_body")
@pytest.mark.parametrize("begun", [b"", WRONG[:10]])
def test_a_body_that_does_not_come(live: LiveServer, begun: bytes) -> None:
    with connected(live) as connection:
        connection.sendall(LOGIN % len(WRONG) + begun)
        assert all_of(connection).startswith(b"HTTP/1.1 408 ")


@pytest.mark.usefixtures("short_body")
def test_a_body_that_comes_by_the_byte(live: LiveServer) -> None:
    with connected(live) as connection:
        connection.sendall(LOGIN % 1_000)
        assert trickle(connection, b" " * 999).startswith(b"HTTP/1.1 408 ")


@pytest.mark.usefixtures("short_body")
def test_a_large_body_may_take_its_time(
    api: Api, live: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as long as a small one: what has come counts."""
    monkeypatch.setattr(http_protocol, "BODY_BYTES_PER_S", 1_000)
    body = b'{"count": 0}' + b" " * 40_000
    with connected(live) as connection:
        begun = STEP % (api.token(Role.TRADER).encode(), len(body)) + body[:5_000]
        connection.sendall(begun)
        for first in range(5_000, len(body), 5_000):
            sleep(SHORT_S)
            connection.sendall(body[first : first + 5_000])
        assert status_of(connection) == 422


@pytest.mark.parametrize("name", ["HEAD_S", "BODY_S"])
def test_who_is_answered_is_not_hurried(
    live: LiveServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with connected(live) as connection:
        connection.sendall(LOGIN % len(WRONG) + WRONG)
        assert status_of(connection) == 401
        monkeypatch.setattr(http_protocol, name, SHORT_S)
        sleep(SHORT_S * 2)
        connection.sendall(LOGIN % len(WRONG) + WRONG)
        assert status_of(connection) == 401


def test_a_websocket_stays_open(
    live: LiveServer, viewer_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 1.0)
    monkeypatch.setattr(http_protocol, "BODY_S", 1.0)
    with live.client(viewer_token, "session") as client:
        sleep(1.5)
        client.ping().wait(PATIENCE_S)
