"""What was measured, as lines to read and as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from cases import FRESH_TARGET, TARGETS, Entry
from data import DATASETS
from processes import Sample


@dataclass(frozen=True, slots=True)
class Measured:
    """All runs of one case; no sample and a `failure` if it never answered."""

    entry: Entry
    samples: Sequence[Sample]
    failure: str = ""

    @property
    def is_right(self) -> bool:
        """Whether every run, those of warming up included, gave the workload's answer."""
        expected = self.entry.workload.expected
        return bool(self.samples) and all(s.answer.agrees(expected) for s in self.samples)

    @property
    def timed(self) -> Sequence[Sample]:
        """The runs that count: all but the first."""
        return self.samples[1:]

    @property
    def median_s(self) -> float:
        """Median seconds of a run."""
        return median(sample.seconds for sample in self.timed)

    @property
    def bars_per_s(self) -> float:
        """One-minute bars a second at the median."""
        return DATASETS[self.entry.workload.dataset].bars / self.median_s

    @property
    def peak_mib(self) -> float | None:
        """Median peak memory of a fresh process; None for the others."""
        peaks = [sample.peak_mib for sample in self.timed if sample.peak_mib is not None]
        return median(peaks) if peaks else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target: what was asked, what came out, and whether that is enough."""

    what: str
    measured: str
    asked: str
    is_met: bool


def json_lines(measured: Sequence[Measured]) -> Iterator[str]:
    """One JSON object a case that answered."""
    for case in measured:
        if not case.timed:
            continue
        answer = case.timed[-1].answer
        fields = {
            "workload": case.entry.workload.name,
            "engine": case.entry.engine,
            "median_s": round(case.median_s, 6),
            "bars_per_s": round(case.bars_per_s),
            "cash": None if answer.cash is None else round(answer.cash, 2),
            "fills": answer.fills,
            "version": case.timed[-1].version,
            "runs": len(case.timed),
            "peak_mib": None if case.peak_mib is None else round(case.peak_mib, 1),
            "right": case.is_right,
        }
        yield json.dumps(fields)


def table(measured: Sequence[Measured]) -> Iterator[str]:
    """Lines to read: the engines of each workload, then the targets."""
    for workload, cases in groupby(measured, key=lambda case: case.entry.workload):
        yield f"\n{workload.name} · {workload.what} · {workload.expected}"
        yield f"  {'':27}{'median':>10}{'range':>20}{'runs':>6}{'bars/s':>10}{'peak':>10}"
        for case in cases:
            yield f"  {case.entry.engine:27}" + _row(case)
    yield from _verdict_lines(verdicts(measured))


def _row(case: Measured) -> str:
    if not case.timed:
        return f"FAILED: {case.failure.splitlines()[-1]}"
    seconds = [sample.seconds for sample in case.timed]
    spread = f"{min(seconds):.4f} … {max(seconds):.4f}"
    peak = "" if case.peak_mib is None else f"{case.peak_mib:.0f} MiB"
    wrong = "" if case.is_right else f"   WRONG: {case.samples[-1].answer}"
    return (
        f"{case.median_s:>8.4f} s{spread:>20}{len(seconds):>6}"
        f"{case.bars_per_s / 1e6:>8.2f} M{peak:>10}   {case.timed[-1].version}{wrong}"
    )


def verdicts(measured: Sequence[Measured]) -> list[Verdict]:
    """Every target whose engines were measured."""
    found = {(case.entry.workload, case.entry.engine): case for case in measured if case.timed}
    results = []
    for target in TARGETS:
        ours = found.get((target.workload, target.engine))
        other = found.get((target.workload, target.against))
        if ours and other:
            ratio = other.median_s / ours.median_s
            what = f"{target.workload.name}: {target.engine} / {target.against}"
            asked = f"at least {target.at_least:g} ×"
            results.append(Verdict(what, f"{ratio:.2f} ×", asked, ratio >= target.at_least))
    for case in found.values():
        if case.entry.is_fresh and case.entry.engine == FRESH_TARGET.engine:
            results += _fresh(case)
    return results


def _fresh(case: Measured) -> list[Verdict]:
    seconds, peak = case.median_s, case.peak_mib or 0.0
    limit_s, limit_mib = FRESH_TARGET.below_s, FRESH_TARGET.below_mib
    what = "fresh process to the result of W1"
    return [
        Verdict(f"{what}, time", f"{seconds:.2f} s", f"below {limit_s:g} s", seconds < limit_s),
        Verdict(f"{what}, memory", f"{peak:.0f} MiB", f"below {limit_mib:g} MiB", peak < limit_mib),
    ]


def _verdict_lines(results: Sequence[Verdict]) -> Iterator[str]:
    if results:
        yield "\nTargets"
    for verdict in results:
        outcome = "met" if verdict.is_met else "MISSED"
        yield f"  {verdict.what:55}{verdict.measured:>10}   {verdict.asked:18}{outcome}"
