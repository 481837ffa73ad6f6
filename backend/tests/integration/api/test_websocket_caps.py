"""What a client of the WebSocket may not do: read too slowly, say too much, come too often."""

import json
import socket as sockets
from contextlib import ExitStack, suppress
from time import perf_counter
from typing import Any
from urllib.request import urlopen

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from app.api.doors import Doors
from app.core.users import Role
from app.monitoring.values import OrdersChanged
from tests.api_fixtures import ANY_NUMBER, Api
from tests.api_server import LiveServer, closed, error, limit, receive, receive_until, say
from tests.system_fixtures import PATIENCE_S, until

PATH = "/api/v1/websocket/stream"
pytestmark = pytest.mark.usefixtures("limits")


# ── slow clients ─────────────────────────────────────────────────────────────


def test_a_client_that_does_not_read_learns_how_many_it_lost_and_nobody_else_does(
    api: Api, live: LiveServer, viewer_token: str
) -> None:
    limit(api, flush_s=0.001, queue_messages=8)
    hub, filling = api.system.hub, "x" * 60_000
    with ExitStack() as stack:
        slow = stack.enter_context(live.client(viewer_token, "orders", max_queue=1))
        fast = stack.enter_context(live.client(viewer_token, "events"))
        for number in range(400):
            hub.publish("orders", OrdersChanged(None, ()))
            hub.publish("events", {"number": number, "filling": filling})
            assert receive(fast)["seq"] == number + 1
        assert hub.figures.lost == 0
        say(slow, action="subscribe", channels=["events"])
        assert receive_until(slow, lambda m: m["type"] == "subscribed")
        for number in range(400, 800):
            hub.publish("events", {"number": number, "filling": filling})
            assert receive(fast)["seq"] == number + 1
        until(lambda: hub.figures.lost > 0)
        assert hub.figures.queued <= 8
        told = receive_until(slow, lambda m: m["type"] == "events" and m["seq"] == 800)
    seqs = [m["seq"] for m in told if m["type"] == "events"]
    gaps = sum(after - before - 1 for before, after in zip([400, *seqs], seqs, strict=False))
    lost = [m["payload"] for m in told if m["type"] == "lost"]
    assert gaps == sum(each["count"] for each in lost) == hub.figures.lost > 0
    assert all(each["channel"] == "events" for each in lost)
    following = [told[n + 1]["seq"] for n, m in enumerate(told) if m["type"] == "lost"]
    assert following == [each["next_seq"] for each in lost]


# ── what is too much ─────────────────────────────────────────────────────────


def test_what_is_wrong_is_answered_and_the_connection_lives(
    live: LiveServer, viewer_token: str
) -> None:
    with live.client(viewer_token) as ws:
        for text, code in [
            ("{", "VALIDATION_ERROR"),
            (b"\xff", "VALIDATION_ERROR"),
            ('{"action": "buy"}', "VALIDATION_ERROR"),
            ('{"action": "subscribe", "channels": ["orders", "trades"]}', "VALIDATION_ERROR"),
            (json.dumps({"action": "ping", "filling": "x" * 20_000}), "PAYLOAD_TOO_LARGE"),
        ]:
            ws.send(text)
            assert error(receive(ws))[0] == code
        say(ws, action="ping")
        assert receive(ws)["type"] == "pong"


def test_a_huge_message_ends_the_connection(live: LiveServer, viewer_token: str) -> None:
    with live.client(viewer_token) as ws:
        ws.send("x" * 100_000)
        assert closed(ws)[1] == 1009


def test_subscriptions_are_capped(api: Api, live: LiveServer, viewer_token: str) -> None:
    limit(api, subscriptions=3, channels=4)
    with live.client(viewer_token, "orders", "events", "session") as ws:
        receive(ws)  # the session as it is
        say(ws, action="subscribe", channels=["quality"])
        assert error(receive(ws)) == (
            "RATE_LIMITED",
            "a connection may subscribe to 3 channels",
        )
        with live.client(viewer_token) as other:
            say(other, action="subscribe", channels=["bars:A:1m", "bars:B:1m"])
            assert error(receive(other))[0] == "RATE_LIMITED"
            say(other, action="subscribe", channels=["bars:A:1m", "orders"])
            assert receive(other)["type"] == "subscribed"
        assert api.system.hub.wanted >= {"orders", "events", "session"}


def test_channels_of_a_user_are_capped_and_others_have_theirs(
    api: Api, live: LiveServer, viewer_token: str
) -> None:
    limit(api, user_channels=3)
    with live.client(viewer_token, "orders", "events") as one, live.client(viewer_token) as two:
        say(two, action="subscribe", channels=["orders", "bars:A:1m"])
        assert receive(two)["type"] == "subscribed"
        say(two, action="subscribe", channels=["bars:B:1m"])
        assert error(receive(two)) == (
            "RATE_LIMITED",
            "the connections of a user may subscribe to 3 channels",
        )
        with live.client(api.token(Role.ADMIN), "bars:B:1m", "bars:C:1m", "orders"):
            pass
        say(one, action="unsubscribe", channels=["orders", "events"])
        assert receive(one)["type"] == "unsubscribed"
        say(two, action="subscribe", channels=["bars:B:1m"])  # orders is still heard by this one
        assert receive(two)["type"] == "subscribed"
        say(two, action="subscribe", channels=["bars:C:1m"])
        assert error(receive(two))[0] == "RATE_LIMITED"
    until(lambda: not api.system.hub.figures.connections)
    with live.client(viewer_token, "bars:A:1m", "bars:B:1m", "bars:C:1m"):
        pass


def shouted(ws: ClientConnection, said: str, times: int) -> tuple[list[dict[str, Any]], int]:
    """What is answered to who says `said` so often without listening, until it is sent away."""
    with suppress(ConnectionClosed):
        for _ in range(times):
            ws.send(said)
    told, code, _ = closed(ws)
    return told, code


def test_messages_of_a_client_are_capped(api: Api, live: LiveServer, viewer_token: str) -> None:
    limit(api, messages_per_s=5.0, strikes=20)
    with live.client(viewer_token, max_queue=None) as ws:
        began = perf_counter()
        told, code = shouted(ws, '{"action": "ping"}', 200)
        lasted_s = perf_counter() - began
    assert code == 4429
    assert 10 <= sum(message["type"] == "pong" for message in told) <= 11 + 5 * lasted_s
    refused = [message for message in told if message["type"] == "error"]
    assert {error(message)[0] for message in refused} == {"RATE_LIMITED"}


@pytest.mark.parametrize(
    ("said", "code"), [("{", "VALIDATION_ERROR"), ("x" * 20_000, "PAYLOAD_TOO_LARGE")]
)
def test_messages_that_cannot_be_read_are_counted_too(
    api: Api, live: LiveServer, viewer_token: str, said: str, code: str
) -> None:
    limit(api, messages_per_s=5.0, strikes=200)
    with live.client(viewer_token, max_queue=None) as ws:
        told, close_code = shouted(ws, said, 250)
    assert close_code == 4429
    codes = [error(message)[0] for message in told]
    assert len(codes) == 200
    assert codes[:10] == [code] * 10
    assert "RATE_LIMITED" in codes
    assert api.system.hub.figures.refused == 200


def test_what_is_acted_on_makes_up_for_a_refusal(
    api: Api, live: LiveServer, viewer_token: str
) -> None:
    limit(api, messages_per_s=1_000.0, strikes=3)
    with live.client(viewer_token) as ws:
        for said, answer in [("{", "error"), ('{"action": "ping"}', "pong")] * 6:
            ws.send(said)
            assert receive(ws)["type"] == answer
        for _ in range(3):
            ws.send("{")
        assert closed(ws)[1] == 4429


def test_connections_of_a_user_are_capped(api: Api, live: LiveServer, viewer_token: str) -> None:
    limit(api, per_user=2)
    with live.client(viewer_token), live.client(viewer_token):
        with live.connect("mismartera", f"bearer.{viewer_token}") as third:
            (told,), code, _ = closed(third)
            assert (error(told)[0], code) == ("RATE_LIMITED", 4429)
        with live.client(api.token(Role.ADMIN)):
            pass
    until(lambda: not api.system.hub.figures.connections)
    with live.client(viewer_token):
        pass


def test_a_flood_of_a_thousand_connections_is_capped_and_the_server_lives(
    api: Api, live: LiveServer, viewer_token: str
) -> None:
    """FAULTS 47: strangers fill what is kept for strangers; who is known comes in and hears."""
    api.app.state.doors = Doors(most=ANY_NUMBER, most_of_address=ANY_NUMBER)
    hub, host_port = api.system.hub, live.address.split(":")
    with live.client(viewer_token, "events") as known, ExitStack() as stack:
        flood = [
            stack.enter_context(sockets.create_connection((host_port[0], int(host_port[1]))))
            for _ in range(1_000)
        ]
        for stranger in flood:
            stranger.sendall(HANDSHAKE)
        until(lambda: hub.figures.refused >= 1_000 - 8)
        assert hub.figures.connections <= 1 + 8
        with live.client(viewer_token, "events") as late:
            hub.publish("events", {"kind": "still here"})
            for ws in (known, late):
                assert receive(ws)["payload"] == {"events": [{"kind": "still here"}]}
        with urlopen(f"http://{live.address}/api/v1/health", timeout=PATIENCE_S) as health:
            assert health.status == 200
    until(lambda: not hub.figures.connections)


HANDSHAKE = (
    f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
