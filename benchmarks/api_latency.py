"""Measure what a request costs: ``make bench ARGS="--workload api"``.

Two real servers, each a process of its own on the loopback address: the platform, with what it
does for every request, and a bare FastAPI application whose plain ``def`` routes return the same
bytes. One client asks them in turns over kept connections, so that a slow minute of the machine
is a slow minute for both. The first round warms them up and is not counted.
"""

import argparse
import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from time import perf_counter, sleep
from uuid import uuid4

import numpy as np
import uvicorn
from fastapi import FastAPI, Response
from loguru import logger

import data
from app.api.app import create_app
from app.config.settings import Settings
from app.core.users import Principal, Role
from app.managers.system_manager import SystemManager
from app.managers.time_manager.clock import SystemClock
from app.managers.time_manager.setup import initialise_database
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.security.tokens import AccessTokens
from engines.mismartera_bars import bars_by_symbol

SECRET = "a secret of the benchmark, longer than thirty-two bytes"  # noqa: S105
_PATIENCE_S = 30.0
_ROUNDS, _REQUESTS = 20, 100
_QUICK_ROUNDS = 4
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
        return _serve(_platform())
    if options.serve == "bare":
        return _serve(_bare(json.loads(sys.stdin.readline())))
    with ExitStack() as stack:
        platform = Server(stack.enter_context(_started("platform")))
        bodies = {read.path: platform.get(read.path) for read in READS}
        bare = Server(stack.enter_context(_started("bare", bodies)))
        for read in READS:
            assert bare.get(read.path) == bodies[read.path]  # noqa: S101  # or it is no comparison
            _tell(read, *_measure(read, platform, bare, quick=options.quick), as_json=options.json)
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
        self._headers = {"Authorization": f"Bearer {_token()}"}

    def get(self, path: str) -> str:
        """The body at `path`."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body.decode()}")
        return body.decode()

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


def _serve(app: FastAPI) -> int:
    # Named as TCP, or asyncio leaves small answers to wait for acknowledgements.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_keep_alive=600)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _platform() -> FastAPI:
    """The platform on an installation that is kept beside the bars: 98,280 minutes of AAA."""
    logger.remove()
    parquet = data.write("D1")
    settings = Settings(
        _env_file=None,
        data_dir=parquet.with_suffix(".api"),
        secret_key=SECRET,
        access_token_minutes=60,
        rate_limit_per_minute=10_000_000,
    )
    settings.data_dir.mkdir(exist_ok=True)
    initialise_database(settings.database_url)
    storage = ParquetStorage(settings.bars_dir)
    if not storage.symbols():
        for symbol, bars in bars_by_symbol(str(parquet)).items():
            storage.write(symbol, bars)
    return create_app(settings, system=SystemManager(settings))


def _token() -> str:
    """An access token of the platform for somebody who may look."""
    principal = Principal(
        user_id=uuid4(), username="bench", role=Role.VIEWER, login_id=uuid4(), api_key_id=None
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
