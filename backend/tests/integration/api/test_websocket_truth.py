"""What the WebSocket tells is what was: nothing is left out unsaid, and the last word is true."""

from collections.abc import Iterator
from datetime import date
from threading import Event, Thread, current_thread
from time import sleep
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.api.app import create_app
from app.core.data_structures import BarColumns
from app.core.strategy import BarCursor
from app.core.users import Role
from app.managers.system_manager import SystemManager
from app.managers.system_manager.status import SystemStatus
from app.monitoring.channels import Channel
from app.monitoring.hub import _Lane
from app.monitoring.values import BarsClosed, OrdersChanged, Snapshot
from tests.api_fixtures import Api
from tests.api_server import LiveServer, limit, receive, receive_until, say
from tests.session_strategies import HOOKS
from tests.system_fixtures import PATIENCE_S, minutes, session_config

DAYS = (date(2024, 7, 1), date(2024, 7, 2))
FLUSH_S = 0.02
ONE_BAR = minutes(DAYS[0]).slice(0, 1)
pytestmark = pytest.mark.usefixtures("limits")


def config(**more: Any) -> dict[str, Any]:
    return session_config("AAPL", first=DAYS[0].isoformat(), last=DAYS[-1].isoformat(), **more)


@pytest.fixture
def stored(api: Api) -> Api:
    api.installation.store("AAPL", minutes(*DAYS))
    return api


@pytest.fixture
def hooks() -> Iterator[dict[str, Any]]:
    yield HOOKS
    HOOKS.clear()


def run_id_of(system: SystemManager) -> UUID:
    run_id = system.status().run_id
    assert run_id is not None
    return run_id


def is_the_end(message: dict[str, Any]) -> bool:
    happened = message["payload"].get("events", ())
    return any(event["kind"] == "run.ended" for event in happened)


# ── nothing is left out unsaid ───────────────────────────────────────────────


def test_orders_that_are_not_told_are_counted(
    stored: Api, live: LiveServer, viewer_token: str, hooks: dict[str, Any]
) -> None:
    """390 orders end with each session, in one moment: more than are told at once."""

    def order(strategy: Any, _bar: BarCursor) -> None:
        strategy.buy(1, limit=50.0)

    hooks["on_bar"] = order
    hooked = {"hooked": ("tests.session_strategies:Hooked", {})}
    with live.client(viewer_token, "orders", "events") as ws:
        stored.system.start(config(strategies=hooked))
        told = receive_until(ws, is_the_end)
    orders = [message for message in told if message["type"] == "orders"]
    ended = {
        order["id"]
        for message in orders
        for order in message["payload"]["orders"]
        if order["status"] in {"expired", "canceled", "rejected"}
    }
    lost = sum(message["payload"]["count"] for message in told if message["type"] == "lost")
    record = stored.system.record
    assert record is not None
    assert lost > 0
    assert len(ended) < 780 <= len(ended) + lost
    assert [0, *(m["seq"] for m in orders)][-1] == len(orders) + lost


def test_bars_and_orders_of_two_runs_are_told_apart(
    api: Api, live: LiveServer, viewer_token: str
) -> None:
    hub = api.system.hub
    with live.client(viewer_token, "bars:AAPL:1m", "orders") as ws:
        for run_id in ("one", "one", "other"):
            hub.publish("bars:AAPL:1m", BarsClosed(run_id, ONE_BAR))
            hub.publish("orders", OrdersChanged(run_id, (), left_out=2))
        told = [receive(ws) for _ in range(6)]
    runs = [(m["type"], m["seq"], m["payload"].get("run_id")) for m in told]
    assert runs[:2] == [("bars", 1, "one"), ("bars", 2, "other")]
    assert runs[2][0] == runs[4][0] == "lost"
    assert [runs[3], runs[5]] == [("orders", 5, "one"), ("orders", 8, "other")]
    assert len(told[0]["payload"]["close"]) == 2


# ── in what order ────────────────────────────────────────────────────────────


def test_an_event_comes_behind_what_led_to_it_whoever_subscribed_first(
    api: Api, live: LiveServer, viewer_token: str
) -> None:
    hub = api.system.hub
    channels = ["session", "quality", "orders", "bars:AAPL:1m", "positions"]
    with live.client(viewer_token, "events"), live.client(viewer_token, "events") as ws:
        say(ws, action="subscribe", channels=channels)
        receive_until(ws, lambda m: m["type"] == "session")
        version = hub.next_version()
        for name in ("session", "positions", "quality"):
            hub.publish(name, Snapshot(version, {}))
        hub.publish("orders", OrdersChanged("run", ()))
        hub.publish("bars:AAPL:1m", BarsClosed("run", ONE_BAR))
        hub.publish("events", {"kind": "run.ended"})
        told = receive_until(ws, is_the_end)
    order = ["bars", "orders", "quality", "positions", "session", "events"]
    assert [message["type"] for message in told] == order


def test_what_is_published_while_it_is_taken_is_not_behind_its_event(
    api: Api, live: LiveServer, viewer_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bar and its event that come when the first channel has just been emptied."""
    hub, take, taken = api.system.hub, _Lane.take, []

    def interrupted(lane: _Lane) -> tuple[tuple[Any, ...], int]:
        found = take(lane)
        taken.append(lane)
        if len(taken) == 1:
            publish("two")
        return found

    def publish(name: str) -> None:
        hub.publish("bars:AAPL:1m", BarsClosed(name, ONE_BAR))
        hub.publish("events", {"kind": name})

    with live.client(viewer_token, "events", "bars:AAPL:1m") as ws:
        monkeypatch.setattr(_Lane, "take", interrupted)
        publish("one")
        told = receive_until(ws, lambda m: {"kind": "two"} in m["payload"].get("events", ()))
    bars = [message["payload"]["run_id"] for message in told if message["type"] == "bars"]
    assert bars == ["one", "two"]


def test_when_a_run_has_ended_its_last_state_has_been_told(
    stored: Api, live: LiveServer, viewer_token: str
) -> None:
    with live.client(viewer_token, "events") as ws:
        say(ws, action="subscribe", channels=["session", "positions"])
        stored.system.start(config())
        told = receive_until(ws, is_the_end)
    last = {message["type"]: message["payload"] for message in told}
    assert last["session"]["state"] == "STOPPED"
    assert last["positions"]["time"] == last["session"]["now"]


# ── the last word ────────────────────────────────────────────────────────────


def test_a_snapshot_made_before_another_is_not_told_after_it(
    api: Api, live: LiveServer, viewer_token: str
) -> None:
    limit(api, flush_s=FLUSH_S)
    hub = api.system.hub
    with live.client(viewer_token, "session") as ws:
        receive(ws)
        older, newer = hub.next_version(), hub.next_version()
        hub.publish("session", Snapshot(newer, {"state": "after"}))
        assert receive(ws)["payload"] == {"state": "after"}
        hub.publish("session", Snapshot(older, {"state": "before"}))
        sleep(2 * FLUSH_S)
        hub.publish("session", Snapshot(hub.next_version(), {"state": "last"}))
        hub.publish("session", Snapshot(older, {"state": "before"}))
        told = receive(ws)
    assert (told["seq"], told["payload"]) == (3, {"state": "last"})


def test_a_newcomer_that_is_held_up_does_not_tell_of_the_past(
    stored: Api, live: LiveServer, viewer_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, looked, ended = stored.system, Event(), Event()
    look = system.status

    def held_up() -> SystemStatus:
        seen = look()
        if current_thread() is newcomer:
            looked.set()
            assert ended.wait(PATIENCE_S)
        return seen

    channels = [Channel.parse("session")]
    newcomer = Thread(target=lambda: system.announce_to_newcomers(channels))
    monkeypatch.setattr(system, "status", held_up)
    with live.client(viewer_token, "session") as ws:
        system.start(config(), paused=True)
        newcomer.start()
        assert looked.wait(PATIENCE_S)
        system.resume()
        assert system.wait(PATIENCE_S)
        receive_until(ws, lambda m: m["payload"]["state"] == "STOPPED" and "bars" in m["payload"])
        ended.set()
        newcomer.join()
        system.announce()
        assert receive(ws)["payload"]["state"] == "STOPPED"


# ── one language ─────────────────────────────────────────────────────────────


def test_a_run_has_the_states_it_has_over_rest(
    stored: Api, live: LiveServer, viewer_token: str
) -> None:
    rest = stored.as_(Role.VIEWER)
    stored.system.start(config(), paused=True)
    run_id = run_id_of(stored.system)
    with live.client(viewer_token, f"runs:{run_id}") as ws:
        first = receive(ws)["payload"]["state"]
        assert first == rest.get(f"/api/v1/runs/{run_id}").json()["status"] == "running"
        stored.system.resume()
        told = receive_until(ws, lambda m: m["payload"]["state"] not in {"running", "recording"})
        last = told[-1]["payload"]
        assert stored.system.wait(PATIENCE_S)
        assert last["state"] == rest.get(f"/api/v1/runs/{run_id}").json()["status"] == "completed"


def test_a_run_of_the_record_is_told_as_the_record_has_it(api: Api, viewer_token: str) -> None:
    """After the server was started anew, and of a session before the last."""
    api.installation.store("AAPL", minutes(*DAYS))
    ids = []
    for _ in range(2):
        api.system.start(config())
        assert api.system.wait(PATIENCE_S)
        ids.append(run_id_of(api.system))
    api.system.get_run_queue().close()
    anew = api.installation.system()
    app = create_app(api.settings, system=anew, clock=api.clock)
    unknown = uuid4()
    with LiveServer(app) as server, server.client(viewer_token) as ws:
        channels = [f"runs:{run_id}" for run_id in (unknown, *ids)]
        say(ws, action="subscribe", channels=channels)
        assert receive(ws)["payload"] == {"channels": dict.fromkeys(channels, 0)}
        told = {message["channel"]: message["payload"] for message in (receive(ws), receive(ws))}
        say(ws, action="ping")
        assert receive(ws)["type"] == "pong"  # of the unknown run nothing was told
    for run_id in ids:
        payload = told[f"runs:{run_id}"]
        assert (payload["state"], payload["bars"], payload["sessions_done"]) == (
            "completed",
            780,
            2,
        )
        assert payload["equity"] == 100_000.0


def test_the_last_session_but_one_is_told_too(
    stored: Api, live: LiveServer, viewer_token: str
) -> None:
    stored.system.start(config())
    assert stored.system.wait(PATIENCE_S)
    first = run_id_of(stored.system)
    stored.system.start(config(), paused=True)
    with live.client(viewer_token, f"runs:{first}") as ws:
        assert receive(ws)["payload"]["state"] == "completed"
    stored.system.stop()


def test_quality_is_what_rest_says(api: Api, live: LiveServer, viewer_token: str) -> None:
    """195 of 390 minutes, then all: 75 % on the average."""
    first, second = minutes(DAYS[0]), minutes(DAYS[1])
    half = BarColumns.concatenate([first.slice(n, n + 1) for n in range(0, 390, 2)])
    api.installation.store("AAPL", BarColumns.concatenate([half, second]))
    with live.client(viewer_token, "quality", "events") as ws:
        api.system.start(config())
        told = receive_until(ws, is_the_end)
    last = [message["payload"] for message in told if message["type"] == "quality"][-1]
    (symbol,) = api.as_(Role.VIEWER).get("/api/v1/session/quality").json()["symbols"]
    assert last["quality_pct"] == {"AAPL": symbol["quality_pct"]} == {"AAPL": 75.0}
    assert UUID(last["run_id"]) == run_id_of(api.system)
