"""What a backtest supposes, and how each assumption is switched to a naive or a hard side."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias

from app.core.carry import Carry
from app.core.costs import (
    Commission,
    NoCommission,
    NoSlippage,
    PercentOfValue,
    PercentSlippage,
    PerShare,
    Slippage,
    SpreadSlippage,
    Times,
    TimesSlippage,
)
from app.core.fill_rules import FillRules
from app.services.simulation.simulation import Terms

Side: TypeAlias = Literal["naive", "pessimistic"]

REALISTIC = Terms(
    commission=PerShare(0.005, minimum=1.0),
    slippage=SpreadSlippage(0.02, least_ticks=1.0),
    fill_rules=FillRules(participation_pct=10.0),
    carry=Carry(borrow_rate_pct=0.25, margin_rate_pct=6.0),
)
"""What `honesty` takes for real unless told otherwise: a US share at a retail broker."""

_HARD_COST_PCT = 0.05
_HARD_PARTICIPATION_PCT = 2.5
_HARD_BORROW_PCT = 3.0
_MARGIN_ON_TOP_PCT = 3.0


class Switched(NamedTuple):
    """An assumption on another side: in words, and as terms."""

    words: str
    terms: Terms


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing a backtest supposes, and how it is switched to either side."""

    name: str
    naive: Callable[[Terms], Switched]
    pessimistic: Callable[[Terms], Switched]


def _free(terms: Terms) -> Switched:
    return Switched("free", replace(terms, commission=NoCommission()))


def _twice_the_commission(terms: Terms) -> Switched:
    if terms.commission == NoCommission():
        commission: Commission = PercentOfValue(_HARD_COST_PCT)
        return Switched(f"{_HARD_COST_PCT} % of the value", replace(terms, commission=commission))
    return Switched("twice as much", replace(terms, commission=Times(terms.commission, 2.0)))


def _exact(terms: Terms) -> Switched:
    return Switched("none", replace(terms, slippage=NoSlippage()))


def _twice_the_slippage(terms: Terms) -> Switched:
    if terms.slippage == NoSlippage():
        slippage: Slippage = PercentSlippage(_HARD_COST_PCT)
        return Switched(f"{_HARD_COST_PCT} % of the price", replace(terms, slippage=slippage))
    return Switched("twice as much", replace(terms, slippage=TimesSlippage(terms.slippage, 2.0)))


def _touch(terms: Terms) -> Switched:
    return Switched("a touch fills", _filled(terms, touch_fills=True))


def _through(terms: Terms) -> Switched:
    return Switched("the price trades through", _filled(terms, touch_fills=False))


def _whole(terms: Terms) -> Switched:
    return Switched("orders fill whole", _filled(terms, participation_pct=0.0))


def _half_the_volume(terms: Terms) -> Switched:
    share = terms.fill_rules.participation_pct / 2.0 or _HARD_PARTICIPATION_PCT
    return Switched(f"{share:g} % of a bar's volume", _filled(terms, participation_pct=share))


def _at_once(terms: Terms) -> Switched:
    return Switched("none", _filled(terms, latency_ns=0, latency_bars=0))


def _a_bar_later(terms: Terms) -> Switched:
    bars = terms.fill_rules.latency_bars + 1
    return Switched("one bar more", _filled(terms, latency_bars=bars))


def _no_carry(terms: Terms) -> Switched:
    return Switched("free", replace(terms, carry=Carry()))


def _dear_carry(terms: Terms) -> Switched:
    borrow = max(2.0 * terms.carry.borrow_rate_pct, _HARD_BORROW_PCT)
    margin = terms.carry.margin_rate_pct + _MARGIN_ON_TOP_PCT
    carry = Carry(borrow_rate_pct=borrow, margin_rate_pct=margin, day_count=terms.carry.day_count)
    words = f"{borrow:g} % for shares, {margin:g} % for money"
    return Switched(words, replace(terms, carry=carry))


def _filled(terms: Terms, **changes: Any) -> Terms:
    return replace(terms, fill_rules=replace(terms.fill_rules, **changes))


ASSUMPTIONS = (
    Assumption("commission", _free, _twice_the_commission),
    Assumption("slippage", _exact, _twice_the_slippage),
    Assumption("limit orders", _touch, _through),
    Assumption("volume", _whole, _half_the_volume),
    Assumption("latency", _at_once, _a_bar_later),
    Assumption("overnight", _no_carry, _dear_carry),
)
"""What is switched, one at a time and all together."""


def all_switched(terms: Terms, side: Side) -> Terms:
    """`terms` with every assumption on one side."""
    for assumption in ASSUMPTIONS:
        terms = getattr(assumption, side)(terms).terms
    return terms
