"""What each assumption is worth, on bars where it can be worked out by hand.

Ten thousand in cash, so that one unit of currency is a hundredth of a point of return.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from app.core.carry import Carry
from app.core.costs import NoCommission, NoSlippage, PerOrder, TickSlippage, Times, TimesSlippage
from app.core.fill_rules import FillRules
from app.research import HonestyReport, Terms, honesty
from app.research.assumptions import ASSUMPTIONS, REALISTIC, all_switched
from app.research.honesty_report import compare_assumptions
from app.services.analytics.result import RunResult
from app.strategies.sma_cross import SmaCross
from tests.engine_bars import FLAT, Row, Script, play

CASH = 10_000.0
FREE = Terms(cash=CASH)


def compared(rows: Sequence[Row], script: Script, **terms: Any) -> HonestyReport:
    def run(changed: Terms) -> RunResult:
        return play(
            rows,
            script,
            cash=changed.cash,
            commission=changed.commission,
            slippage=changed.slippage,
            fill_rules=changed.fill_rules,
            carry=changed.carry,
        )

    return compare_assumptions(run, Terms(cash=CASH, **terms))


def points(report: HonestyReport, side: Any) -> dict[str, float]:
    return {
        step.assumption: pytest.approx(step.difference, abs=1e-9)
        for step in report.steps(side)
        if step.difference
    }


def rising(minute: int) -> Row:
    """Opens and closes at 100 plus its number, with a volume of 100."""
    price = 100.0 + minute
    return (price, price, price, price, 100.0)


def test_costs_add_up_and_the_larger_one_pays() -> None:
    # 10 units bought and sold at one price: 2 × 1 commission, 2 × 10 × 3 × 0.1 slippage.
    report = compared(
        [FLAT] * 10,
        {1: lambda s: s.buy(10), 5: lambda s: s.sell(10)},
        commission=PerOrder(1.0),
        slippage=TickSlippage(3, 0.1),
    )
    assert report.realistic.net_profit == pytest.approx(-8.0)
    assert report.naive.net_profit == 0.0
    assert report.pessimistic.net_profit == pytest.approx(-16.0)
    assert points(report, "naive") == {"commission": 0.02, "slippage": 0.06}
    assert points(report, "pessimistic") == {"commission": -0.02, "slippage": -0.06}
    for side in ("naive", "pessimistic"):
        payer = report.payer(side)
        assert payer is not None
        assert payer.assumption == "slippage"
        assert report.interplay(side) == pytest.approx(0.0, abs=1e-9)


def test_a_touched_limit() -> None:
    rows = [FLAT] * 3 + [(100.0, 100.0, 99.0, 100.0)] + [FLAT] * 6
    report = compared(rows, {1: lambda s: s.buy(10, limit=99.0)})
    # Bought at 99 and worth 100 at the end: 10 × 1.
    assert points(report, "naive") == {"limit orders": 0.1}
    assert points(report, "pessimistic") == {}
    assert report.payer("pessimistic") is None
    assert "the assumptions make no difference here" in str(report)


def test_a_bar_of_latency() -> None:
    report = compared([rising(minute) for minute in range(10)], {0: lambda s: s.buy(10)})
    # Bought at 102 instead of 101: 10 × 1.
    late = {step.assumption: step.difference for step in report.to_pessimistic}
    assert late["latency"] == pytest.approx(-0.1)


def test_a_share_of_the_volume() -> None:
    report = compared(
        [rising(minute) for minute in range(10)],
        {0: lambda s: s.buy(20)},
        fill_rules=FillRules(participation_pct=10.0),
    )
    # 10 at 101 and 10 at 102; whole: 20 at 101; half the share: 5 each at 101, 102, 103, 104.
    assert report.realistic.fills == 2
    by_volume = [{s.assumption: s for s in steps}["volume"] for steps in _sides(report)]
    assert [step.difference for step in by_volume] == pytest.approx([0.1, -0.2])
    assert [step.outcome.fills for step in by_volume] == [1, 4]


def test_a_night_short() -> None:
    # 10 units at 100 for one night: 36 % a year of 360 days is a thousandth a day.
    report = compared([FLAT] * 20, {1: lambda s: s.sell(10)}, carry=Carry(borrow_rate_pct=36.0))
    assert report.realistic.overnight == pytest.approx(1.0)
    assert report.realistic.net_profit == pytest.approx(-1.0)
    assert points(report, "naive") == {"overnight": 0.01}
    dear = {step.assumption: step.difference for step in report.to_pessimistic}
    assert dear["overnight"] == pytest.approx(-0.01)


def test_assumptions_that_act_together() -> None:
    rows: list[Row] = [FLAT] * 3 + [(100.0, 100.0, 99.0, 100.0, 100.0)] + [FLAT] * 6
    report = compared(
        rows,
        {1: lambda s: s.buy(100, limit=99.0)},
        fill_rules=FillRules(participation_pct=10.0),
    )
    # A touch alone fills 10 of 100 units: 10 × 1. Whole as well: 100 × 1, 90 of it together.
    assert points(report, "naive") == {"limit orders": 0.1}
    assert report.difference("naive") == pytest.approx(1.0)
    assert report.interplay("naive") == pytest.approx(0.9)
    assert report.payer("naive") is None
    assert "no single assumption pays for it: they act together" in str(report)


def _sides(report: HonestyReport) -> tuple[Any, Any]:
    return report.to_naive, report.to_pessimistic


def test_naive_is_free_and_hard_is_never_kinder() -> None:
    naive = all_switched(REALISTIC, "naive")
    assert naive.commission == NoCommission()
    assert naive.slippage == NoSlippage()
    assert naive.fill_rules == FillRules(touch_fills=True)
    assert naive.carry.free
    hard = all_switched(REALISTIC, "pessimistic")
    assert hard.commission == Times(REALISTIC.commission, 2.0)
    assert hard.slippage == TimesSlippage(REALISTIC.slippage, 2.0)
    assert hard.fill_rules == FillRules(participation_pct=5.0, latency_bars=1)
    assert hard.carry == Carry(borrow_rate_pct=3.0, margin_rate_pct=9.0)


def test_what_is_free_is_not_doubled() -> None:
    words = {each.name: each.pessimistic(FREE).words for each in ASSUMPTIONS}
    assert words["commission"] == "0.05 % of the value"
    assert words["slippage"] == "0.05 % of the price"
    assert words["volume"] == "2.5 % of a bar's volume"


def test_terms_that_come_up_twice_are_run_once() -> None:
    seen: list[Terms] = []

    def run(terms: Terms) -> RunResult:
        seen.append(terms)
        return play([FLAT] * 10, {})

    compare_assumptions(run, REALISTIC)
    # Realistic, both ends, and 12 steps but the two that are on their side already.
    assert len(seen) == 1 + 2 + 12 - 2
    assert all(seen.count(terms) == 1 for terms in seen)


def test_the_report_of_a_strategy_on_a_frame() -> None:
    rows = 600
    start = pl.datetime_range(
        pl.datetime(2024, 7, 1, 13, 30), pl.datetime(2024, 7, 1, 23, 29), "1m", eager=True
    )
    price = [100.0 + (minute // 40 % 2) * (minute % 40) / 10 for minute in range(rows)]
    frame = pl.DataFrame(
        {
            "timestamp": start,
            "open": price,
            "high": [each + 0.1 for each in price],
            "low": [each - 0.1 for each in price],
            "close": price,
            "volume": [10_000.0] * rows,
        }
    )
    report = honesty(SmaCross, frame, timezone="America/New_York", name="cross")
    text = str(report)
    assert text.startswith("honesty of cross\n")
    assert max(map(len, text.splitlines())) <= 80
    for words in ("naive", "realistic", "pessimistic", "pays for most of it", "together"):
        assert words in text
    assert report.naive.return_pct > report.realistic.return_pct > report.pessimistic.return_pct
    told = report.to_dict()
    assert told["differences"]["naive"]["return_points"] == report.difference("naive")
    assert len(told["differences"]["pessimistic"]["steps"]) == len(ASSUMPTIONS)
