"""What operators look at: health in parts, figures for Prometheus, the log's level."""

import ctypes
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from http.client import HTTPConnection
from time import perf_counter
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from app.api import vital_signs
from app.core.users import Role
from app.models.database import SCHEMA_REVISION, session_factory
from app.monitoring.logs import current_level, set_level
from app.monitoring.metrics import EngineFigures
from tests.api_fixtures import Api
from tests.api_server import LiveServer
from tests.session_strategies import RELEASE
from tests.system_fixtures import PATIENCE_S, minutes, session_config, until

DAY = date(2025, 11, 6)


def details(api: Api) -> tuple[int, dict[str, Any]]:
    answer = api.as_("viewer").get("/api/v1/health/detailed")
    body = answer.json()
    return answer.status_code, body | {"parts": {part["name"]: part for part in body["parts"]}}


def figures(api: Api) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and labels."""
    answer = api.as_("viewer").get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def plain(api: Api, name: str) -> float:
    return figures(api)[f"mismartera_{name}", ()]


def of_requests(api: Api, method: str, route: str, status: str) -> float:
    labels = (("method", method), ("route", route), ("status", status))
    return figures(api).get(("mismartera_requests_total", labels), 0.0)


# ── health ───────────────────────────────────────────────────────────────────


def test_a_sound_installation_is_ok_in_every_part(api: Api) -> None:
    api.installation.store("AAPL", minutes(DAY))
    (api.settings.logs_dir).mkdir(parents=True, exist_ok=True)
    (api.settings.logs_dir / "app.log").touch()
    began = perf_counter()
    status, body = details(api)
    lasted_ms = 1_000.0 * (perf_counter() - began)
    assert (status, body["status"]) == (200, "ok")
    names = {"database", "store", "threads", "session", "queues", "disk", "log"}
    assert body["parts"].keys() == names
    for part in body["parts"].values():
        assert part["status"] == "ok"
        assert 0.0 <= part["latency_ms"] < lasted_ms
    assert body["parts"]["store"]["message"] == "1 symbols"
    assert body["parts"]["database"]["message"] == f"schema {SCHEMA_REVISION}"


def test_a_database_that_is_gone_is_failing(api: Api) -> None:
    token = api.as_("viewer")
    with session_factory(api.settings.database_url).begin() as db:
        db.execute(text("DROP TABLE alembic_version"))
    from app.models.database import close_databases

    close_databases()
    answer = token.get("/api/v1/health/detailed")
    assert answer.status_code == 503
    assert answer.json()["status"] == "failing"
    part = answer.json()["parts"][0]
    assert (part["name"], part["status"]) == ("database", "failing")
    assert "run `init-db`" in part["message"]


def test_a_database_file_that_is_gone_is_failing_and_not_made_anew(api: Api) -> None:
    file = api.settings.data_dir / "trading_app.db"
    token = api.as_("viewer")
    kept = file.rename(file.with_suffix(".kept"))
    part = token.get("/api/v1/health/detailed").json()["parts"][0]
    assert (part["name"], part["status"]) == ("database", "failing")
    assert part["message"] == "trading_app.db is gone: restore it, then start again"
    assert not file.exists()
    kept.rename(file)


def test_another_schema_than_the_program_s_is_failing(api: Api) -> None:
    with session_factory(api.settings.database_url).begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    status, body = details(api)
    assert (status, body["parts"]["database"]["status"]) == (503, "failing")
    assert body["parts"]["database"]["message"].startswith("schema 0005, the program's is ")


def test_a_database_that_another_program_writes_is_degraded(api: Api) -> None:
    api.user(Role.VIEWER)
    with closing(sqlite3.connect(api.settings.data_dir / "trading_app.db")) as other_program:
        other_program.execute("BEGIN IMMEDIATE")
        status, body = details(api)
    assert (status, body["parts"]["database"]["status"]) == (200, "degraded")
    assert body["parts"]["database"]["message"].startswith("another program is writing")
    assert details(api)[1]["parts"]["database"]["status"] == "ok"
    with session_factory(api.settings.database_url)() as db:
        assert db.execute(text("PRAGMA busy_timeout")).scalar_one() == 5_000


def test_a_store_without_bars_needs_care_and_stray_files_do_not(api: Api) -> None:
    _, body = details(api)
    assert body["parts"]["store"]["status"] == "degraded"
    api.installation.store("AAPL", minutes(DAY))
    (api.settings.bars_dir / "notes.txt").touch()
    (api.settings.bars_dir / "1m" / ".DS_Store").touch()
    _, body = details(api)
    store = body["parts"]["store"]
    assert (store["status"], store["message"]) == ("ok", "1 symbols")


@pytest.mark.parametrize(
    ("low", "none", "status", "level"),
    [(1 << 60, 0, 200, "degraded"), (1 << 60, 1 << 60, 503, "failing")],
)
def test_a_disk_that_runs_full_is_told_before_it_is(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    low: int,
    none: int,
    status: int,
    level: str,
) -> None:
    monkeypatch.setattr(vital_signs, "LOW_DISK", low)
    monkeypatch.setattr(vital_signs, "NO_DISK", none)
    code, body = details(api)
    assert (code, body["status"], body["parts"]["disk"]["status"]) == (status, level, level)


@pytest.fixture
def stuck() -> Iterator[None]:
    """A strategy that does not come back holds the session up until the test is over."""
    RELEASE.clear()
    yield
    RELEASE.set()


def test_a_thread_that_dies_in_a_session_is_failing_until_the_session_is_over(
    api: Api, stuck: None
) -> None:
    api.installation.store("AAPL", minutes(DAY))
    strategies = {"stuck": ("tests.session_strategies:Stuck", {})}
    api.system.start(session_config("AAPL", first=str(DAY), last=str(DAY), strategies=strategies))
    code, body = details(api)
    assert (code, body["parts"]["threads"]["status"]) == (200, "ok")
    watchdog = next(each for each in threading.enumerate() if each.name == "Watchdog")
    raise_in(watchdog, RuntimeError)
    watchdog.join(PATIENCE_S)
    code, body = details(api)
    assert (code, body["status"], body["parts"]["threads"]["status"]) == (503, "failing", "failing")
    assert "has failed: Watchdog" in body["parts"]["threads"]["message"]
    RELEASE.set()
    assert api.system.wait(PATIENCE_S)
    code, body = details(api)
    assert (code, body["status"], body["parts"]["threads"]["status"]) == (200, "degraded", "ok")


def raise_in(thread: threading.Thread, error: type[Exception]) -> None:
    """At the thread's next instruction, as an error of its own would be."""
    ident = ctypes.c_ulong(thread.ident or 0)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(error)) == 1


@pytest.mark.parametrize(
    ("name", "runs", "is_running", "expected"),
    [
        ("SessionCoordinator", 0, True, "failing"),
        ("Watchdog", 0, True, "failing"),
        ("DataProcessor", 0, True, "ok"),  # it is done first, and waits for nobody
        ("SessionCoordinator", 0, False, "ok"),
        ("RunQueue", 1, False, "failing"),
        ("RunQueue", 0, False, "ok"),
    ],
)
def test_a_thread_is_missed_while_it_has_work_to_do(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    runs: int,
    is_running: bool,
    expected: str,
) -> None:
    told = EngineFigures(is_running=is_running, threads={name: False}, queues={"runs": runs})
    monkeypatch.setattr(api.system, "figures", lambda: told)
    _, body = details(api)
    assert body["parts"]["threads"]["status"] == expected


def test_the_plain_one_asks_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.platform.session_factory", None)
    assert api.anonymous().get("/api/health").json() == {"status": "ok", "version": "0.1.0"}


def test_load_balancers_may_ask_with_head(live: LiveServer) -> None:
    def ask(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection(live.address, timeout=PATIENCE_S)
        with closing(connection):
            connection.request(method, path)
            answer = connection.getresponse()
            kept = ("Content-Type", "Content-Length", "Cache-Control")
            return answer.status, {name: answer.headers[name] for name in kept}, answer.read()

    for path in ("/api/v1/health", "/api/health"):
        status, headers, body = ask("GET", path)
        assert (status, len(body)) == (200, int(headers["Content-Length"]))
        assert ask("HEAD", path) == (200, headers, b"")


def test_the_root_says_where_to_go_on(api: Api) -> None:
    body = api.anonymous().get("/").json()
    assert body["name"] == "MisMartera"
    client = api.as_("viewer")
    for name, path in body["links"].items():
        if name != "api":
            assert client.get(path).status_code == 200


# ── figures ──────────────────────────────────────────────────────────────────


def test_requests_are_counted_by_what_they_are_not_by_what_they_say(api: Api) -> None:
    client = api.as_("viewer")
    began = perf_counter()
    for path in ("/api/v1/health", "/api/health", "/api/v1/health?x=1"):
        client.get(path)
    lasted_s = perf_counter() - began
    for number in range(20):
        client.get(f"/api/v1/no/such/{number}")
        client.request(f"VERB{number}", "/api/v1/health")
    client.get("/docs")
    assert of_requests(api, "GET", "/health", "200") == 2.0
    assert of_requests(api, "GET", "/health", "422") == 1.0
    assert of_requests(api, "GET", "unmatched", "404") == 20.0
    assert of_requests(api, "other", "/health", "405") == 20.0
    assert of_requests(api, "GET", "/docs", "200") == 1.0
    labels = (("method", "GET"), ("route", "/health"))
    assert figures(api)["mismartera_request_seconds_count", labels] == 3.0
    assert 0.0 < figures(api)["mismartera_request_seconds_sum", labels] < lasted_s
    assert ("python_info" in {name for name, _ in figures(api)}) is True


def test_two_applications_have_figures_of_their_own(api: Api) -> None:
    from app.api.app import create_app

    create_app(api.settings, system=api.system, clock=api.clock)
    api.anonymous().get("/api/v1/health")
    assert of_requests(api, "GET", "/health", "200") == 1.0


def test_the_engine_is_counted_over_all_its_runs(api: Api) -> None:
    api.installation.store("AAPL", minutes(DAY))
    config = session_config(
        "AAPL",
        first=str(DAY),
        last=str(DAY),
        strategies={"cross": ("sma_cross", {"interval": "1m", "fast": 2, "slow": 5})},
    )
    assert plain(api, "bars_processed_total") == 0.0
    for runs in (1, 2):
        api.system.start(config)
        assert api.system.wait(PATIENCE_S)
        record = api.system.record
        assert record is not None
        assert plain(api, "runs_total") == runs
        assert plain(api, "bars_processed_total") == 390.0 * runs
    assert record.bars == 390
    assert plain(api, "session_running") == 0.0
    assert api.system.result is not None
    assert plain(api, "orders_total") == 2 * len(api.system.result.log.orders)
    assert plain(api, "order_rejections_total") == 0.0


def test_runs_that_were_asked_for_are_counted_too(api: Api) -> None:
    api.installation.store("AAPL", minutes(DAY))
    session = session_config("AAPL", first=DAY.isoformat(), last=DAY.isoformat())
    queue = api.system.get_run_queue()
    for _ in range(2):
        queue.wait(queue.submit(session).id, PATIENCE_S)
    assert (plain(api, "runs_total"), plain(api, "bars_processed_total")) == (2, 780)
    told = figures(api)
    assert told["mismartera_queue_depth", (("queue", "runs"),)] == 0
    assert told["mismartera_thread_alive", (("thread", "RunQueue"),)] == 1


def test_threads_and_queues_of_a_session_that_runs(api: Api) -> None:
    api.installation.store("AAPL", minutes(DAY))
    api.system.start(session_config("AAPL", first=str(DAY), last=str(DAY)), paused=True)
    shown = figures(api)
    alive = {
        dict(labels)["thread"]: value
        for (name, labels), value in shown.items()
        if name == "mismartera_thread_alive"
    }
    assert alive["AnalysisEngine"] == 1.0
    queues = {dict(ls)["queue"] for (name, ls) in shown if name == "mismartera_queue_depth"}
    assert queues == {"read", "derived", "quality", "runs"}
    assert plain(api, "session_running") == 1.0
    code, body = details(api)
    assert (code, body["parts"]["session"]["message"]) == (200, "PAUSED")


def test_nothing_waits_in_the_queues_of_a_session_that_is_over(api: Api) -> None:
    days = [DAY + timedelta(days=ahead) for ahead in (0, 1, 4, 5)]
    api.installation.store("AAPL", minutes(*days))
    session = session_config("AAPL", first=str(days[0]), last=str(days[-1]))
    session["backtest_config"]["prefetch_days"] = 1
    api.system.start(session, paused=True)

    def waiting() -> dict[str, float]:
        return {
            dict(labels)["queue"]: value
            for (name, labels), value in figures(api).items()
            if name == "mismartera_queue_depth"
        }

    until(lambda: waiting()["derived"] == 1.0)
    api.system.stop()
    assert set(waiting().values()) == {0.0}


@pytest.mark.parametrize(("sender", "status"), [(None, 401), ("viewer", 200)])
def test_figures_are_for_those_who_may_read(api: Api, sender: str | None, status: int) -> None:
    client = api.anonymous() if sender is None else api.as_(sender)
    for path in ("/metrics", "/api/v1/metrics"):
        assert client.get(path).status_code == status


# ── the log's level ──────────────────────────────────────────────────────────


def test_an_admin_changes_what_is_logged(api: Api) -> None:
    before = current_level()
    client = api.as_("admin")
    try:
        answer = client.put("/api/v1/system/log-level", json={"level": "DEBUG"})
        assert (answer.status_code, answer.json()) == (200, {"level": "DEBUG"})
        assert current_level() == "DEBUG"
        assert client.get("/api/v1/system/log-level").json() == {"level": "DEBUG"}
        assert client.put("/api/v1/system/log-level", json={"level": "LOUD"}).status_code == 422
        assert current_level() == "DEBUG"
    finally:
        set_level(before)
