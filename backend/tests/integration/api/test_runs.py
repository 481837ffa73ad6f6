"""Runs over HTTP: asked for, followed, cancelled, and the same as `system start`'s."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core.administration import Origin
from app.core.exceptions import DatabaseError
from app.managers.system_manager import SystemManager, run_queue
from app.managers.system_manager.record_keeping import Recorder
from app.managers.system_manager.session_plan import plan_alone
from app.monitoring.channels import Channel
from app.repositories.audit_repository import AuditRepository
from app.repositories.unit_of_work import UnitOfWork
from tests import session_strategies
from tests.api_fixtures import SECRET, Api
from tests.integration.api.run_fixtures import DAYS, Runs, sample_config
from tests.running_time import running_time
from tests.system_fixtures import PATIENCE_S, Gate, session_config, until

NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)
SHIPPED = {"cross": ("sma_cross", {"fast": 3, "slow": 8, "quantity": 10, "interval": "5m"})}


@pytest.fixture
def held(gate: Gate) -> Iterator[Gate]:
    """Holds every run of `Hooked` at its first bar until it is opened; so nothing else runs."""
    session_strategies.HOOKS["on_bar"] = gate
    yield gate
    gate.opened.set()
    session_strategies.HOOKS.clear()


HELD = sample_config(strategies={"held": ("tests.session_strategies:Hooked", {})}, name="held")


# ── from the request to the record ───────────────────────────────────────────


def test_a_run_is_taken_and_followed_to_its_end(runs: Runs) -> None:
    answer = runs.client.post("/api/v1/runs", json={"config": runs.named("one", sample_config())})
    assert answer.status_code == 202
    taken = answer.json()
    assert answer.headers["location"] == f"/api/v1/runs/{taken['id']}"
    assert taken["status"] in ("queued", "running", "recording", "completed")
    assert taken["strategies"] == ["bracketed", "buyer"]
    ended = runs.ended(taken["id"])
    assert (ended["status"], ended["reason"]) == ("completed", None)
    assert (ended["bars"], ended["sessions"]) == (780, 1)
    assert ended["metrics"]["fills"] == 6
    assert ended["first_session"] == "2024-03-04"
    (listed,) = runs.client.get("/api/v1/runs").json()["items"]
    assert listed["id"] == taken["id"]
    assert listed["metrics"]["final_equity"] == ended["metrics"]["final_equity"]


def test_it_is_what_system_start_records(runs: Runs, tmp_path: Path) -> None:
    days = {"first": "2024-03-05", "last": "2024-03-06"}
    config = sample_config(**days, historical={"data": [{"intervals": ["1d"], "trailing_days": 1}]})
    ours = runs.finished(config)
    theirs = runs.api.installation.run(config).record
    assert theirs is not None
    (record,) = [each for each in runs.api.installation.records() if str(each.id) == ours["id"]]
    same = ("order_hash", "data_fingerprint", "metrics", "data_quality", "strategies", "config")
    for field in (*same, "bars", "sessions", "first_session", "last_session", "status", "reason"):
        assert getattr(record, field) == getattr(theirs, field), field
    folders = [Path(each.folder) for each in (record, theirs)]
    ours_left, theirs_left = (sorted(path.name for path in folder.iterdir()) for folder in folders)
    assert ours_left == theirs_left
    for name in ("orders.csv", "fills.csv", "equity.csv", "validation.csv"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name
    with runs.api.work() as work:
        assert work.trading.counts(record.id) == work.trading.counts(theirs.id)


def test_a_config_may_be_sent_along(runs: Runs) -> None:
    config = session_config("AAA", first="2024-03-04", last="2024-03-06", strategies=SHIPPED)
    answer = runs.client.post("/api/v1/runs", json={"config": config})
    assert answer.status_code == 202, answer.text
    ended = runs.ended(answer.json()["id"])
    assert (ended["status"], ended["bars"], ended["strategies"]) == ("completed", 1170, ["cross"])


def test_figures_are_there_before_the_record(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    written = threading.Event()

    def keep_late(*arguments: Any) -> object:
        assert written.wait(PATIENCE_S)
        return keep(*arguments)

    keep = Recorder.keep
    monkeypatch.setattr(Recorder, "keep", keep_late)
    run_id = runs.start(sample_config())["id"]
    early = runs.get(run_id, wait_s=PATIENCE_S, until="figures")
    assert (early["status"], early["metrics"]["fills"]) == ("recording", 6)
    assert early["order_hash"] is None
    assert runs.client.get("/api/v1/runs").json()["items"] == []
    cancelled = runs.client.post(f"/api/v1/runs/{run_id}/cancel")
    assert cancelled.status_code == 409
    written.set()
    ended = runs.ended(run_id)
    assert (ended["status"], ended["metrics"]) == ("completed", early["metrics"])


def test_a_run_that_cannot_be_recorded_has_failed(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise DatabaseError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(Recorder, "keep", fail)
        run = runs.finished(sample_config())
    assert (run["status"], run["reason"]) == ("failed", "DatabaseError: the disk is full")
    assert runs.finished(sample_config())["status"] == "completed"


def test_a_secret_in_an_error_of_a_strategy_is_kept_nowhere(runs: Runs) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError(f"refused: Bearer abcdefgh12345678, {SECRET}")

    session_strategies.HOOKS["on_bar"] = fail
    run = runs.finished(HELD)
    session_strategies.HOOKS.clear()
    assert "RuntimeError: refused: Bearer ***, ***" in run["reason"]
    folder = next(runs.api.settings.runs_dir.glob(f"*-{run['id']}"))
    kept = [path.read_bytes() for path in folder.iterdir()]
    kept += [path.read_bytes() for path in runs.api.settings.data_dir.glob("*.db*")]
    assert len(kept) > 5
    assert not [text for text in kept if SECRET.encode() in text or b"abcdefgh1234" in text]


# ── refused ──────────────────────────────────────────────────────────────────


def test_mistakes_are_named_by_their_path(runs: Runs) -> None:
    config = session_config("AAA", first="2024-03-04", last="2024-03-06", strategies=SHIPPED)
    config["backtest_config"]["start_date"] = "soon"
    answer = runs.client.post("/api/v1/runs", json={"config": config})
    assert answer.status_code == 422
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == "backtest_config.start_date"


def test_too_little_data(runs: Runs) -> None:
    config = session_config("AAA", "CCC", first="2023-03-06", last="2023-03-07")
    answer = runs.client.post("/api/v1/runs", json={"config": config})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "INSUFFICIENT_DATA"
    places = [detail["field"] for detail in error["details"]]
    assert places == ["session_data_config.symbols[0]", "session_data_config.symbols[1]"]
    assert runs.client.get("/api/v1/runs/queue").json() == {"items": []}


@pytest.mark.parametrize(
    "config", ["nothing", "../secrets", "/etc/passwd", "a\x00b", "", {}, 7, ["one"]]
)
def test_no_such_config(runs: Runs, config: object) -> None:
    answer = runs.client.post("/api/v1/runs", json={"config": config})
    assert answer.status_code == 422, answer.text


def test_a_config_that_is_sent_names_no_module(runs: Runs) -> None:
    answer = runs.client.post("/api/v1/runs", json={"config": sample_config()})
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["error"]["details"]] == [
        "strategies[0].class",
        "strategies[1].class",
    ]


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
def test_a_run_never_changes(runs: Runs, method: str) -> None:
    run_id = runs.finished(sample_config())["id"]
    answer = runs.client.request(method, f"/api/v1/runs/{run_id}", json={"status": "failed"})
    assert answer.status_code == 405
    assert runs.get(run_id)["status"] == "completed"


@pytest.mark.parametrize("path", ["", "/metrics", "/equity", "/report"])
def test_runs_that_are_not_there(runs: Runs, path: str) -> None:
    assert runs.client.get(f"/api/v1/runs/{uuid4()}{path}").status_code == 404
    assert runs.client.get(f"/api/v1/runs/no-hex{path}").status_code == 422


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


def test_a_config_that_is_sent_is_only_so_large(runs: Runs) -> None:
    def refused(path: str, config: dict[str, Any]) -> list[dict[str, str]]:
        answer = runs.client.post(f"/api/v1{path}", json={"config": config})
        assert answer.status_code == 422
        return answer.json()["error"]["details"]

    def sized(strategies: int, symbols: int) -> dict[str, Any]:
        names = [f"S{number}" for number in range(symbols)]
        own = {f"s{number}": ("sma_cross", {}) for number in range(strategies)}
        return session_config(*names, first="2024-03-04", last="2024-03-04", strategies=own)

    remedy = "; send fewer, or start a config of the server by its name"
    for path in ("/runs", "/system/start"):
        assert refused(path, sized(101, 1_001)) == [
            {
                "field": "strategies",
                "message": "101 are too many for a config that is sent, which may have 100"
                + remedy,
            },
            {
                "field": "session_data_config.symbols",
                "message": "1,001 are too many for a config that is sent, which may have 1,000"
                + remedy,
            },
        ]
        (pairs,) = refused(path, sized(6, 834))
        assert pairs["field"] == "strategies"
        assert pairs["message"].startswith("5,004 symbols of all of them together are too many")
    within = runs.client.post("/api/v1/runs", json={"config": sized(5, 1_000)})
    assert within.json()["error"]["code"] == "INSUFFICIENT_DATA"  # none is stored, and that is all
    assert runs.client.get("/api/v1/runs/queue").json()["items"] == []


def test_a_config_of_the_server_is_as_large_as_its_operator_likes(runs: Runs) -> None:
    own = {f"s{number}": ("sma_cross", {}) for number in range(101)}
    large = session_config("AAA", first="2024-03-04", last="2024-03-04", strategies=own)
    assert runs.finished(large)["status"] == "completed"


def test_what_is_no_list_is_told_as_that(runs: Runs) -> None:
    for wrong in ({"strategies": 5, "session_data_config": []}, {"session_data_config": None}):
        answer = runs.client.post("/api/v1/runs", json={"config": sample_config() | wrong})
        assert answer.status_code == 422
        assert "too many" not in answer.text


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


# ── what it came to ──────────────────────────────────────────────────────────


def test_the_report_and_the_figures(runs: Runs) -> None:
    run = runs.finished(sample_config())
    page = runs.client.get(f"/api/v1/runs/{run['id'][:8]}/report")
    assert page.headers["content-type"].startswith("text/html")
    assert page.text.startswith("<!doctype html>") or page.text.startswith("<!DOCTYPE html>")
    figures = runs.client.get(f"/api/v1/runs/{run['id']}/metrics").json()
    assert figures["metrics"] == run["metrics"]
    assert set(figures["strategies"]) == {"bracketed", "buyer"}


def test_the_equity_curve_in_pages(runs: Runs) -> None:
    run = runs.finished(sample_config())
    path = f"/api/v1/runs/{run['id']}/equity"
    closes = runs.client.get(path, params={"session_closes": True}).json()["items"]
    assert [point["time"] for point in closes] == ["2024-03-04T21:00:00Z"]
    assert float(closes[0]["equity"]) == pytest.approx(run["metrics"]["final_equity"])
    points, cursor = [], None
    while True:
        page = runs.client.get(
            path, params={"limit": 100, "cursor": cursor} if cursor else {"limit": 100}
        ).json()
        points += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    times = [point["time"] for point in points]
    assert times == sorted(set(times))
    assert len(times) == 390


def test_two_runs_side_by_side(runs: Runs) -> None:
    a = runs.finished(sample_config())["id"]
    b = runs.finished(sample_config(strategies={"buyer": SAMPLE_LATE}))["id"]
    same = runs.client.get("/api/v1/runs/compare", params={"a": a, "b": a}).json()
    assert (same["same_orders"], same["same_data"], same["settings"]) == (True, True, [])
    found = runs.client.get("/api/v1/runs/compare", params={"a": a, "b": b}).json()
    assert (found["same_orders"], found["same_data"]) == (False, True)
    assert found["tables"]["bars"]["is_equal"] is False
    fills = next(each for each in found["figures"] if each["key"] == "fills")
    assert (fills["a"], fills["b"], fills["delta"]) == (6, 2, -4)
    assert "/" not in found["a"]["name"]
    missing = runs.client.get("/api/v1/runs/compare", params={"a": a, "b": str(uuid4())})
    assert missing.status_code == 404


SAMPLE_LATE = ("tests.session_strategies:Buyer", {"on": 7})


def test_runs_are_filtered_and_sorted(runs: Runs) -> None:
    first = runs.finished(sample_config(name="first"))
    second = runs.finished(
        sample_config(name="second", strategies={"buyer": SAMPLE_LATE}, last=str(DAYS[2]))
    )
    ids = {first["id"]: "first", second["id"]: "second"}

    def found(**query: Any) -> list[str]:
        answer = runs.client.get("/api/v1/runs", params=query)
        assert answer.status_code == 200, answer.text
        return [ids[each["id"]] for each in answer.json()["items"]]

    assert found() == ["second", "first"]
    assert found(sort="started_at") == ["first", "second"]
    assert found(session_name="first") == ["first"]
    assert found(strategy="bracketed") == ["first"]
    assert found(strategy="buyer", symbol="BBB") == ["second", "first"]
    assert found(symbol="CCC") == found(strategy="x' OR '1'='1") == []
    assert found(status="failed") == []
    assert found(mode="backtest", **{"from": second["finished_at"]}) == ["second"]
    assert found(to=second["finished_at"]) == ["first"]
    page = runs.client.get("/api/v1/runs", params={"limit": 1}).json()
    rest = runs.client.get("/api/v1/runs", params={"cursor": page["next_cursor"]}).json()
    assert [each["id"] for each in (page["items"] + rest["items"])] == [second["id"], first["id"]]


def test_what_cannot_be_written_down_is_not_run(
    runs: Runs, held: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = runs.start(HELD)["id"]
    assert held.begun.wait(PATIENCE_S)
    config = runs.named("one", sample_config())
    leave = UnitOfWork.__exit__

    def fail_once(work: UnitOfWork, *error: Any) -> None:
        monkeypatch.setattr(UnitOfWork, "__exit__", leave)
        refused = DatabaseError("the disk is full")
        leave(work, type(refused), refused, None)
        raise refused

    monkeypatch.setattr(UnitOfWork, "__exit__", fail_once)
    answer = runs.client.post("/api/v1/runs", json={"config": config})
    assert answer.status_code == 500
    on_their_way = runs.client.get("/api/v1/runs/queue").json()["items"]
    assert [run["id"] for run in on_their_way] == [first]
    held.opened.set()


def test_who_asked_is_in_the_audit_log(runs: Runs, held: Gate) -> None:
    run_id = runs.start(HELD)["id"]
    runs.client.post(f"/api/v1/runs/{run_id}/cancel")
    with runs.api.work() as work:
        entries = {entry.action: entry for entry in work.audit.list()}
    assert entries["run.start"].target == entries["run.cancel"].target == f"run:{run_id}"
    assert entries["run.start"].actor == "trader"


def test_what_is_refused_or_cannot_be_written_down_is_not_run(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runs.client.post("/api/v1/runs", json={"config": "nothing"}).status_code == 422
    with runs.api.work() as work:
        assert [each.action for each in work.audit.list() if each.action == "run.start"] == []
    name = runs.named("sample", sample_config())

    def fail(*_: Any) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(AuditRepository, "add", fail)
    answer = runs.client.post("/api/v1/runs", json={"config": name})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "DATABASE_ERROR")
    assert runs.client.get("/api/v1/runs/queue").json() == {"items": []}
    assert runs.api.installation.records() == ()


def test_while_a_run_is_planned_others_write(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = []

    def plan(*arguments: Any) -> object:
        with runs.api.work() as work:
            work.audit.add(Origin(actor="somebody else").entry("test.meanwhile", None, NOON))
        planned.append(plan_alone(*arguments))
        return planned[-1]

    monkeypatch.setattr(run_queue, "plan_alone", plan)
    assert runs.finished(sample_config())["status"] == "completed"
    assert len(planned) == 1
    with runs.api.work() as work:
        actions = [entry.action for entry in work.audit.list()]
    assert actions == ["run.start", "test.meanwhile"]


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


def test_a_viewer_may_look_and_no_more(runs: Runs, api: Api) -> None:
    run_id = runs.finished(sample_config())["id"]
    viewer = api.as_("viewer")
    assert viewer.get(f"/api/v1/runs/{run_id}").status_code == 200
    assert viewer.post("/api/v1/runs", json={"config": "sample"}).status_code == 403
    assert viewer.post(f"/api/v1/runs/{run_id}/cancel").status_code == 403
    assert isinstance(api.system, SystemManager)
