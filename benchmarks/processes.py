"""Cases as processes: kept alive and asked again and again, or started afresh each time."""

import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cases import Entry
from workloads import Answer

_WORKER = Path(__file__).resolve().parent / "worker.py"
_PATIENCE_S = 600.0
_MAXRSS_PER_MIB = 1024 * 1024 if sys.platform == "darwin" else 1024


class CaseFailed(Exception):  # noqa: N818  # reads as what happened
    """A case ended without an answer; the message is the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: its seconds, answer, and for a fresh process its peak memory in MiB."""

    seconds: float
    answer: Answer
    version: str
    peak_mib: float | None = None


class KeptProcess:
    """A case built once in its own process; `sample` has it run once."""

    def __init__(self, python: Path, entry: Entry, parquet: Path) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed in __exit__
        self._process = subprocess.Popen(  # noqa: S603  # our own worker
            _command(python, entry, parquet),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._input: Any = self._process.stdin
        self._output: Any = self._process.stdout
        self._version = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def wait_ready(self) -> None:
        """Return once the case is built and its data loaded."""
        self._version = self._receive()["version"]

    def sample(self) -> Sample:
        """Run the case once, while every other process of the benchmark waits."""
        self._input.write(b"run\n")
        self._input.flush()
        told = self._receive()
        return Sample(told["seconds"], _answer(told), self._version)

    def _receive(self) -> dict[str, Any]:
        ready, _, _ = select.select([self._output], [], [], _PATIENCE_S)
        line = self._output.readline() if ready else b""
        if not line:
            raise CaseFailed(_tail(self._errors) or f"no answer within {_PATIENCE_S:.0f} s")
        return json.loads(line)


def fresh_sample(python: Path, entry: Entry, parquet: Path) -> Sample:
    """Start a process, have it do its work once and end: its wall-clock time and peak memory."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begun = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603  # our own worker
            [*_command(python, entry, parquet), "--once"], stdout=output, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise CaseFailed(_tail(errors))
        output.seek(0)
        told = json.loads(output.read())
    return Sample(seconds, _answer(told), told["version"], _peak_mib(usage))


def _peak_mib(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / _MAXRSS_PER_MIB


def _command(python: Path, entry: Entry, parquet: Path) -> list[str | Path]:
    return [python, _WORKER, entry.module, entry.case, parquet, *entry.arguments]


def _answer(told: dict[str, Any]) -> Answer:
    return Answer(told["cash"], told["fills"], told["digest"])


def _tail(errors: Any) -> str:
    errors.seek(0)
    return errors.read().decode(errors="replace").strip()[-2_000:]
