"""What a strategy declares in its class body: indicators and further series of bars.

Each declaration is read on an instance as a handle that the platform keeps at the
strategy's present; on the class it is the declaration itself.
"""

from typing import Any, ClassVar, Generic, Self, TypeVar, overload

from app.core.indicators import IndicatorSpec
from app.core.intervals import Interval
from app.core.strategy.parameters import Parameter
from app.core.strategy.views import BarsView, IndicatorValue

Handle = TypeVar("Handle")


class _Declaration(Generic[Handle]):
    """Knows the attribute it was declared as, which is a `Handle` on the strategy's objects."""

    gives: ClassVar[str]
    """What the handle gives, in a word."""

    attribute = ""

    def __set_name__(self, _owner: type, attribute: str) -> None:
        self.attribute = attribute

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Handle: ...
    def __get__(self, instance: object | None, owner: type) -> Self | Handle:
        if instance is None:
            return self
        raise AttributeError(f"{self.attribute} has no {self.gives} before the run starts")


class Indicator(_Declaration[IndicatorValue]):
    """An indicator the platform computes: ``Indicator("SMA", timeperiod=fast)``.

    Args:
        name: a TA-Lib function, ``"session_vwap"``, a trailing indicator, or the user's own
            class or function (see docs/indicators.md).
        inputs: bar fields instead of the usual ones, e.g. ``"high"``.
        interval: bars it is computed on; the strategy's own interval by default.
        symbol: another symbol to compute it on; the strategy's own by default.
        output: which output of several, e.g. ``"macdsignal"``; the first by default.
        parameters: the indicator's own; a `Parameter` stands for the value it will have.
    """

    gives = "value"

    def __init__(
        self,
        name: Any,
        *inputs: str,
        interval: str | Interval | Parameter[Interval] | None = None,
        symbol: str | None = None,
        output: str = "",
        **parameters: Any,
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.interval = interval
        self.symbol = symbol
        self.output = output
        self.parameters = parameters

    def spec(self, values: dict[str, Any]) -> IndicatorSpec:
        """What to compute, with each `Parameter` replaced by its value in `values`."""
        parameters = {key: resolve_value(value, values) for key, value in self.parameters.items()}
        if callable(self.name):
            return IndicatorSpec.custom(self.name, *self.inputs, **parameters)
        return IndicatorSpec.of(self.name, *self.inputs, **parameters)


class NotYet:
    """Stands on a strategy object for what it declares, until a run gives it values."""

    def __init__(self, attribute: str) -> None:
        self._attribute = attribute

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self._attribute} has no {name} before the run starts")


class Bars(_Declaration[BarsView]):
    """A further series of bars: ``Bars("1h")``, or of another symbol."""

    gives = "bars"

    def __init__(
        self, interval: str | Interval | Parameter[Interval], *, symbol: str | None = None
    ) -> None:
        self.interval = interval
        self.symbol = symbol


def resolve_value(value: Any, values: dict[str, Any]) -> Any:
    """`value` itself, or for a `Parameter` what `values` holds under its name."""
    return values[value.name] if isinstance(value, Parameter) else value


def resolve_interval(declared: Any, values: dict[str, Any], default: Interval) -> Interval:
    """The interval a declaration means, `default` where it names none."""
    if declared is None:
        return default
    return Interval.parse(resolve_value(declared, values))
