"""The queue of runs over HTTP: one after the other, found, waited for, cancelled, left over."""

import threading
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.managers.system_manager import run_queue
from app.monitoring.channels import Channel
from tests import session_strategies
from tests.integration.api.run_fixtures import HELD, Runs, sample_config
from tests.running_time import running_time
from tests.system_fixtures import PATIENCE_S, Gate, until

# ── one after the other ──────────────────────────────────────────────────────


def test_runs_wait_for_each_other(runs: Runs, held: Gate) -> None:
    first = runs.start(HELD)["id"]
    assert held.begun.wait(PATIENCE_S)
    second, third = (runs.start(sample_config())["id"] for _ in range(2))
    queue = runs.client.get("/api/v1/runs/queue").json()["items"]
    assert [each["id"] for each in queue] == [first, second, third]
    assert [each["status"] for each in queue] == ["running", "queued", "queued"]
    assert [each["position"] for each in queue] == [None, 1, 2]
    assert runs.get(second, wait_s=0.05)["status"] == "queued"
    session_strategies.HOOKS.clear()
    held.opened.set()
    ended = [runs.ended(each) for each in (first, second, third)]
    assert [each["status"] for each in ended] == ["completed"] * 3
    assert ended[0]["finished_at"] <= ended[1]["started_at"]
    assert ended[1]["finished_at"] <= ended[2]["started_at"]
    assert ended[1]["order_hash"] == ended[2]["order_hash"]


def test_a_full_queue_takes_no_more(runs: Runs, held: Gate) -> None:
    queue = runs.api.system.get_run_queue()
    queue._most_waiting = 2
    runs.start(HELD)
    assert held.begun.wait(PATIENCE_S)
    waiting = [runs.start(sample_config())["id"] for _ in range(2)]
    answer = runs.client.post("/api/v1/runs", json={"config": "sample"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert runs.client.post(f"/api/v1/runs/{waiting[0]}/cancel").status_code == 200
    assert runs.client.post("/api/v1/runs", json={"config": "sample"}).status_code == 202


def test_so_many_may_wait_and_no_more(runs: Runs, held: Gate) -> None:
    from app.managers.system_manager.run_queue import MOST_WATCHED

    run_id = UUID(runs.start(HELD)["id"])
    queue = runs.api.system.get_run_queue()
    watchers = [
        threading.Thread(target=queue.wait, args=(run_id, None)) for _ in range(MOST_WATCHED)
    ]
    for watcher in watchers:
        watcher.start()
    while queue._watching < MOST_WATCHED:
        assert held.begun.wait(PATIENCE_S)
    assert queue.wait(run_id, None).state == "running"  # at once, or it would never
    held.opened.set()
    for watcher in watchers:
        watcher.join(PATIENCE_S)
    assert queue.wait(run_id, 0.0).state == "completed"


def test_a_session_goes_on_beside_them(runs: Runs, held: Gate) -> None:
    runs.api.system.start(HELD)
    assert held.begun.wait(PATIENCE_S)
    session_strategies.HOOKS.clear()  # the one that is held stays so
    assert runs.finished(sample_config())["status"] == "completed"
    assert runs.api.system.is_running()


def test_the_session_is_a_run_too(runs: Runs) -> None:
    config = runs.named("session", sample_config())
    started = runs.client.post("/api/v1/system/start", json={"config": config, "paused": True})
    run_id = started.json()["run_id"]
    runs.client.post("/api/v1/system/step", json={"count": 2})
    going = runs.get(run_id, wait_s=0.01)
    assert (going["status"], going["progress"]["bars"]) == ("running", 4)
    assert (going["metrics"], going["finished_at"], going["position"]) == (None, None, None)
    assert going["strategies"] == ["bracketed", "buyer"]
    refused = runs.client.post(f"/api/v1/runs/{run_id}/cancel")
    assert refused.status_code == 409
    assert "/system/stop" in refused.json()["error"]["message"]
    runs.client.post("/api/v1/system/stop")
    assert runs.api.system.wait(PATIENCE_S)
    over = runs.get(run_id)
    assert (over["status"], over["progress"]) == ("stopped", None)
    assert over["finished_at"] is not None
    late = runs.client.post(f"/api/v1/runs/{run_id}/cancel")
    assert late.status_code == 409
    assert "is stopped: there is nothing left to cancel" in late.json()["error"]["message"]


# ── found by its id, and waited for ──────────────────────────────────────────


def test_a_short_id_never_means_another_run(runs: Runs, held: Gate) -> None:
    """One run is recorded, one is running, one waits: all ids begin with a."""
    session_strategies.HOOKS.clear()
    queue = runs.api.system.get_run_queue()
    recorded, running, waiting = (
        UUID(f"{first}-0000-4000-8000-000000000000")
        for first in ("a0a0a0a0", "ae7bae7b", "a6cea6ce")
    )
    queue.submit(sample_config(), run_id=recorded)
    assert queue.wait(recorded, PATIENCE_S).state == "completed"
    session_strategies.HOOKS["on_bar"] = held
    queue.submit(HELD, run_id=running)
    assert held.begun.wait(PATIENCE_S)
    queue.submit(sample_config(), run_id=waiting)

    for path in ("a", "a/metrics", "a/equity", "a/report"):
        refused = runs.client.get(f"/api/v1/runs/{path}")
        assert (refused.status_code, "several runs begin with a" in refused.text) == (422, True)
    asked = {"a": "a", "b": "a0"}
    assert runs.client.get("/api/v1/runs/compare", params=asked).status_code == 422
    assert runs.client.post("/api/v1/runs/a/cancel").status_code == 422
    assert runs.get(str(waiting))["status"] == "queued"
    assert [runs.get(cut)["id"] for cut in ("A0", "ae7bae7b-0", "a6")] == [
        str(each) for each in (recorded, running, waiting)
    ]
    assert runs.client.post("/api/v1/runs/a0/cancel").status_code == 409
    assert runs.client.post("/api/v1/runs/a6/cancel").json()["id"] == str(waiting)
    assert runs.client.get("/api/v1/runs/a7").status_code == 404


def test_a_short_id_is_looked_for_at_the_session_too(runs: Runs) -> None:
    config = runs.named("session", sample_config())
    asked = {"config": config, "paused": True}
    run_id = runs.client.post("/api/v1/system/start", json=asked).json()["run_id"]
    other = run_id[:7] + ("0" if run_id[7] != "0" else "1") + run_id[8:]
    runs.api.system.get_run_queue().submit(sample_config(), run_id=UUID(other))
    assert runs.ended(other)["status"] == "completed"
    assert runs.client.get(f"/api/v1/runs/{run_id[:7]}").status_code == 422
    assert runs.client.post(f"/api/v1/runs/{run_id[:7]}/cancel").status_code == 422
    assert runs.get(run_id[:8])["status"] == "running"
    assert runs.get(other[:8])["status"] == "completed"


def test_who_waits_for_the_session_is_answered_at_its_end(runs: Runs) -> None:
    config, queue = runs.named("session", sample_config()), runs.api.system.get_run_queue()
    asked = {"config": config, "paused": True}
    run_id = runs.client.post("/api/v1/system/start", json=asked).json()["run_id"]
    told: list[dict[str, Any]] = []
    waits = threading.Thread(target=lambda: told.append(runs.get(run_id, wait_s=PATIENCE_S)))
    waits.start()
    until(lambda: queue._watching == 1)
    assert not told
    runs.client.post("/api/v1/system/stop")
    waits.join(PATIENCE_S)
    assert [each["status"] for each in told] == ["stopped"]
    assert queue._watching == 0


def test_one_too_many_who_wait_for_the_session_is_answered_at_once(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = runs.named("session", sample_config())
    asked = {"config": config, "paused": True}
    run_id = runs.client.post("/api/v1/system/start", json=asked).json()["run_id"]
    monkeypatch.setattr(run_queue, "MOST_WATCHED", 0)
    with running_time() as passed:
        assert runs.get(run_id, wait_s=PATIENCE_S)["status"] == "running"
    assert passed.seconds < PATIENCE_S / 2
    runs.client.post("/api/v1/system/stop")


# ── ended early ──────────────────────────────────────────────────────────────


def test_a_run_that_runs_is_cancelled_and_keeps_what_it_did(runs: Runs, held: Gate) -> None:
    run_id = runs.start(sample_config(strategies=HELD_AND_BUYER, last="2024-03-06"))["id"]
    assert held.begun.wait(PATIENCE_S)
    answer = runs.client.post(f"/api/v1/runs/{run_id[:13]}/cancel")
    assert (answer.status_code, answer.json()["id"]) == (200, run_id)
    held.opened.set()
    ended = runs.ended(run_id)
    assert (ended["status"], ended["reason"]) == ("stopped", "stopped on request")
    assert ended["bars"] < 3 * 780
    assert runs.client.post(f"/api/v1/runs/{run_id}/cancel").status_code == 409


HELD_AND_BUYER = {
    "held": ("tests.session_strategies:Hooked", {}),
    "buyer": ("tests.session_strategies:Buyer", {}),
}


def test_what_was_over_before_the_server_began_is_not_cancelled(runs: Runs) -> None:
    record = runs.api.installation.run(sample_config()).record
    assert record is not None
    answer = runs.client.post(f"/api/v1/runs/{record.id}/cancel")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")
    assert runs.client.post(f"/api/v1/runs/{uuid4()}/cancel").status_code == 404


def test_a_run_that_waits_is_never_begun(runs: Runs, held: Gate) -> None:
    runs.start(HELD)
    assert held.begun.wait(PATIENCE_S)
    run_id = runs.start(sample_config())["id"]
    answer = runs.client.post(f"/api/v1/runs/{run_id}/cancel").json()
    assert (answer["status"], answer["reason"]) == ("stopped", "cancelled before it began")
    recorded = runs.get(run_id)
    assert (recorded["bars"], recorded["sessions"], recorded["metrics"]["fills"]) == (0, 0, 0)
    assert recorded["first_session"] is None
    assert runs.client.get(f"/api/v1/runs/{run_id}/report").status_code == 404


def test_a_strategy_that_raises_fails_its_run_alone(runs: Runs) -> None:
    fails = sample_config(strategies={"fails": ("tests.session_strategies:Raises", {})})
    ended = runs.finished(fails)
    assert ended["status"] == "failed"
    assert "ZeroDivisionError: the strategy's own mistake" in ended["reason"]
    assert runs.finished(sample_config())["status"] == "completed"


def test_a_strategy_that_hangs_is_ended_by_a_cancel(runs: Runs) -> None:
    session_strategies.RELEASE.clear()
    loops = sample_config(strategies={"loops": ("tests.session_strategies:Loops", {})})
    run_id = runs.start(loops)["id"]
    while runs.get(run_id)["status"] == "queued":
        pass
    runs.client.post(f"/api/v1/runs/{run_id}/cancel")
    assert runs.ended(run_id)["status"] == "stopped"
    assert runs.finished(sample_config())["status"] == "completed"


def test_a_shut_down_ends_what_runs_and_leaves_what_waits_to_the_next_server(
    runs: Runs, held: Gate
) -> None:
    queue = runs.api.system.get_run_queue()
    running = runs.start(HELD)["id"]
    assert held.begun.wait(PATIENCE_S)
    waiting = [runs.start(sample_config())["id"] for _ in range(2)]
    closing = threading.Thread(target=queue.close)
    closing.start()
    refused = runs.client.post("/api/v1/runs", json={"config": "sample"})
    while refused.status_code == 202:
        waiting.append(refused.json()["id"])
        refused = runs.client.post("/api/v1/runs", json={"config": "sample"})
    assert refused.status_code == 409
    assert runs.get(waiting[-1], wait_s=PATIENCE_S)["status"] == "queued"  # at once: not today
    held.opened.set()
    closing.join(PATIENCE_S)
    (record,) = runs.api.installation.records()
    assert (str(record.id), record.status) == (running, "stopped")
    assert record.reason == "the server was shut down"
    queue.open()
    for run_id in waiting:
        assert runs.ended(run_id)["status"] == "completed"
    records = runs.api.installation.records()
    assert [str(each.id) for each in reversed(records)] == [running, *waiting]


def test_it_takes_runs_again_after_a_shut_down(runs: Runs) -> None:
    queue = runs.api.system.get_run_queue()
    queue.close()
    queue.close()
    queue.open()
    assert runs.finished(sample_config())["status"] == "completed"


# ── told ─────────────────────────────────────────────────────────────────────


def test_how_far_a_run_is_is_told_by_the_queue_alone(runs: Runs) -> None:
    """FAULTS 47: the thread that plays a session does not look through the runs of the queue."""
    run_id = runs.finished(sample_config())["id"]
    known, unknown = f"runs:{run_id}", f"runs:{uuid4()}"
    system = runs.api.system
    outlet = system.hub.open(lambda: None)
    outlet.want([known, unknown, "session"])
    system.announce()
    assert [batch.channel for batch in outlet.take()] == ["session"]
    system.announce_to_newcomers([Channel.parse(known), Channel.parse(unknown)])
    (batch,) = outlet.take()
    assert (batch.channel, batch.payloads[0].payload["state"]) == (known, "completed")
    outlet.close()


def test_a_run_that_waits_is_told_to_who_begins_to_listen(runs: Runs, held: Gate) -> None:
    runs.start(HELD)
    assert held.begun.wait(PATIENCE_S)
    waiting = f"runs:{runs.start(sample_config())['id']}"
    outlet = runs.api.system.hub.open(lambda: None)
    outlet.want([waiting])
    runs.api.system.announce_to_newcomers([Channel.parse(waiting)])
    (batch,) = outlet.take()
    assert batch.payloads[0].payload["state"] == "queued"
    outlet.close()
