"""``server`` as a process: it answers, refuses, and ends when told to."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from sqlalchemy import text

from app.core.users import Role
from app.managers.time_manager.setup import initialise_database
from app.models.database import close_databases, session_factory
from app.repositories.unit_of_work import UnitOfWork
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.security.keys import new_api_key, secret_hash
from tests.api_fixtures import ANY_HASH
from tests.command_line import BACKEND, CommandLine
from tests.system_fixtures import minutes, session_config

STRONG = "Vt2-6mQz9_Lr4KpXw8sNcE1yBgHdUf3aJ7oTiR5v"
PATIENCE_S = 90.0
"""It starts in two seconds; on a machine that does much else, in many."""


@dataclass(frozen=True)
class Installed(CommandLine):
    """A command line with an initialised database and a secret."""

    secret: str = STRONG

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "SECRET_KEY": self.secret,
            "STRATEGIES_DIR": str(self.home),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(BACKEND),
        }

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.data_dir / 'trading_app.db'}"

    def key(self) -> str:
        """An API key of a new admin."""
        key = new_api_key()
        with UnitOfWork(session_factory(self.database_url)) as work:
            user = work.users.add("ada", ANY_HASH, role=Role.ADMIN)
            hashed = secret_hash(key)
            work.api_keys.add(user.id, "e2e", prefix=key[:12], key_hash=hashed, scopes=["admin"])
        return key


class Server:
    """A running server, and what it has printed."""

    def __init__(self, line: Installed, *command: str) -> None:
        self._process = subprocess.Popen(
            command or line.heeding_signals("server", "--port", "0"),
            cwd=line.home,
            env=line.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.printed = ""
        while "Ctrl-C ends it" not in self.printed:
            self.printed += self._line()
        found = re.search(r"listens on http://127\.0\.0\.1:(\d+)", self.printed)
        assert found, self.printed
        self.port = int(found.group(1))

    def _line(self) -> str:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        giving_up = Timer(PATIENCE_S, self._process.kill)
        giving_up.start()
        line = self._process.stdout.readline()
        giving_up.cancel()
        assert line, (self.printed, self._process.stderr.read())
        return line

    def ask(self, method: str, path: str, key: str | None = None, body: Any = None) -> Any:
        """Status and JSON of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        headers = {"Content-Type": "application/json"} | ({"X-API-Key": key} if key else {})
        try:
            connection.request(method, path, body and json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or "null")
        finally:
            connection.close()

    def taken(self, config: Any, key: str, name: str) -> str:
        """The id of a run that is asked for under `name`, once."""
        headers = {"X-API-Key": key, "Idempotency-Key": name, "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("POST", "/api/v1/runs", json.dumps({"config": config}), headers)
            answer = connection.getresponse()
            run = json.loads(answer.read())
            assert answer.status == 202, run
            return run["id"]
        finally:
            connection.close()

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Exit status, and what was written to standard error."""
        self.send(number)
        _, errors = self._process.communicate(timeout=PATIENCE_S)
        return self._process.returncode, errors

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Installed]:
    made = Installed(tmp_path)
    initialise_database(made.database_url)
    yield made
    close_databases()


@pytest.fixture
def start(line: Installed) -> Iterator[Any]:
    started: list[Server] = []

    def starting(*command: str) -> Server:
        started.append(Server(line, *command))
        return started[-1]

    yield starting
    for server in started:
        server.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_answers_and_ends_when_told_to(start: Any, line: Installed, number: int) -> None:
    server = start()
    assert server.ask("GET", "/api/health") == (200, {"status": "ok", "version": "0.1.0"})
    assert f"http://127.0.0.1:{server.port}/docs" in server.printed
    assert server.end(number) == (0, "")
    log = (line.data_dir / "logs" / "app.log").read_text()
    assert re.search(r"GET /api/health 200 [\d.]+ ms 127\.0\.0\.1 user=-", log)
    assert "the API is down" in log


def test_who_starts_it_first_is_shown_a_token_once(start: Any, line: Installed) -> None:
    server = start()
    token = re.search(r"first admin:\s+(\S{40,})", server.printed)
    assert token
    server.end()
    assert token.group(1) not in (line.data_dir / "logs" / "app.log").read_text()
    line.key()
    again = start()
    assert "first admin" not in again.printed


OF_FEW_FILES = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 256))
os.execvp(sys.argv[1], sys.argv[1:])
"""


def test_idle_connections_leave_room_for_others_and_for_the_log(
    start: Any, line: Installed
) -> None:
    """300 connections that say nothing, from one address, to a process of 256 files."""
    command = line.heeding_signals("server", "--port", "0")
    server = start(sys.executable, "-c", OF_FEW_FILES, *command)
    key = line.key()
    with ExitStack() as stack:
        for _ in range(300):
            idle = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
            stack.enter_context(idle)
        assert idle.recv(12) == b"HTTP/1.1 503"
        elsewhere = http.client.HTTPConnection(
            "127.0.0.1", server.port, timeout=PATIENCE_S, source_address=("127.0.0.2", 0)
        )
        elsewhere.request("GET", "/api/v1/auth/me", headers={"X-API-Key": key})
        assert elsewhere.getresponse().status == 200
        elsewhere.close()
    status, errors = server.end()
    assert status == 0
    assert "Traceback" not in errors
    assert len(errors) < 1_000
    assert (line.data_dir / "logs" / "app.log").stat().st_size < 50_000


WITH_A_SESSION = """
import json, sys
from app.cli.serving import serve
from app.managers.system_manager import get_system_manager
get_system_manager().start(json.loads(sys.argv[1]), paused=True)
serve(None, 0)
"""


@pytest.mark.parametrize("times", [1, 2])
def test_a_session_is_stopped_and_recorded(start: Any, line: Installed, times: int) -> None:
    day = date(2025, 11, 6)
    ParquetStorage(line.data_dir / "bars").write("AAPL", minutes(day))
    config = session_config("AAPL", first=str(day), last=str(day))
    server = start(sys.executable, "-c", WITH_A_SESSION, json.dumps(config))
    key = line.key()
    _, health = server.ask("GET", "/api/v1/health/detailed", key)
    parts = {part["name"]: part["message"] for part in health["parts"]}
    assert parts["session"] == "PAUSED"
    for _ in range(times - 1):
        server.send(signal.SIGINT)
    assert server.end()[0] == 0
    with UnitOfWork(session_factory(line.database_url)) as work:
        (record,) = work.runs.list(10)
    assert (record.status, record.reason) == ("stopped", "the server was shut down")


WAITS = """
import time
from pathlib import Path
from app.core.strategy import Strategy

class Waits(Strategy):
    def on_bar(self, bar):
        while Path("hold").exists():
            time.sleep(0.01)
"""


def test_runs_outlive_a_killed_server(start: Any, line: Installed) -> None:
    """One that was being run and one that waited: both are run by the next server, once."""
    day = date(2025, 11, 6)
    ParquetStorage(line.data_dir / "bars").write("AAPL", minutes(day))
    key = line.key()
    (line.home / "waits.py").write_text(WAITS)
    waits = {"waits": ("waits.py:Waits", {})}
    config = session_config("AAPL", first=str(day), last=str(day), strategies=waits)
    hold = line.home / "hold"
    hold.touch()
    server = start()
    first, second = (server.taken(config, key, name) for name in ("one", "two"))
    while server.ask("GET", f"/api/v1/runs/{first}", key)[1]["status"] != "running":
        pass
    server.kill()
    hold.unlink()
    server = start()
    assert server.taken(config, key, "one") == first
    for run_id in (first, second):
        _, run = server.ask("GET", f"/api/v1/runs/{run_id}?wait_s=30", key)
        assert (run["status"], run["bars"]) == ("completed", 390)
    assert server.end()[0] == 0
    again = start()
    assert again.ask("GET", "/api/v1/runs/queue", key) == (200, {"items": []})
    listed = again.ask("GET", "/api/v1/runs", key)[1]["items"]
    assert [each["id"] for each in listed] == [second, first]


def test_a_port_in_use_is_told_before_anything_is_started(line: Installed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = line.run("server", "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"API_PORT: {port} on 127.0.0.1 is in use" in done.stderr


REFUSED = {
    "0.0.0.0": "a secret that a person typed is weak: default",  # noqa: S104
    "192.0.2.1": "0123456789abcdef0123456789abcdef-change-me",
}


@pytest.mark.parametrize("host", REFUSED)
def test_others_may_not_reach_it_with_a_weak_secret(line: Installed, host: str) -> None:
    line.key()
    done = Installed(line.home, REFUSED[host]).run("server", "--host", host)
    assert (done.returncode, done.stdout) == (2, "")
    assert "SECRET_KEY: it can be guessed" in done.stderr


def test_others_may_not_reach_it_without_users(line: Installed) -> None:
    done = line.run("server", "--host", "0.0.0.0")  # noqa: S104
    assert done.returncode == 2
    assert "there is no user yet" in done.stderr


def test_no_secret_is_no_secret(line: Installed) -> None:
    done = Installed(line.home, "").run("server")
    assert done.returncode == 2
    assert "SECRET_KEY: it is empty" in done.stderr


def test_a_database_that_is_not_ready_is_named_with_the_remedy(
    line: Installed, tmp_path: Path
) -> None:
    with session_factory(line.database_url).begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    done = line.run("server")
    assert done.returncode == 2
    assert "has schema 0005" in done.stderr
    assert "run `init-db`" in done.stderr
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    done = Installed(fresh).run("server")
    assert done.returncode == 2
    assert "has not been initialised: run `init-db`" in done.stderr


def test_an_address_that_is_none_is_named(line: Installed) -> None:
    line.key()
    done = line.run("server", "--host", "192.0.2.1")
    assert done.returncode == 2
    assert "API_HOST: 192.0.2.1 is not an address of this machine" in done.stderr
    assert os.environ.get("API_HOST") is None
