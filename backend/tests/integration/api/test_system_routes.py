"""The system over HTTP: a session is started, steered and ended, by those who may."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.core.enums import SystemState
from app.core.exceptions import WrongStateError
from app.managers.system_manager import SystemManager
from tests.api_fixtures import Api
from tests.system_fixtures import PATIENCE_S, minutes, session_config

MONDAY, TUESDAY = date(2024, 1, 8), date(2024, 1, 9)
TRADES = {"cross": ("sma_cross", {"fast": 3, "slow": 8, "quantity": 10})}


@pytest.fixture
def config(api: Api) -> dict[str, object]:
    """Two days of two symbols, stored, and a session on them."""
    for symbol in ("AAPL", "MSFT"):
        api.installation.store(symbol, minutes(MONDAY, TUESDAY))
    return session_config(
        "AAPL", "MSFT", first="2024-01-08", last="2024-01-09", strategies=TRADES, name="two_days"
    )


@pytest.fixture
def trader(api: Api) -> TestClient:
    return api.as_("trader")


@pytest.fixture
def configs(api: Api, tmp_path: Path) -> Path:
    folder = tmp_path / "configs"
    folder.mkdir()
    api.settings.session_configs_dir = folder
    return folder


def start(client: TestClient, config: object, **more: object):
    return client.post("/api/v1/system/start", json={"config": config, **more})


def details(answer) -> dict[str, str]:
    return {each["field"]: each["message"] for each in answer.json()["error"]["details"]}


def test_a_config_by_name_runs_to_its_end(api, trader, config, configs) -> None:
    (configs / "two_days.json").write_text(json.dumps(config))
    (configs / "notes.txt").write_text("not a config")
    assert trader.get("/api/v1/system/configs").json() == {
        "items": ["two_days"],
        "next_cursor": None,
    }
    answer = start(trader, "two_days")
    assert answer.status_code == 202
    assert answer.json()["session_name"] == "two_days"
    assert api.system.wait(PATIENCE_S)
    status = trader.get("/api/v1/system/status").json()
    assert status["state"] == "STOPPED"
    assert status["run_id"] == answer.json()["run_id"] == str(api.installation.records()[0].id)
    assert status["progress"]["sessions_done"] == 2
    assert status["progress"]["bars"] == 2 * 2 * 390  # days, symbols, minutes of a day


def test_a_paused_session_is_stepped_hurried_resumed_and_stopped(api, trader, config) -> None:
    assert start(trader, config, paused=True).json()["state"] == "PAUSED"
    first = trader.post("/api/v1/system/step", json={"count": 3.0}).json()
    assert (
        first["progress"]["market_time"] == "2024-01-08T14:33:00Z"
    )  # three minutes after the open
    second = trader.post("/api/v1/system/step").json()
    assert second["progress"]["market_time"] == "2024-01-08T14:34:00Z"
    for method in (trader.put, trader.post):
        assert method("/api/v1/system/speed", json={"speed_multiplier": 1}).json()["speed"] == 1.0
    assert trader.post("/api/v1/system/resume").json()["state"] == "RUNNING"
    assert trader.post("/api/v1/system/pause").json()["state"] == "PAUSED"
    assert trader.post("/api/v1/system/stop").json()["state"] == "STOPPED"
    assert api.system.wait(PATIENCE_S)
    assert [record.status for record in api.installation.records()] == ["stopped"]


def test_what_does_not_fit_the_state_is_a_conflict(api, trader, config) -> None:
    for action in ("stop", "pause", "resume", "step"):
        answer = trader.post(f"/api/v1/system/{action}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT"), action
    assert trader.put("/api/v1/system/speed", json={"speed_multiplier": 1}).status_code == 409
    start(trader, config, paused=True)
    answer = start(trader, config)
    assert answer.status_code == 409
    assert "running already" in answer.json()["error"]["message"]
    trader.put("/api/v1/system/speed", json={"speed_multiplier": 0.001})
    trader.post("/api/v1/system/resume")
    assert trader.post("/api/v1/system/step").status_code == 409  # not paused


def test_every_mistake_is_told_by_its_path(api, trader, config) -> None:
    config["mode"] = "sideways"
    config["session_data_config"]["symbols"] = ["AAPL", "../etc"]
    config["strategies"][0]["surprise"] = 1
    answer = start(trader, config)
    assert answer.status_code == 422
    assert set(details(answer)) == {
        "mode",
        "session_data_config.symbols[1]",
        "strategies[0].surprise",
    }
    assert api.system.state is SystemState.STOPPED


def test_a_symbol_without_bars_is_told_by_its_path(trader, config) -> None:
    config["session_data_config"]["symbols"] = ["AAPL", "NONE"]
    assert "session_data_config.symbols[1]" in details(start(trader, config))


def test_a_field_written_twice_is_a_mistake(trader, config) -> None:
    text = json.dumps({"config": config}).replace('"mode":', '"mode": "live", "mode":')
    json_type = {"Content-Type": "application/json"}
    answer = trader.post("/api/v1/system/start", content=text, headers=json_type)
    assert answer.status_code == 422
    assert details(answer) == {"mode": "is written 2 times; keep one"}


def test_a_config_that_is_sent_does_not_choose_what_is_imported(trader, config) -> None:
    config["strategies"][0]["class"] = "antigravity:Strategy"
    config["strategies"][0]["parameters"] = {}
    answer = start(trader, config)
    assert answer.status_code == 422
    assert "is a module" in details(answer)["strategies[0].class"]
    assert "antigravity" not in sys.modules


BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"{}",
    b'{"config": 1}',
    b'{"config": {}}',
    b'{"config": ""}',
    b'{"config": "x", "more": 1}',
    b'{"config": "x", "paused": "yes"}',
    b'{"config": NaN}',
    b'{"config": {"session_name": NaN}}',
    b'{"config": ' + b"[" * 100_000,
    b'{"config": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
    b'{"config": {"a": ' + b"9" * 10_000 + b"}}",
    b'{"config": {"a": "\\ud800"}}',
    b"\xff\xfe{",
    '{"config": {"session_name": "x"}}'.encode("utf-16"),
)


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_no_body_breaks_it(trader, body) -> None:
    answer = trader.post(
        "/api/v1/system/start", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("speed", [-1, "fast", "60", 1e300, None, True])
def test_a_speed_that_cannot_be(trader, speed) -> None:
    body = {"speed_multiplier": speed} if speed is not None else {}
    assert trader.put("/api/v1/system/speed", json=body).status_code == 422


@pytest.mark.parametrize("count", [0, 1_001, 1.5, "3", True, None])
def test_a_count_of_steps_that_cannot_be(trader, count) -> None:
    assert trader.post("/api/v1/system/step", json={"count": count}).status_code == 422


def test_who_steered_is_written_down(api, trader, config) -> None:
    start(trader, config, paused=True)
    trader.post("/api/v1/system/stop")
    with api.work() as work:
        entries = work.audit.list(actor_id=api.user("trader").id)
    assert [entry.action for entry in entries] == ["session.stop", "session.start"]
    assert entries[1].target == "session:two_days"
    assert entries[1].details["paused"] is True


def test_steps_that_were_played_count_though_the_session_ends_before_all_are(
    api, trader, config, monkeypatch
) -> None:
    step, played = SystemManager.step, []

    def step_twice(system: SystemManager) -> None:
        if len(played) == 2:
            raise WrongStateError("step: the session is not paused; pause it first")
        step(system)
        played.append(1)

    start(trader, config, paused=True)
    monkeypatch.setattr(SystemManager, "step", step_twice)
    answer = trader.post("/api/v1/system/step", json={"count": 9})
    assert answer.status_code == 200
    assert answer.json()["progress"]["market_time"] == "2024-01-08T14:32:00Z"
    with api.work() as work:
        assert work.audit.list()[0].details["count"] == 2


# ── names and paths that lead elsewhere ──────────────────────────────────────

TOUCHED: list[str] = []
_WATCHED = {"open", "os.scandir", "os.listdir", "os.rename", "os.remove", "os.mkdir"}
_watching = [False]


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _watching[0] and event in _WATCHED:
        TOUCHED.append(str(arguments[0]))


sys.addaudithook(_watch)


@contextmanager
def touched() -> Iterator[list[str]]:
    """Every path that Python opens, lists, makes or removes meanwhile."""
    TOUCHED.clear()
    _watching[0] = True
    try:
        yield TOUCHED
    finally:
        _watching[0] = False


TARGETS = ("etc/passwd", "secret", "secret.json", "etc/shadow\0")
CLIMBS = (
    "../" * 1,
    "../" * 2,
    "../" * 9,
    "/",
    "//",
    "./../",
    "..\\" * 3,
    "....//" * 2,
    "%2e%2e%2f" * 3,
    "%252e%252e%252f",
    "..%c0%af",
    "session_configs/../../",
    "file:///",
    "~/",
    "\0/",
    "C:\\",
    "\\\\host\\share\\",
    "inside\n/",
    "\uff0e\uff0e\uff0f",
    "linked/",
    "linked_folder/",
)
PAYLOADS = [climb + target for climb in CLIMBS for target in TARGETS]
PAYLOADS += ["linked", "linked_folder", ".", "..", "-", "*", "?", "$HOME", "`id`", "|id", "\0"]
PAYLOADS += ["inside\0", "inside.json", "INSIDE/", " inside", "inside ", "inside\n", "a" * 101]


@pytest.fixture
def lures(configs: Path, tmp_path: Path) -> Path:
    """A folder of configs with links out of it, and a secret outside."""
    secret = tmp_path / "secret.json"
    secret.write_text('{"session_name": "the secret"}')
    (configs / "inside.json").write_text("{}")
    (configs / "linked.json").symlink_to(secret)
    (configs / "linked_folder").symlink_to(tmp_path)
    return configs


def test_there_are_a_hundred_payloads() -> None:
    assert len(set(PAYLOADS)) >= 100


def leads_out(path: str) -> bool:
    return "passwd" in path or "secret" in path or "shadow" in path


def test_no_name_leads_out_of_the_folder_of_configs(api, trader, lures) -> None:
    with touched() as paths:
        answers = {name: start(trader, name) for name in PAYLOADS}
    for name, answer in answers.items():
        assert 400 <= answer.status_code < 500, name
        assert "the secret" not in answer.text
    assert [path for path in paths if leads_out(path)] == []
    assert api.system.state is SystemState.STOPPED
    assert trader.get("/api/v1/system/configs").json()["items"] == ["inside"]


@pytest.mark.parametrize("field", ["session_name", "symbol", "class", "class_file"])
def test_no_field_of_a_config_leads_to_a_file(api, trader, config, tmp_path, field) -> None:
    strategies = tmp_path / "strategies"
    strategies.mkdir()
    (tmp_path / "secret.py").write_text("raise SystemExit('the secret ran')")
    (strategies / "linked.py").symlink_to(tmp_path / "secret.py")
    api.settings.strategies_dir = strategies
    with touched() as paths:
        for payload in [*PAYLOADS, "../secret.py", "linked.py"]:
            wanted = json.loads(json.dumps(config))
            if field == "session_name":
                wanted["session_name"] = payload
            elif field == "symbol":
                wanted["session_data_config"]["symbols"] = ["AAPL", payload]
            elif field == "class":
                wanted["strategies"][0]["class"] = payload
            else:
                wanted["strategies"][0]["class"] = f"{payload}:Strategy"
            answer = start(trader, wanted, paused=True)
            if field == "session_name" and answer.status_code == 202:  # a name, and no more
                assert set(payload) <= set("abcdefghijklmnopqrstuvwxyz. _")
                trader.post("/api/v1/system/stop")
                assert api.system.wait(PATIENCE_S)
                continue
            assert 400 <= answer.status_code < 500, payload
            assert "the secret ran" not in answer.text
    assert [path for path in paths if leads_out(path)] == []


# ── the market's own time ────────────────────────────────────────────────────


def test_a_paper_session_is_started_looked_at_and_stopped(api, trader, config) -> None:
    paper = {name: value for name, value in config.items() if name != "backtest_config"}
    status = start(trader, paper | {"mode": "paper"}).json()
    assert (status["state"], status["mode"], status["speed"]) == ("RUNNING", "paper", 1.0)
    assert status["notice"].startswith("waits for bars to trade on; the session opens at 20")
    refused = trader.post("/api/v1/system/pause")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "CONFLICT")
    assert "goes by the market's own time" in refused.json()["error"]["message"]
    assert trader.post("/api/v1/system/stop").json()["state"] == "STOPPED"
    assert api.system.wait(PATIENCE_S)
    assert trader.get(f"/api/v1/runs/{status['run_id']}").json()["mode"] == "paper"


def test_a_paper_session_is_no_run_of_the_queue(trader, config) -> None:
    refused = trader.post("/api/v1/runs", json={"config": config | {"mode": "paper"}})
    assert refused.status_code == 422
    assert "a backtest is wanted" in refused.text
