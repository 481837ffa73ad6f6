"""What 200 WebSocket clients cost a session that runs: ``python benchmarks/websocket_clients.py``.

The API and the engine share one process, as they do when they serve; the clients are real
sockets in another. Sessions without a client and with all of them take turns. Measured are the
deciding thread's CPU time and how long it took for the same bars, for a session played as fast
as it can and for one led by the clock. Time in which it was ready and other programs had the
processors, the clients among them, is left out of a session played as fast as it can.
"""

import argparse
import asyncio  # noqa: TID251  # the clients are a program of their own
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvicorn
from loguru import logger
from pydantic import SecretStr
from websockets.asyncio.client import connect

from app.api.app import create_app
from app.api.websocket.serving import WEBSOCKET_OPTIONS, Server
from app.config.settings import HOME, Settings
from app.core.users import Principal, Role
from app.managers.system_manager import SystemManager
from app.managers.time_manager import TimeManager
from app.managers.time_manager.clock import SystemClock
from app.managers.time_manager.setup import initialise_database
from app.models.database import session_factory
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.market_data.synthetic import write_sample
from app.services.security.tokens import AccessTokens
from app.threads.analysis_engine import AnalysisEngine

SYMBOLS = ("ALPHA", "BRAVO", "CHARLIE")
CHANNELS = [
    *(f"bars:{symbol}:1m" for symbol in SYMBOLS),
    *("orders", "positions", "session", "quality", "events"),
]
FIRST, LAST = date(2024, 12, 16), date(2025, 12, 15)
SECRET = "a secret that is only good for a measurement"  # noqa: S105
CLIENTS_PER_USER = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A session: its first day, its speed, and the seconds after which it is stopped."""

    name: str
    first: date
    speed: float
    seconds: float | None
    rounds: int


CASES = (
    Case(name="as fast as it can", first=FIRST, speed=0, seconds=None, rounds=5),
    Case(name="speed 60", first=LAST, speed=60, seconds=10.0, rounds=1),
    Case(name="speed 3600", first=LAST, speed=3_600, seconds=None, rounds=2),
)


@dataclass(slots=True)
class Measured:
    """What one session cost the deciding thread, and what the clients got."""

    cpu_s: float = 0.0
    elapsed_s: float = 0.0
    bars: int = 0
    told: dict[str, int] = field(default_factory=dict)


# ── the clients, in a process of their own ───────────────────────────────────


async def _listen(address: str, token: str, told: dict[str, int], ready: asyncio.Barrier) -> None:
    url = f"ws://{address}/api/websocket/stream"
    async with connect(
        url, subprotocols=["mismartera", f"bearer.{token}"], compression=None, max_size=None
    ) as socket:
        await socket.send(json.dumps({"action": "subscribe", "channels": CHANNELS}))
        await ready.wait()
        async for text in socket:
            told["messages"] += 1
            told["bytes"] += len(text)
            if '"type":"lost"' in text[:20]:
                told["lost"] += json.loads(text)["payload"]["count"]


async def _be_clients(address: str, tokens: Sequence[str]) -> None:
    told = dict.fromkeys(("messages", "bytes", "lost"), 0)
    ready = asyncio.Barrier(len(tokens) + 1)
    tasks = [asyncio.create_task(_listen(address, token, told, ready)) for token in tokens]
    await ready.wait()
    await asyncio.sleep(1.0)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.sleep(1.0)
    print(json.dumps(told), flush=True)
    for task in tasks:
        task.cancel()


@contextmanager
def _clients(address: str, tokens: Sequence[str], measured: Measured) -> Iterator[None]:
    if not tokens:
        yield
        return
    command = [sys.executable, __file__, "--address", address]
    process = subprocess.Popen(  # noqa: S603  # this program itself
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    _ask(process, json.dumps(list(tokens)))
    yield
    measured.told = json.loads(_ask(process, "done"))
    process.wait(30)


def _ask(process: "subprocess.Popen[str]", line: str) -> str:
    """Send the clients a line; their answer."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the clients have no pipes")
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline()


# ── the platform ─────────────────────────────────────────────────────────────


class _Platform:
    """An installation with synthetic bars, served on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(
            data_dir=folder,
            validation_dir=folder / "validation",
            secret_key=SecretStr(SECRET),
            rate_limit_per_minute=10_000_000,
        )
        initialise_database(self.settings.database_url)
        with session_factory(self.settings.database_url)() as db:
            sessions = TimeManager().session_grid(db, FIRST, LAST)
        write_sample(ParquetStorage(self.settings.bars_dir), sessions)
        self.system = SystemManager(self.settings)
        app = create_app(self.settings, system=self.system)
        config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", **WEBSOCKET_OPTIONS)
        self._server = Server(config, app)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    @property
    def address(self) -> str:
        host, port = self._server.servers[0].sockets[0].getsockname()
        return f"{host}:{port}"

    def tokens(self, count: int) -> list[str]:
        users = [uuid4() for _ in range(-(-count // CLIENTS_PER_USER))]
        tokens = AccessTokens(secret=SECRET, life_s=3_600)
        now_ns = SystemClock().now_ns()
        return [
            tokens.issue(_viewer(users[number // CLIENTS_PER_USER]), now_ns)
            for number in range(count)
        ]

    def run(self, case: Case, clients: int) -> Measured:
        measured = Measured()
        config = json.loads((HOME / "session_configs" / "example_session.json").read_text())
        config["backtest_config"] |= {
            "start_date": case.first.isoformat(),
            "end_date": LAST.isoformat(),
            "speed_multiplier": case.speed,
        }
        config["session_data_config"]["historical"] = {}
        with _clients(self.address, self.tokens(clients), measured):
            self.system.start(config)
            if not self.system.wait(case.seconds):
                self.system.stop()
            self.system.wait()
        measured.cpu_s, measured.elapsed_s, delayed_s = DECIDED.pop()
        if not case.speed:
            measured.elapsed_s -= delayed_s
        measured.bars = self.system.record.bars if self.system.record else 0
        return measured

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()


def _viewer(user_id: Any) -> Principal:
    return Principal(
        user_id=user_id, username="viewer", role=Role.VIEWER, login_id=uuid4(), api_key_id=None
    )


DECIDED: list[tuple[float, float, float]] = []
"""CPU seconds, seconds, and `_delayed_s` of each deciding thread that is over."""


def _time_deciding() -> None:
    work = AnalysisEngine.work

    def timed(engine: AnalysisEngine) -> None:
        cpu_s, wall_s, delayed_s = time.thread_time(), time.perf_counter(), _delayed_s()
        try:
            work(engine)
        finally:
            now = (time.thread_time(), time.perf_counter(), _delayed_s())
            DECIDED.append((now[0] - cpu_s, now[1] - wall_s, now[2] - delayed_s))

    AnalysisEngine.work = timed  # type: ignore[method-assign]  # to time it is why


def _delayed_s() -> float:
    """Seconds this thread was ready and had no processor: other programs', not ours."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


def _table(case: Case, by_clients: dict[int, list[Measured]]) -> None:
    for clients, runs in by_clients.items():
        cpu_s = statistics.median(run.cpu_s for run in runs)
        elapsed_s = statistics.median(run.elapsed_s for run in runs)
        bars = runs[-1].bars
        told = {name: sum(run.told.get(name, 0) for run in runs) for name in ("messages", "lost")}
        megabytes = sum(run.told.get("bytes", 0) for run in runs) / 1e6
        print(
            f"| {case.name} | {clients} | {bars:,} | {cpu_s:.3f} | {elapsed_s:.3f} "
            f"| {bars / elapsed_s:,.0f} | {told['messages']:,} | {megabytes:,.1f} "
            f"| {told['lost']:,} |"
        )


def main() -> None:
    """Measure, or be the clients of a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--case", help="only the case whose name begins so")
    parser.add_argument("--address", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.address:
        asyncio.run(_be_clients(options.address, json.loads(sys.stdin.readline())))
        return
    logger.remove()
    _time_deciding()
    with tempfile.TemporaryDirectory() as folder:
        platform = _Platform(Path(folder))
        print("| session | clients | bars | CPU s | s | bars/s | messages | MB | lost |")
        print("|---|---|---|---|---|---|---|---|---|")
        for case in CASES:
            if case.name.startswith(options.case or ""):
                runs: dict[int, list[Measured]] = {0: [], options.clients: []}
                for number in range(case.rounds + 1):
                    for clients, measured in runs.items():
                        run = platform.run(case, clients)
                        if number:
                            measured.append(run)
                _table(case, runs)
        print(platform.system.hub.figures, file=sys.stderr)
        platform.stop()


if __name__ == "__main__":
    main()
