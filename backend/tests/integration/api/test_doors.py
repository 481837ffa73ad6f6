"""How many connections are taken, and what is said to those beyond; what is no request at all."""

import asyncio  # noqa: TID251  # whose errors are handled
import errno
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from app.api import doors as doors_module
from app.api.doors import CONNECTIONS, CONNECTIONS_OF_ADDRESS, Doors, LoopErrors, Rarely, doors_for
from app.monitoring.logs import configure_logging
from app.services.security.addresses import networks
from tests.api_fixtures import Api
from tests.api_server import LiveServer
from tests.system_fixtures import PATIENCE_S, until

HEALTH = b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@pytest.fixture
def log(api: Api) -> Iterator[Path]:
    yield configure_logging(api.settings.logs_dir, "INFO")
    logger.remove()


@contextmanager
def idle(live: LiveServer, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that send nothing."""
    host, port = live.address.split(":")
    with ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=PATIENCE_S))
            for _ in range(count)
        ]


def told(connection: socket.socket, request: bytes = b"") -> tuple[int, Any, dict[str, Any]]:
    """Status, headers and JSON of what the server says until it closes."""
    said = b""
    try:
        connection.sendall(request)
        while chunk := connection.recv(65_536):
            said += chunk
    except ConnectionError:
        pass
    head, _, body = said.partition(b"\r\n\r\n")
    first, _, headers = head.partition(b"\r\n")
    return int(first.split()[1]), BytesParser().parsebytes(headers), json.loads(body)


def asked(live: LiveServer, request: bytes) -> tuple[int, Any, dict[str, Any]]:
    with idle(live, 1) as (connection,):
        return told(connection, request)


def is_open(live: LiveServer) -> bool:
    return asked(live, HEALTH)[0] == 200


@pytest.mark.parametrize("caps", [{"most": 5}, {"most_of_address": 5}])
def test_beyond_the_cap_a_connection_is_told_so_and_closed(
    api: Api, live: LiveServer, log: Path, caps: dict[str, int]
) -> None:
    api.app.state.doors = Doors(**caps)
    with idle(live, 5), idle(live, 20) as beyond:
        for connection in beyond:
            status, headers, body = told(connection)
            assert (status, body["error"]["code"]) == (503, "RATE_LIMITED")
        assert headers["Content-Type"] == "application/json"
        assert headers["Connection"] == "close"
        assert int(headers["Retry-After"]) >= 1
        assert headers["X-Content-Type-Options"] == "nosniff"
    until(lambda: is_open(live))
    assert log.read_text().count("were turned away") == 1


def test_a_trusted_proxy_brings_as_many_as_there_may_be(api: Api, live: LiveServer) -> None:
    proxies = networks("127.0.0.0/8")
    api.app.state.doors = Doors(proxies, most=8, most_of_address=2)
    with idle(live, 7):
        assert is_open(live)
    with idle(live, 8), idle(live, 1) as (beyond,):
        assert told(beyond)[0] == 503


def test_websockets_count_and_are_turned_away(
    api: Api, live: LiveServer, viewer_token: str
) -> None:
    api.app.state.doors = Doors(most_of_address=2)
    with live.client(viewer_token), live.client(viewer_token):
        assert asked(live, b"")[0] == 503
    until(lambda: is_open(live))


def test_a_process_of_few_files_takes_few_connections() -> None:
    assert doors_for((), 256) == Doors(most=128, most_of_address=64)
    assert doors_for((), 100_000) == Doors(most=CONNECTIONS, most_of_address=CONNECTIONS_OF_ADDRESS)


def test_addresses_of_one_network_of_ipv6_are_one() -> None:
    class Other:
        client = ("2001:db8::1", 1)

    others, doors = [Other(), Other()], Doors(most_of_address=2)
    assert not doors.admits("2001:db8::ffff", others)
    assert doors.admits("2001:db8:0:1::1", others)
    assert doors.admits(None, others)


def test_what_floods_is_told_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr(doors_module, "monotonic", lambda: now_s[0])
    rarely = Rarely()
    assert [rarely.due() for _ in range(4)] == [1, 0, 0, 0]
    now_s[0] = 159.9
    assert rarely.due() == 0
    now_s[0] = 160.0
    assert [rarely.due(), rarely.due()] == [5, 0]


def test_that_nothing_can_be_accepted_is_one_line(log: Path) -> None:
    loop, handler = asyncio.new_event_loop(), LoopErrors()
    out_of_files = OSError(errno.EMFILE, "Too many open files")
    for _ in range(1_000):
        handler(loop, {"message": "accept", "exception": out_of_files, "socket": object()})
    handler(loop, {"message": "something else", "exception": ValueError("seen")})
    loop.close()
    text = log.read_text()
    assert text.count("no connection can be taken") == 1
    assert "Traceback" not in text.partition("something else")[0]
    assert "ValueError: seen" in text


# ── what is no request ───────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00\x01", b"GET /\r\n\r\n", b"? / HTTP/9\r\n\r\n"]
)
def test_what_is_no_http_is_answered_in_the_one_form(live: LiveServer, sent: bytes) -> None:
    status, headers, body = asked(live, sent + b"\r\n\r\n")
    assert (status, body["error"]["code"]) == (400, "BAD_REQUEST")
    assert headers["Content-Type"] == "application/json"
    assert headers["Connection"] == "close"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"


def test_a_body_with_two_lengths_is_refused_and_what_follows_is_no_request(
    live: LiveServer,
) -> None:
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 6\r\n"
    body = b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nG" + HEALTH
    status, headers, answer = asked(live, head + body)
    assert (status, answer["error"]["code"]) == (400, "BAD_REQUEST")
    assert "told twice" in answer["error"]["message"]
    assert headers["Connection"] == "close"
