"""How much of a return the assumptions make: one strategy under naive, realistic and hard terms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from app.core.sessions import SessionGrid
from app.core.strategy import Strategy
from app.research.assumptions import ASSUMPTIONS, REALISTIC, Assumption, Side, all_switched
from app.research.backtest import run_backtest
from app.services.analytics.result import RunResult
from app.services.simulation.simulation import Terms

Run: TypeAlias = Callable[[Terms], RunResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one run came to: return in percent, money in the quote currency, counts."""

    return_pct: float
    net_profit: float
    fills: int
    commission: float
    slippage: float
    overnight: float

    @classmethod
    def of(cls, result: RunResult) -> "Outcome":
        """The outcome of a run; `overnight` is what borrowing and interest cost."""
        figures = result.metrics
        flows = (flow for flow in result.log.cash_flows if flow.kind in {"borrow", "interest"})
        return cls(
            return_pct=figures["return_pct"],
            net_profit=figures["net_profit"],
            fills=len(result.log.fills),
            commission=figures["commission"],
            slippage=figures["slippage"],
            overnight=-sum(flow.amount for flow in flows) + 0.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One assumption on another side, all others realistic.

    `difference` is the return in percentage points above the realistic one; `changed` is False
    where the realistic terms are on that side already.
    """

    assumption: str
    words: str
    changed: bool
    outcome: Outcome
    difference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HonestyReport:
    """One strategy's run under naive, realistic and pessimistic assumptions.

    `to_naive` and `to_pessimistic` hold a step for each assumption, in the order of
    `ASSUMPTIONS`. Differences are percentage points of return.
    """

    name: str
    synthetic: bool
    naive: Outcome
    realistic: Outcome
    pessimistic: Outcome
    to_naive: tuple[Step, ...]
    to_pessimistic: tuple[Step, ...]

    def difference(self, side: Side) -> float:
        """Return with all assumptions on a side, above the realistic one."""
        return self._end(side).return_pct - self.realistic.return_pct

    def interplay(self, side: Side) -> float:
        """What all assumptions together make beyond the sum of their single differences."""
        return self.difference(side) - sum(step.difference for step in self.steps(side))

    def steps(self, side: Side) -> tuple[Step, ...]:
        """The steps towards a side."""
        return self.to_naive if side == "naive" else self.to_pessimistic

    def payer(self, side: Side) -> Step | None:
        """The assumption that alone moves the return furthest in the side's direction.

        None if none does, or if what they make together, beyond their sum, moves it further.
        """
        direction = 1.0 if self.difference(side) > 0 else -1.0
        step = max(self.steps(side), key=lambda step: direction * step.difference)
        alone = direction * step.difference
        return step if alone > max(0.0, direction * self.interplay(side)) else None

    def to_dict(self) -> dict[str, Any]:
        """The report for a machine; outcomes and steps are left as they are."""
        sides: tuple[Side, ...] = ("naive", "pessimistic")
        return {
            "name": self.name,
            "synthetic": self.synthetic,
            "naive": self.naive,
            "realistic": self.realistic,
            "pessimistic": self.pessimistic,
            "differences": {
                side: {
                    "return_points": self.difference(side),
                    "interplay": self.interplay(side),
                    "paid_by": payer.assumption if (payer := self.payer(side)) else None,
                    "steps": self.steps(side),
                }
                for side in sides
            },
        }

    def __str__(self) -> str:
        lines = [f"honesty of {self.name}", ""]
        if self.synthetic:
            lines.insert(1, "synthetic data: prices from a seeded generator, not from a market")
        lines += [_TABLE.format("", "return", "net profit", "fills", "costs", "overnight")]
        for name in ("naive", "realistic", "pessimistic"):
            lines.append(_outcome_line(name, getattr(self, name)))
        return "\n".join([*lines, *self._side_lines("naive"), *self._side_lines("pessimistic")])

    def _end(self, side: Side) -> Outcome:
        return self.naive if side == "naive" else self.pessimistic

    def _side_lines(self, side: Side) -> list[str]:
        lines = ["", f"{f'from realistic to {side}':<48}{'points of return':>18}{'fills':>10}"]
        for step in self.steps(side):
            points = _points(step.difference) if step.changed else "as it is"
            fills = f"{step.outcome.fills:,}"
            lines.append(_STEP.format(f"  {step.assumption}", step.words, points, fills))
        together = _points(self.interplay(side))
        lines.append(_STEP.format("  together", "beyond their sum", together, ""))
        total, fills = _points(self.difference(side)), f"{self._end(side).fills:,}"
        lines.append(_STEP.format("  all", "", total, fills))
        lines.append(f"  {self._verdict(side)}")
        return [line.rstrip() for line in lines]

    def _verdict(self, side: Side) -> str:
        payer = self.payer(side)
        if payer is not None:
            return f"{payer.assumption} pays for most of it: {_points(payer.difference)}"
        if _points(self.difference(side)) == _points(0.0):
            return "the assumptions make no difference here"
        return "no single assumption pays for it: they act together"


_STEP = "{:<16}{:<32}{:>18}{:>10}"
_TABLE = "{:<12}{:>12}{:>16}{:>10}{:>14}{:>12}"


def _points(difference: float) -> str:
    return f"{round(difference, 2) + 0.0:+.2f}"


def _outcome_line(name: str, outcome: Outcome) -> str:
    return _TABLE.format(
        name,
        f"{outcome.return_pct:,.2f} %",
        f"{outcome.net_profit:,.2f}",
        f"{outcome.fills:,}",
        f"{outcome.commission + outcome.slippage:,.2f}",
        f"{outcome.overnight:,.2f}",
    )


def compare_assumptions(run: Run, realistic: Terms) -> HonestyReport:
    """Call `run` under `realistic` terms and each way away from them; at most 14 runs.

    `run` must give the same result for equal terms; terms that come up twice are run once.
    """
    known: list[tuple[Terms, Outcome]] = []
    base = run(realistic)

    def outcome(terms: Terms) -> Outcome:
        for same, found in known:
            if same == terms:
                return found
        known.append((terms, Outcome.of(run(terms))))
        return known[-1][1]

    known.append((realistic, Outcome.of(base)))

    def steps(side: Side) -> tuple[Step, ...]:
        return tuple(_step(assumption, side, realistic, outcome) for assumption in ASSUMPTIONS)

    return HonestyReport(
        name=base.name,
        synthetic=base.is_synthetic,
        naive=outcome(all_switched(realistic, "naive")),
        realistic=outcome(realistic),
        pessimistic=outcome(all_switched(realistic, "pessimistic")),
        to_naive=steps("naive"),
        to_pessimistic=steps("pessimistic"),
    )


def _step(
    assumption: Assumption, side: Side, realistic: Terms, outcome: Callable[[Terms], Outcome]
) -> Step:
    words, terms = getattr(assumption, side)(realistic)
    found = outcome(terms)
    return Step(
        assumption=assumption.name,
        words=words,
        changed=terms != realistic,
        outcome=found,
        difference=found.return_pct - outcome(realistic).return_pct,
    )


def honesty(
    strategy: type[Strategy],
    bars: Any,
    *,
    parameters: Mapping[str, Any] | None = None,
    symbols: Sequence[str] | None = None,
    terms: Terms = REALISTIC,
    sessions: SessionGrid | None = None,
    timezone: str | None = None,
    name: str | None = None,
) -> HonestyReport:
    """Backtest `strategy` under naive, realistic and pessimistic assumptions.

    `terms` are the realistic ones; by default those of a US share at a retail broker
    (`REALISTIC`). Everything else is as in `run_backtest`, errors included. Print the report to
    see which assumption pays for the difference.
    """

    def run(changed: Terms) -> RunResult:
        return run_backtest(
            strategy,
            bars,
            parameters=parameters,
            symbols=symbols,
            cash=changed.cash,
            commission=changed.commission,
            slippage=changed.slippage,
            leverage=changed.leverage,
            fill_rules=changed.fill_rules,
            carry=changed.carry,
            sessions=sessions,
            timezone=timezone,
            name=name,
        )

    return compare_assumptions(run, terms)
