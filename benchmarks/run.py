"""Measure the engine against its peers: ``make bench`` or ``python benchmarks/run.py``.

Every engine works in a process of its own and they take turns, one run each, so that a slow
minute of the machine is a slow minute for all. The first run of each warms it up and is
checked but not counted. Exit status 0 only if every engine gave the right answer.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import data
import peers
import report
from cases import ENTRIES, PEER, Entry
from processes import CaseFailed, KeptProcess, Sample, fresh_sample
from report import Measured
from workloads import WORKLOADS

_QUICK = 3
_API = "api"
"""Not a workload of engines: what requests to the server cost."""


def main() -> int:
    """Measure what the command line asks for and print it."""
    options = _options()
    if options.workload == [_API]:
        return _measure_the_api(options)
    entries = _chosen(options)
    try:
        interpreters = _interpreters(entries)
    except peers.PeersNotInstalled as error:
        print(error, file=sys.stderr)
        return 1
    measured = []
    for workload in WORKLOADS.values():
        rivals = [entry for entry in entries if entry.workload == workload]
        if rivals:
            measured += _measure(rivals, interpreters, quick=options.quick)
    lines = report.json_lines(measured) if options.json else report.table(measured)
    for line in lines:
        print(line)
    return _status(measured)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--workload",
        action="append",
        metavar="NAME",
        choices=[*WORKLOADS, _API],
        help=f"only this one; may be given again ({', '.join(WORKLOADS)}), or {_API} alone",
    )
    parser.add_argument("--quick", action="store_true", help="three runs of each engine or fewer")
    parser.add_argument("--no-peers", action="store_true", help="leave the other engines out")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    return parser.parse_args()


def _measure_the_api(options: argparse.Namespace) -> int:
    """What requests cost: no engines, and servers of its own."""
    script = Path(__file__).resolve().with_name("api_latency.py")
    flags = [f"--{name}" for name in ("quick", "json") if getattr(options, name)]
    return subprocess.run([sys.executable, script, *flags], check=False).returncode  # noqa: S603


def _chosen(options: argparse.Namespace) -> list[Entry]:
    wanted = options.workload or list(WORKLOADS)
    return [
        entry
        for entry in ENTRIES
        if entry.workload.name in wanted and not (options.no_peers and entry.environment == PEER)
    ]


def _interpreters(entries: Sequence[Entry]) -> dict[str, Path]:
    environments = {entry.environment for entry in entries}
    interpreters = dict.fromkeys(environments, Path(sys.executable))
    if PEER in environments:
        interpreters[PEER] = peers.ensure(_say)
    return interpreters


def _measure(
    entries: Sequence[Entry], interpreters: dict[str, Path], *, quick: bool
) -> list[Measured]:
    """Every engine of one workload, taking turns."""
    _say(f"{entries[0].workload.name}: {', '.join(entry.engine for entry in entries)}")
    parquet = _data_file(entries[0].workload.dataset)
    with ExitStack() as stack:
        racers = [Racer(entry, interpreters[entry.environment], parquet) for entry in entries]
        for racer in racers:
            racer.get_ready(stack)
        for turn in range(1 + max(entry.repetitions for entry in entries)):
            for racer in racers:
                most = min(racer.entry.repetitions, _QUICK if quick else turn)
                if turn <= most:
                    racer.take_turn()
    return [Measured(racer.entry, racer.samples, racer.failure) for racer in racers]


class Racer:
    """One engine in the race: the runs it has made, or why it dropped out."""

    def __init__(self, entry: Entry, python: Path, parquet: Path) -> None:
        self.entry = entry
        self.samples: list[Sample] = []
        self.failure = ""
        self._start = (python, entry, parquet)
        self._sample: Callable[[], Sample] = partial(fresh_sample, *self._start)

    def get_ready(self, stack: ExitStack) -> None:
        """Build the case, unless every run is to start from nothing."""
        if self.entry.is_fresh:
            return
        process = stack.enter_context(KeptProcess(*self._start))
        self._sample = process.sample
        self._try(process.wait_ready)

    def take_turn(self) -> None:
        """Run once."""
        if not self.failure:
            self._try(lambda: self.samples.append(self._sample()))

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except CaseFailed as error:
            self.failure = str(error)
            _say(f"{self.entry.engine} failed:\n{error}")


def _data_file(name: str) -> Path:
    """The data set's file, made by another process: a child's peak memory counts its parent's."""
    if not data.path_of(name).exists():
        _say(f"making {name}, {data.DATASETS[name].bars:,} bars")
        subprocess.run([sys.executable, data.__file__, name], check=True)  # noqa: S603  # our own
    return data.path_of(name)


def _status(measured: Sequence[Measured]) -> int:
    wrong = [case for case in measured if not case.is_right]
    for case in wrong:
        reason = "no answer" if case.failure else f"{case.samples[-1].answer}"
        expected = case.entry.workload.expected
        _say(f"WRONG {case.entry.workload.name} {case.entry.engine}: {reason}, not {expected}")
    return 1 if wrong else 0


def _say(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
