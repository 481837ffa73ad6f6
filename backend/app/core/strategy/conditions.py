"""Conditions on which a strategy wants to be woken, declared in its class body.

``wake = crosses(fast_sma, slow_sma)`` has `on_bar` called on those bars alone. A condition is
worked out for whole batches of bars at once; how the bars are cut into batches does not matter.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from app.core.strategy.declarations import Indicator
from app.core.strategy.parameters import Parameter
from app.core.types import Bools, Floats

Operand: TypeAlias = Indicator | Parameter[Any] | str | float
"""An indicator, a bar field (``"close"``), a numeric parameter of the strategy, or a number."""

Columns: TypeAlias = Callable[[Operand], Floats]
"""Gives the values of an operand on the rows at hand."""

ConditionState: TypeAlias = Callable[[Columns], Bools]
"""Takes the next rows, remembers what it must, and says on which the condition holds."""


class Condition(ABC):
    """Base of all conditions; combine them with ``&``, ``|`` and ``~``."""

    def __and__(self, other: "Condition") -> "Condition":
        return _Both(self, other)

    def __or__(self, other: "Condition") -> "Condition":
        return _Either(self, other)

    def __invert__(self) -> "Condition":
        return _Not(self)

    @abstractmethod
    def start(self) -> ConditionState:
        """A fresh evaluation of this condition."""

    @abstractmethod
    def operands(self) -> tuple[Operand, ...]:
        """Every operand it looks at."""


@dataclass(frozen=True, eq=False)
class _Both(Condition):
    left: Condition
    right: Condition

    def start(self) -> ConditionState:
        left, right = self.left.start(), self.right.start()
        return lambda columns: left(columns) & right(columns)

    def operands(self) -> tuple[Operand, ...]:
        return self.left.operands() + self.right.operands()


@dataclass(frozen=True, eq=False)
class _Either(Condition):
    left: Condition
    right: Condition

    def start(self) -> ConditionState:
        left, right = self.left.start(), self.right.start()
        return lambda columns: left(columns) | right(columns)

    def operands(self) -> tuple[Operand, ...]:
        return self.left.operands() + self.right.operands()


@dataclass(frozen=True, eq=False)
class _Not(Condition):
    inner: Condition

    def start(self) -> ConditionState:
        inner = self.inner.start()
        return lambda columns: ~inner(columns)

    def operands(self) -> tuple[Operand, ...]:
        return self.inner.operands()


@dataclass(frozen=True, eq=False)
class _Above(Condition):
    left: Operand
    right: Operand

    def start(self) -> ConditionState:
        return lambda columns: columns(self.left) > columns(self.right)

    def operands(self) -> tuple[Operand, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, eq=False)
class _Crosses(Condition):
    left: Operand
    right: Operand
    tolerance: float
    upward: bool
    downward: bool
    first: bool

    def start(self) -> ConditionState:
        side_before = np.int8(0)

        def step(columns: Columns) -> Bools:
            nonlocal side_before
            difference = columns(self.left) - columns(self.right)
            side = (difference > self.tolerance).astype(np.int8)
            side -= difference < -self.tolerance
            sided = np.flatnonzero(side)
            changed = np.zeros(len(side), np.bool_)
            if len(sided):
                sides = side[sided]
                before = np.concatenate(([side_before], sides[:-1]))
                fires = (sides != before) & (self.first | (before != 0))
                fires &= ((sides > 0) & self.upward) | ((sides < 0) & self.downward)
                changed[sided] = fires
                side_before = sides[-1]
            return changed

        return step

    def operands(self) -> tuple[Operand, ...]:
        return (self.left, self.right)


def above(left: Operand, right: Operand) -> Condition:
    """Holds where `left` is greater than `right`; not where either is NaN."""
    return _Above(left, right)


def below(left: Operand, right: Operand) -> Condition:
    """Holds where `left` is less than `right`; not where either is NaN."""
    return _Above(right, left)


def crosses(left: Operand, right: Operand, *, tolerance: float = 1e-6) -> Condition:
    """Holds where `left` changes to the other side of `right`, and where it first has a side.

    Differences within `tolerance` belong to neither side.
    """
    return _Crosses(left, right, tolerance, upward=True, downward=True, first=True)


def crosses_above(left: Operand, right: Operand, *, tolerance: float = 1e-6) -> Condition:
    """Holds where `left`, last seen below `right`, comes above it."""
    return _Crosses(left, right, tolerance, upward=True, downward=False, first=False)


def crosses_below(left: Operand, right: Operand, *, tolerance: float = 1e-6) -> Condition:
    """Holds where `left`, last seen above `right`, comes below it."""
    return _Crosses(left, right, tolerance, upward=False, downward=True, first=False)
