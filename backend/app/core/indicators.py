"""Indicators as values: what a strategy or config asks for, and what answers it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias

from app.core.data_structures import BarColumns
from app.core.types import Floats, Int64s

ParameterValue: TypeAlias = float | int | str
"""What an indicator's parameter may be."""

CustomIndicator: TypeAlias = Callable[..., Any]
"""A class whose instances have ``update(bar)``, or a function of columns."""


@dataclass(frozen=True, slots=True)
class IndicatorSpec:
    """One indicator as declared: equal specs give equal values, so they may share one state.

    Attributes:
        name: a TA-Lib function (``"SMA"``, ``"MACD"`` …), ``"session_vwap"``, a trailing
            indicator (``"trailing_average"`` …) or ``"custom"``.
        parameters: name and value of each parameter given, sorted by name.
        inputs: bar fields that take the place of the indicator's usual ones, in their order,
            e.g. ``("high",)`` for an average of highs; empty for the usual ones. A custom
            indicator sees every field and takes none.
        function: what computes a custom indicator; None for every other.
    """

    name: str
    parameters: tuple[tuple[str, ParameterValue], ...] = ()
    inputs: tuple[str, ...] = ()
    function: CustomIndicator | None = None

    @classmethod
    def of(cls, name: str, *inputs: str, **parameters: ParameterValue) -> Self:
        """The spec as one writes it: ``IndicatorSpec.of("SMA", "high", timeperiod=10)``."""
        return cls(name, tuple(sorted(parameters.items())), inputs)

    @classmethod
    def custom(cls, function: CustomIndicator, *inputs: str, **parameters: ParameterValue) -> Self:
        """An indicator of the user's own: a class with ``update``, or a function of columns."""
        return cls("custom", tuple(sorted(parameters.items())), inputs, function)

    def __str__(self) -> str:
        name = getattr(self.function, "__name__", self.name)
        arguments = [*self.inputs, *(f"{key}={value}" for key, value in self.parameters)]
        return f"{name}({', '.join(arguments)})"


class IndicatorState(Protocol):
    """An indicator over one series of bars, stepped batch by batch.

    However the bars are cut into batches, the outputs are the same to the bit. A value is NaN
    until enough bars have been seen, and depends on no bar after its own.
    """

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, e.g. ``("macd", "macdsignal", "macdhist")`` or ``("value",)``."""

    @property
    def lookback(self) -> int:
        """Bars before the first value that is not NaN, as far as known; 0 where it is not."""

    def step(self, bars: BarColumns, sessions: Int64s) -> list[Floats]:
        """Take the next bars and give one array per output, aligned to their rows.

        ``sessions`` holds the session number of each row; it never decreases, within a batch
        or from one batch to the next. The arrays must not be written to.
        """
