"""The WebSocket over real sockets, with real sessions behind it."""

import json
from datetime import date
from time import perf_counter
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from app.api.app import create_app
from app.api.websocket.limits import Limits
from app.core.users import Role
from app.services.security.keys import new_api_key, secret_hash
from tests.api_fixtures import Api
from tests.api_server import LiveServer, closed, error, limit, receive, receive_until, say
from tests.running_time import running_time
from tests.system_fixtures import PATIENCE_S, minutes, session_config, until

DAYS = (date(2024, 7, 1), date(2024, 7, 2))
PATH = "/api/v1/websocket/stream"
BARS = minutes(*DAYS)
pytestmark = pytest.mark.usefixtures("limits")


def config(**more: Any) -> dict[str, Any]:
    return session_config("AAPL", first=DAYS[0].isoformat(), last=DAYS[-1].isoformat(), **more)


@pytest.fixture
def stored(api: Api) -> Api:
    api.installation.store("AAPL", BARS)
    return api


# ── who may come in ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [PATH, "/api/websocket/stream"])
def test_a_token_in_the_first_message_opens_both_addresses(
    live: LiveServer, viewer_token: str, path: str
) -> None:
    with live.connect(path=path) as ws:
        say(ws, action="auth", token=viewer_token)
        welcome = receive(ws)
        assert welcome["type"] == "authenticated"
        assert welcome["seq"] == 1
        assert welcome["payload"]["role"] == "viewer"


def test_a_token_as_a_subprotocol_logs_in(live: LiveServer, viewer_token: str) -> None:
    with live.connect("mismartera", f"bearer.{viewer_token}") as ws:
        assert ws.subprotocol == "mismartera"
        assert receive(ws)["type"] == "authenticated"


def test_an_api_key_logs_in(api: Api, live: LiveServer) -> None:
    key, user = new_api_key(), api.user(Role.VIEWER)
    with api.work() as work:
        work.api_keys.add(
            user.id,
            name="feed",
            key_hash=secret_hash(key),
            prefix=key[:12],
            scopes=("read",),
            expires_at=None,
        )
    with live.connect() as ws:
        say(ws, action="auth", api_key=key)
        assert receive(ws)["payload"]["username"] == "viewer"
    with live.connect("mismartera", f"key.{key}") as ws:
        assert receive(ws)["type"] == "authenticated"


@pytest.mark.parametrize(
    "first", ['{"action": "subscribe", "channels": ["orders"]}', "nonsense", '{"action": "ping"}']
)
def test_the_first_message_must_be_a_login(live: LiveServer, first: str) -> None:
    with live.connect() as ws:
        ws.send(first)
        (told,), code, _ = closed(ws)
        assert error(told)[0] == "UNAUTHENTICATED"
        assert code == 4401


def test_a_wrong_token_is_turned_away(live: LiveServer) -> None:
    with live.connect() as ws:
        say(ws, action="auth", token="wrong")  # noqa: S106
        (told,), code, _ = closed(ws)
        assert (error(told)[0], code) == ("UNAUTHENTICATED", 4401)
    with live.connect("mismartera", "bearer.wrong") as ws:
        assert closed(ws)[1] == 4401
    with live.connect("mismartera", "key.wrong") as ws:
        assert closed(ws)[1] == 4401


def test_wrong_keys_are_counted_with_those_of_requests(api: Api) -> None:
    settings = api.settings.model_copy(update={"rate_limit_per_minute": 3})
    app = create_app(settings, system=api.system, clock=api.clock)
    with LiveServer(app) as server:
        codes = []
        for number in range(4):
            with server.connect("mismartera", f"key.mm_wrong{number}") as ws:
                codes.append(closed(ws)[1])
        assert codes == [4401] * 3 + [4429]
        url = f"http://{server.address}/api/v1/auth/me"
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(url, headers={"X-API-Key": "mm_wrong4"}), timeout=PATIENCE_S)
        with refused.value as answer:
            assert answer.code == 429
        api.clock.advance(20)
        with server.connect("mismartera", "key.mm_wrong5") as ws:
            assert closed(ws)[1] == 4401


def test_who_says_nothing_is_turned_away(api: Api, live: LiveServer) -> None:
    limit(api, login_s=0.05)
    began = perf_counter()
    with running_time() as passed, live.connect() as ws:
        (told,), code, _ = closed(ws)
    assert perf_counter() - began > 0.04
    assert passed.seconds < 2.0
    assert error(told) == ("UNAUTHENTICATED", "nobody logged in within 0.05 s")
    assert code == 4401


def test_a_token_in_the_address_is_refused(live: LiveServer, viewer_token: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        live.connect(path=f"{PATH}?token={viewer_token}")
    response = refused.value.response
    assert response.status_code == 400
    body = json.loads(response.body or b"")
    assert body["error"]["code"] == "BAD_REQUEST"
    assert viewer_token not in body["error"]["message"]


def test_a_host_that_is_not_ours_is_refused(live: LiveServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        live.connect(additional_headers={"Host": "evil.example"})
    assert refused.value.response.status_code == 400


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1", "", "nonsense:["],
)
def test_a_page_of_another_origin_is_refused(live: LiveServer, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        live.connect(additional_headers={"Origin": origin})
    response = refused.value.response
    assert response.status_code == 403
    assert json.loads(response.body or b"")["error"]["code"] == "FORBIDDEN"


def test_a_page_of_ours_and_of_an_origin_that_is_named_come_in(
    api: Api, live: LiveServer, viewer_token: str
) -> None:
    api.settings.cors_origins = "https://desk.example, http://localhost:5173"
    for origin in ("https://desk.example", "http://localhost:5173", f"http://{live.address}"):
        with live.client(viewer_token, additional_headers={"Origin": origin}):
            pass


def test_strangers_of_one_address_do_not_keep_others_out(
    api: Api, live: LiveServer, viewer_token: str
) -> None:
    limit(api, pending_per_address=2)
    with live.connect(), live.connect() as second:
        with pytest.raises(InvalidStatus) as refused:
            live.connect()
        assert refused.value.response.status_code == 429
        with live.connect(source_address=("127.0.0.2", 0)) as other:
            say(other, action="auth", token=viewer_token)
            assert receive(other)["type"] == "authenticated"
        say(second, action="auth", token=viewer_token)
        assert receive(second)["type"] == "authenticated"
        with live.connect() as third:
            say(third, action="auth", token=viewer_token)
            assert receive(third)["type"] == "authenticated"


def test_eight_strangers_of_an_address_may_wait_for_five_seconds(limits: Limits) -> None:
    assert (limits.pending_per_address, limits.login_s) == (8, 5.0)


def test_a_login_that_ends_ends_the_connection_unless_it_is_renewed(
    api: Api, live: LiveServer
) -> None:
    limit(api, heartbeat_s=0.2)
    api.clock.hold()
    token = api.token(Role.VIEWER)
    with live.client(token) as leaves, live.client(token) as stays:
        api.clock.advance(599)
        say(stays, action="auth", token=api.token(Role.VIEWER))
        assert receive_until(stays, lambda told: told["type"] == "authenticated")
        api.clock.advance(1)
        told, code, _ = closed(leaves)
        assert (error(told[-1])[0], code) == ("UNAUTHENTICATED", 4401)
        say(stays, action="ping")
        assert receive_until(stays, lambda told: told["type"] == "pong")


def test_a_connection_stays_its_users(api: Api, live: LiveServer, viewer_token: str) -> None:
    with live.client(viewer_token) as ws:
        say(ws, action="auth", token=api.token(Role.ADMIN))
        assert error(receive(ws))[0] == "FORBIDDEN"


# ── what clients hear ────────────────────────────────────────────────────────


def test_bars_of_a_session_are_those_that_are_stored(
    stored: Api, live: LiveServer, viewer_token: str
) -> None:
    """Of steps that are told one by one, of steps in a row, and of the rest in one go."""
    limit(stored, rows=780)
    with live.client(viewer_token, "bars:AAPL:1m", "events") as ws:
        stored.system.start(config(), paused=True)
        told = receive_until(ws, lambda message: message["type"] == "events")
        for _ in range(5):
            stored.system.step()
            told.append(receive(ws))
        for _ in range(200):  # fewer than wait in a channel, however late they are taken
            stored.system.step()
        stored.system.resume()
        told += receive_until(ws, is_the_end)
    bars = [message for message in told if message["type"] == "bars"]
    assert [message["seq"] for message in bars] == list(range(1, len(bars) + 1))
    assert len(bars) > 5
    assert not [message for message in told if message["type"] == "lost"]
    for name in ("open", "high", "low", "close", "volume"):
        received = [value for message in bars for value in message["payload"][name]]
        np.testing.assert_array_equal(received, getattr(BARS, name))
    starts = [value for message in bars for value in message["payload"]["start_ms"]]
    np.testing.assert_array_equal(np.array(starts) * 1_000_000, BARS.start_ns)
    assert {message["channel"] for message in bars} == {"bars:AAPL:1m"}


def is_the_end(message: dict[str, Any]) -> bool:
    happened = message["payload"].get("events", ())
    return any(event["kind"] == "run.ended" for event in happened)


@pytest.mark.parametrize("ends", [False, True])
def test_of_a_session_that_has_not_begun_nothing_is_told(
    stored: Api, live: LiveServer, viewer_token: str, ends: bool
) -> None:
    """Its bars and their quality are known to the platform by then, and to nobody else."""
    stored.system.start(config(), paused=True)
    data = stored.system.get_session_data()
    assert data is not None
    until(lambda: data.get_quality("AAPL") is not None)
    with live.client(viewer_token, "bars:AAPL:1m", "quality") as ws:
        assert receive(ws)["payload"]["quality_pct"] == {"AAPL": None}
        if ends:
            stored.system.stop()
        else:
            stored.system.step()
        told = receive_until(ws, lambda each: each["type"] == ("quality" if ends else "bars"))
    closes = [each["payload"]["close"] for each in told if each["type"] == "bars"]
    assert closes == ([] if ends else [[BARS.close[0]]])
    if ends:
        assert told[-1]["payload"]["quality_pct"] == {"AAPL": None}


def test_stepping_tells_one_bar_at_a_time(stored: Api, live: LiveServer, viewer_token: str) -> None:
    with live.client(viewer_token, "bars:AAPL:1m") as ws:
        stored.system.start(config(), paused=True)
        for number in range(3):
            stored.system.step()
            message = receive(ws)
            assert message["seq"] == number + 1
            assert message["payload"]["close"] == [BARS.close[number]]


def test_orders_and_snapshots_of_a_session_at_full_speed(
    stored: Api, live: LiveServer, viewer_token: str
) -> None:
    buyer = {"buyer": ("tests.session_strategies:Buyer", {"on": 5})}
    channels = ("orders", "session", "positions", "quality", "events")
    with live.client(viewer_token, *channels) as ws:
        stored.system.start(config(strategies=buyer))
        told = receive_until(ws, is_the_end)
    latest = {each["type"]: each["payload"] for each in told}  # an event comes last
    (order,) = latest["orders"]["orders"]
    assert order["strategy"] == "buyer"
    assert order["status"] == "filled"
    assert order["quantity"] == order["filled_quantity"] == 10.0
    assert order["fill_price"] == BARS.open[5]  # decided at the close of bar 5, filled at the next
    assert latest["positions"]["positions"] == [{"symbol": "AAPL", "quantity": 10.0}]
    assert latest["positions"]["pnl"] == pytest.approx(10 * (BARS.close[-1] - BARS.open[5]))
    assert latest["quality"]["quality_pct"] == {"AAPL": 100.0}
    assert stored.system.record is not None
    run_id = str(stored.system.record.id)
    assert {payload.get("run_id", run_id) for payload in latest.values()} == {run_id}
    assert {e["run_id"] for m in told for e in m["payload"].get("events", ())} == {run_id}
    session = latest["session"]
    assert (session["state"], session["bars"], session["sessions_done"]) == ("STOPPED", 780, 2)
    kinds = [
        event["kind"] for m in told if m["type"] == "events" for event in m["payload"]["events"]
    ]
    assert kinds == ["run.started", "run.ended"]


def test_a_run_is_followed_by_its_id(stored: Api, live: LiveServer, viewer_token: str) -> None:
    stored.system.start(config(), paused=True)
    with live.client(viewer_token, "session") as ws:
        run_id = receive(ws)["payload"]["run_id"]
        say(ws, action="subscribe", channels=[f"runs:{run_id}", f"runs:{uuid4()}"])
        told = receive_until(ws, lambda message: message["type"] == "runs")[-1]
        assert told["channel"] == f"runs:{run_id}"
        assert told["payload"]["state"] == "running"
        stored.system.stop()
        receive_until(ws, lambda m: m["type"] == "runs" and m["payload"]["state"] == "stopped")


def test_what_changes_nothing_is_no_event(stored: Api, live: LiveServer, viewer_token: str) -> None:
    system = stored.system
    with live.client(viewer_token, "events") as ws:
        system.start(config(), paused=True)
        system.set_speed(1.0)
        for act in (system.pause, system.resume, system.resume, system.pause, system.pause):
            act()
        system.stop()
        told = receive_until(ws, is_the_end)
    kinds = [event["kind"] for message in told for event in message["payload"]["events"]]
    assert kinds == [
        *("run.started", "run.speed", "run.resumed", "run.paused", "run.stopping", "run.ended"),
    ]


def test_a_strategy_that_fails_is_an_event(
    stored: Api, live: LiveServer, viewer_token: str
) -> None:
    both = {
        "raises": ("tests.session_strategies:Raises", {"on": 3}),
        "idle": ("tests.session_strategies:Idle", {}),
    }
    with live.client(viewer_token, "events") as ws:
        stored.system.start(config(strategies=both))
        told = receive_until(ws, is_the_end)
    events = [event for message in told for event in message["payload"]["events"]]
    (failed,) = [event for event in events if event["kind"] == "strategy.failed"]
    assert failed["strategy"] == "raises"
    assert failed["time"] == "2024-07-01T13:33:00.000Z"
    assert "the strategy's own mistake" in failed["message"]


def test_a_snapshot_comes_with_the_first_subscription_only(
    live: LiveServer, viewer_token: str
) -> None:
    with live.client(viewer_token, "session") as ws:
        assert receive(ws)["type"] == "session"
        say(ws, action="subscribe", channels=["session", "quality"])
        told = receive_until(ws, lambda message: message["type"] == "quality")
    assert [message["type"] for message in told] == ["subscribed", "quality"]


def test_who_unsubscribes_hears_no_more(api: Api, live: LiveServer, viewer_token: str) -> None:
    hub = api.system.hub
    with live.client(viewer_token, "events", "orders") as ws:
        hub.publish("events", {"kind": "one"})
        assert receive(ws)["payload"] == {"events": [{"kind": "one"}]}
        say(ws, action="unsubscribe", channels=["events"])
        assert receive(ws)["payload"] == {"channels": {"orders": 0}}
        assert hub.wanted == {"orders"}
        say(ws, action="subscribe", channels=["events"])
        assert receive(ws)["payload"] == {"channels": {"orders": 0, "events": 0}}
    until(lambda: not hub.wanted)
    assert (hub.figures.connections, hub.figures.subscriptions) == (0, 0)


def test_ping_and_heartbeats(api: Api, live: LiveServer, viewer_token: str) -> None:
    limit(api, heartbeat_s=0.05)
    with live.client(viewer_token) as ws:
        say(ws, action="ping")
        told = receive_until(ws, lambda message: message["type"] == "pong")
        told += receive_until(ws, lambda message: message["seq"] >= 6)
        told += receive_until(ws, lambda message: message["type"] == "heartbeat")
    assert {message["type"] for message in told} == {"pong", "heartbeat"}
    assert [message["seq"] for message in told] == list(range(2, len(told) + 2))
    beat = next(message for message in told if message["type"] == "heartbeat")
    assert beat["payload"] == {"queued": 0, "lost": 0}


def test_clients_of_one_channel_get_the_same_bytes(
    api: Api, live: LiveServer, viewer_token: str
) -> None:
    with live.client(viewer_token, "events") as one, live.client(viewer_token, "events") as other:
        for number in range(5):
            api.system.hub.publish("events", {"number": number})
            assert one.recv(PATIENCE_S) == other.recv(PATIENCE_S)


def test_a_burst_of_ten_thousand_wakes_the_loop_few_times(
    api: Api, live: LiveServer, viewer_token: str
) -> None:
    hub = api.system.hub
    with live.client(viewer_token, "events") as ws:
        before, began = hub.figures.wakes, perf_counter()
        for number in range(10_000):
            hub.publish("events", {"number": number})
        last = receive_until(ws, lambda m: {"number": 9_999} in m["payload"].get("events", ()))
        lasted_s = perf_counter() - began
    assert hub.figures.wakes - before <= 5 + lasted_s / Limits().flush_s
    lost = sum(message["payload"]["count"] for message in last if message["type"] == "lost")
    told = [event for m in last for event in m["payload"].get("events", ())]
    assert lost + len(told) == 10_000
    assert lost == hub.figures.overrun


# ── the end ──────────────────────────────────────────────────────────────────


def test_a_server_that_stops_says_goodbye(api: Api, viewer_token: str) -> None:
    server = LiveServer(api.app)
    server.start()
    with server.client(viewer_token, "orders") as ws, server.client(viewer_token) as other:
        server.stop()
        assert closed(ws)[1:] == (1001, "the server stops")
        assert closed(other)[1:] == (1001, "the server stops")
    assert api.system.hub.wanted == frozenset()


def test_a_session_goes_on_when_it_cannot_be_told_of(
    stored: Api, live: LiveServer, viewer_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("nothing can be told")

    stored.system.start(config())
    assert stored.system.wait(PATIENCE_S)
    assert stored.system.record is not None
    told = stored.system.record
    with live.client(viewer_token, "bars:AAPL:1m", "orders", "session", "events"):
        monkeypatch.setattr(stored.system.hub, "publish", fail)
        stored.system.start(config())
        assert stored.system.wait(PATIENCE_S)
    assert stored.system.record is not told
    assert (stored.system.record.status, stored.system.record.bars) == (told.status, told.bars)


def test_a_session_goes_on_when_its_clients_have_gone(
    stored: Api, live: LiveServer, viewer_token: str
) -> None:
    with live.client(viewer_token, "bars:AAPL:1m", "orders", "session") as ws:
        stored.system.start(config(), paused=True)
        stored.system.step()
        receive(ws)
    stored.system.resume()
    assert stored.system.wait(PATIENCE_S)
    assert stored.system.record is not None
    assert stored.system.record.status == "completed"


# ── runs that were asked for ─────────────────────────────────────────────────


def test_a_run_of_the_queue_is_told_to_its_end(
    stored: Api, live: LiveServer, viewer_token: str
) -> None:
    run_id, queue = uuid4(), stored.system.get_run_queue()
    with live.client(viewer_token, f"runs:{run_id}") as ws:
        queue.submit(config(), run_id=run_id)
        told = receive_until(ws, lambda message: message["payload"].get("state") == "completed")
        last = told[-1]["payload"]
        assert (last["run_id"], last["session_name"]) == (str(run_id), "test_session")
        assert (last["bars"], last["sessions_done"]) == (780, 2)
        assert told[-1]["type"] == "runs"
    with live.client(viewer_token, f"runs:{run_id}") as late:
        assert receive(late)["payload"]["state"] == "completed"
