"""Measure what requests cost: ``make bench ARGS="--workload api"``.

Two real servers, each a process of its own on the loopback address: the platform, with what it
does for every request, and a bare FastAPI application whose plain ``def`` routes return the same
bytes. One client asks them in turns over kept connections, so that a slow minute of the machine
is a slow minute for both. The first round warms them up and is not counted. At the end a
backtest is asked for over the API, in turns with `run_backtest` in the client's own process.
"""

import argparse
import gc
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from time import perf_counter, sleep
from typing import Any
from uuid import uuid4

import numpy as np
import uvicorn
from fastapi import FastAPI, Response
from loguru import logger

import data
from app.api.app import create_app
from app.api.serving import PROTOCOLS, spare_the_collector
from app.config.settings import Settings
from app.core.costs import PerShare
from app.core.users import Principal, Role
from app.managers.system_manager import SystemManager
from app.managers.time_manager.clock import SystemClock
from app.models.database import session_factory
from app.repositories.unit_of_work import UnitOfWork
from app.research import run_backtest
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.security.tokens import AccessTokens
from engines.mismartera import Cross
from engines.mismartera_system import CONFIG, install
from workloads import CASH, COMMISSION_PER_SHARE

SECRET = "a secret of the benchmark, longer than thirty-two bytes"  # noqa: S105
_PATIENCE_S = 30.0
_ROUNDS, _REQUESTS = 20, 100
_QUICK_ROUNDS = 4
_BACKTESTS, _QUICK_BACKTESTS = 15, 5
_TIMES_ALONE = 1.3
_LULL_S = 0.1
"""In which the server does what nobody waits for."""
_TRADER = "bench"
_NO_PASSWORD = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5$bm9ib2R5IGxvZ3MgaW4gd2l0aCB0aGlz"  # noqa: S105
_BARS = "/api/v1/market-data/bars/AAA?limit=1000&start=2023-06-01"


@dataclass(frozen=True, slots=True)
class Read:
    """One kind of request, and what it is to stay below.

    `times_bare` is against the bare route, `milliseconds` on its own; None: no target.
    """

    name: str
    path: str
    times_bare: float | None = None
    milliseconds: float | None = None


READS = (
    Read("health", "/api/v1/health", times_bare=2.0),
    Read("status, with a token", "/api/v1/system/status", times_bare=2.0),
    Read("1,000 bars as JSON, with a token", _BARS, milliseconds=10.0),
)


def main() -> int:
    """Serve or measure, as the command line asks for."""
    options = _options()
    if options.serve == "platform":
        return _serve(_platform(), **PROTOCOLS)
    if options.serve == "bare":
        return _serve(_bare(json.loads(sys.stdin.readline())))
    with ExitStack() as stack:
        platform = Server(stack.enter_context(_started("platform")))
        bodies = {read.path: platform.get(read.path) for read in READS}
        bare = Server(stack.enter_context(_started("bare", bodies)))
        for read in READS:
            assert bare.get(read.path) == bodies[read.path]  # noqa: S101  # or it is no comparison
            _tell(read, *_measure(read, platform, bare, quick=options.quick), as_json=options.json)
        _tell_backtests(*_time_backtests(platform, quick=options.quick), as_json=options.json)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the requests")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--serve", choices=("platform", "bare"), help=argparse.SUPPRESS)
    return parser.parse_args()


class Server:
    """A kept connection to one server, as a user who may look."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = {
            "Authorization": f"Bearer {_token()}",
            "Content-Type": "application/json",
        }

    def get(self, path: str) -> str:
        """The body at `path`."""
        return self._ask("GET", path, None)

    def post(self, path: str, value: object) -> str:
        """What is answered to `value`."""
        return self._ask("POST", path, json.dumps(value))

    def _ask(self, method: str, path: str, body: str | None) -> str:
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        told = answer.read().decode()
        if answer.status not in (200, 202):
            raise RuntimeError(f"{path}: {answer.status} {told}")
        return told

    def seconds(self, path: str, count: int) -> list[float]:
        """What each of `count` requests takes."""
        taken = []
        for _ in range(count):
            begun = perf_counter()
            self.get(path)
            taken.append(perf_counter() - begun)
        return taken


def _measure(
    read: Read, platform: Server, bare: Server, *, quick: bool
) -> tuple[list[float], list[float]]:
    """Seconds of every request to either server; they take turns."""
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(1 + (_QUICK_ROUNDS if quick else _ROUNDS)):
        for server, counted in ((platform, ours), (bare, theirs)):
            seconds = server.seconds(read.path, _REQUESTS)
            counted.extend(seconds if turn else [])
    return ours, theirs


def _tell(read: Read, ours: list[float], theirs: list[float], *, as_json: bool) -> None:
    p50, p95 = (1e3 * float(np.percentile(ours, share)) for share in (50, 95))
    bare = 1e3 * float(np.percentile(theirs, 50))
    facts = {"read": read.name, "p50_ms": p50, "p95_ms": p95, "bare_p50_ms": bare}
    facts |= {"times_bare": p50 / bare, "requests": len(ours)}
    if as_json:
        print(json.dumps(facts))
        return
    line = f"{read.name:34} p50 {p50:6.2f} ms  p95 {p95:6.2f} ms  bare p50 {bare:6.2f} ms"
    print(f"{line}  {p50 / bare:5.2f} × bare  {_verdict(read, p50, p50 / bare)}")


def _verdict(read: Read, p50_ms: float, times_bare: float) -> str:
    if read.times_bare is not None:
        return (
            f"{'ok' if times_bare <= read.times_bare else 'MISSED'}: at most {read.times_bare:g} ×"
        )
    assert read.milliseconds is not None  # noqa: S101  # one of them is given
    return f"{'ok' if p50_ms <= read.milliseconds else 'MISSED'}: at most {read.milliseconds:g} ms"


# ── a backtest ───────────────────────────────────────────────────────────────


def _time_backtests(platform: Server, *, quick: bool) -> tuple[list[float], list[float]]:
    """Seconds from asking for W1 to its figures, and of `run_backtest`; both read the bars."""
    storage = ParquetStorage(_settings().bars_dir)
    asked: list[float] = []
    alone: list[float] = []
    for turn in range(1 + (_QUICK_BACKTESTS if quick else _BACKTESTS)):
        gc.collect()
        begun = perf_counter()
        bars = {"AAA": storage.read("AAA")}
        commission = PerShare(COMMISSION_PER_SHARE)
        fills = run_backtest(Cross, bars, cash=CASH, commission=commission).metrics["fills"]
        alone.extend([perf_counter() - begun] if turn else [])
        begun = perf_counter()
        run = json.loads(platform.post("/api/v1/runs", {"config": "w1"}))["id"]
        followed = f"/api/v1/runs/{run}?wait_s=20"
        told = json.loads(platform.get(f"{followed}&until=figures"))
        asked.extend([perf_counter() - begun] if turn else [])
        assert told["metrics"]["fills"] == fills  # noqa: S101  # or it is no comparison
        ended = json.loads(platform.get(followed))
        assert ended["status"] == "completed", ended["reason"]  # noqa: S101
        sleep(_LULL_S)
    shutil.rmtree(_settings().runs_dir)
    return asked, alone


def _tell_backtests(asked: list[float], alone: list[float], *, as_json: bool) -> None:
    over_api, here = (1e3 * float(np.median(each)) for each in (asked, alone))
    facts = {"read": "W1", "p50_ms": over_api, "run_backtest_p50_ms": here}
    if as_json:
        print(json.dumps(facts | {"times_run_backtest": over_api / here, "requests": len(asked)}))
        return
    verdict = "ok" if over_api <= _TIMES_ALONE * here else "MISSED"
    print(
        f"{'W1, from asking to its figures':34} p50 {over_api:6.2f} ms  `run_backtest` p50 "
        f"{here:6.2f} ms  {over_api / here:5.2f} ×  {verdict}: at most {_TIMES_ALONE:g} ×"
    )


# ── the servers ──────────────────────────────────────────────────────────────


@contextmanager
def _started(kind: str, bodies: Mapping[str, str] | None = None) -> Iterator[int]:
    """A server in a process of its own; its port."""
    process = subprocess.Popen(  # noqa: S603  # our own
        [sys.executable, __file__, "--serve", kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None  # noqa: S101  # as asked for
    assert process.stdout is not None  # noqa: S101
    try:
        if bodies is not None:
            process.stdin.write(json.dumps(bodies) + "\n")
            process.stdin.flush()
        port = int(process.stdout.readline())
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=_PATIENCE_S)


def _wait_for(port: int) -> None:
    begun = perf_counter()
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if perf_counter() - begun > _PATIENCE_S:
                raise
            sleep(0.01)
        else:
            return


def _serve(app: FastAPI, **protocols: Any) -> int:
    # Named as TCP, or asyncio leaves small answers to wait for acknowledgements.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_keep_alive=600, **protocols
    )
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _platform() -> FastAPI:
    """The platform on an installation that is kept beside the bars: 98,280 minutes of AAA."""
    logger.remove()
    settings = _settings()
    settings.session_configs_dir.mkdir(parents=True, exist_ok=True)
    (settings.session_configs_dir / "w1.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    install(settings, str(data.write("D1")))
    with UnitOfWork(session_factory(settings.database_url)) as work:
        if work.users.find(_TRADER) is None:
            work.users.add(_TRADER, _NO_PASSWORD, role=Role.TRADER)
    app = create_app(settings, system=SystemManager(settings))
    spare_the_collector()
    return app


def _settings() -> Settings:
    home = data.write("D1").with_suffix(".api")
    return Settings(
        _env_file=None,
        data_dir=home,
        validation_dir=home / "validation",
        session_configs_dir=home / "session_configs",
        secret_key=SECRET,
        access_token_minutes=60,
        rate_limit_per_minute=10_000_000,
    )


def _token() -> str:
    """An access token of the platform for its trader."""
    with UnitOfWork(session_factory(_settings().database_url)) as work:
        user = work.users.find(_TRADER)
    assert user is not None  # noqa: S101  # the platform has made it
    principal = Principal(
        user_id=user.id, username=_TRADER, role=Role.TRADER, login_id=uuid4(), api_key_id=None
    )
    return AccessTokens(secret=SECRET, life_s=3_600).issue(principal, SystemClock().now_ns())


def _bare(bodies: Mapping[str, str]) -> FastAPI:
    """Plain routes whose values FastAPI writes: for JSON with spaces, a ready response."""
    app = FastAPI()
    for path, body in bodies.items():
        app.get(path.partition("?")[0])(_route(body))
    return app


def _route(body: str) -> object:
    value = json.loads(body)
    if json.dumps(value, separators=(",", ":"), ensure_ascii=False) == body:
        return lambda: value
    content = body.encode()
    return lambda: Response(content, media_type="application/json")


if __name__ == "__main__":
    sys.exit(main())
