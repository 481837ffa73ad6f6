"""Runs over HTTP: asked for, followed, cancelled, and the same as `system start`'s."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.core.administration import Origin
from app.core.exceptions import DatabaseError
from app.managers.system_manager import SystemManager, run_queue
from app.managers.system_manager.record_keeping import Recorder
from app.managers.system_manager.session_plan import plan_alone
from app.repositories.audit_repository import AuditRepository
from app.repositories.unit_of_work import UnitOfWork
from tests import session_strategies
from tests.api_fixtures import SECRET, Api
from tests.integration.api.run_fixtures import DAYS, HELD, Runs, sample_config
from tests.system_fixtures import PATIENCE_S, Gate, session_config

NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)
SHIPPED = {"cross": ("sma_cross", {"fast": 3, "slow": 8, "quantity": 10, "interval": "5m"})}


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


def test_a_viewer_may_look_and_no_more(runs: Runs, api: Api) -> None:
    run_id = runs.finished(sample_config())["id"]
    viewer = api.as_("viewer")
    assert viewer.get(f"/api/v1/runs/{run_id}").status_code == 200
    assert viewer.post("/api/v1/runs", json={"config": "sample"}).status_code == 403
    assert viewer.post(f"/api/v1/runs/{run_id}/cancel").status_code == 403
    assert isinstance(api.system, SystemManager)
