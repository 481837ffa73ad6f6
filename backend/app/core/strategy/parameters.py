"""Parameters of a strategy: typed, bounded, declared in the class body.

A parameter is read on an instance as a plain value; on the class it is the declaration.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, Self, TypeVar, overload

from app.core.exceptions import ConfigurationError
from app.core.intervals import Interval

T = TypeVar("T")


class Parameter(ABC, Generic[T]):
    """A value the user of a strategy may choose; `parse` refuses what is out of bounds.

    An instance keeps its value in its own ``__dict__``, so that reading one while trading
    costs a plain attribute access.
    """

    kind = ""

    def __init__(self, default: T, *, help: str = "") -> None:  # noqa: A002  # the field's word
        self.default = default
        self.help = help
        self.name = ""

    def __set_name__(self, _owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Self | T:
        return self if instance is None else self.default

    @abstractmethod
    def parse(self, value: Any) -> T:
        """`value` as this parameter's type.

        Raises:
            ConfigurationError: naming the parameter, the value and what is accepted.
        """

    @property
    def bounds(self) -> str:
        """What is accepted, in words."""
        return self.kind

    def _refuse(self, value: Any) -> ConfigurationError:
        return ConfigurationError(f"{self.name}: {value!r} is not accepted; give {self.bounds}")


class _Number(Parameter[T]):
    def __init__(
        self,
        default: T,
        *,
        low: T | None = None,
        high: T | None = None,
        help: str = "",  # noqa: A002  # the field's word
    ) -> None:
        super().__init__(default, help=help)
        self.low = low
        self.high = high

    @property
    def bounds(self) -> str:
        """What is accepted, in words."""
        if self.low is not None and self.high is not None:
            return f"{self.kind} from {self.low} to {self.high}"
        if self.low is not None:
            return f"{self.kind} of {self.low} or more"
        if self.high is not None:
            return f"{self.kind} of {self.high} or less"
        return self.kind

    def _within(self, value: Any) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


class Int(_Number[int]):
    """A whole number between `low` and `high`."""

    kind = "a whole number"

    def parse(self, value: Any) -> int:
        """`value`, if it is an int within the bounds."""
        if isinstance(value, int) and not isinstance(value, bool) and self._within(value):
            return value
        raise self._refuse(value)


class Float(_Number[float]):
    """A finite number between `low` and `high`."""

    kind = "a number"

    def parse(self, value: Any) -> float:
        """`value` as a float, if it is a finite number within the bounds."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and math.isfinite(value) and self._within(value):
            return float(value)
        raise self._refuse(value)


class Bool(Parameter[bool]):
    """True or False."""

    kind = "true or false"

    def parse(self, value: Any) -> bool:
        """`value`, if it is a bool."""
        if isinstance(value, bool):
            return value
        raise self._refuse(value)


class Choice(Parameter[str]):
    """One of a few words."""

    def __init__(self, default: str, options: tuple[str, ...], *, help: str = "") -> None:  # noqa: A002
        super().__init__(default, help=help)
        self.options = options

    @property
    def bounds(self) -> str:
        """What is accepted, in words."""
        return "one of " + ", ".join(self.options)

    def parse(self, value: Any) -> str:
        """`value`, if it is one of the options."""
        if value in self.options:
            return str(value)
        raise self._refuse(value)


class BarInterval(Parameter[Interval]):
    """A bar length such as ``"5m"`` or ``"1d"``."""

    kind = "a bar interval such as 1m, 5m, 1h or 1d"

    def __init__(self, default: str, *, help: str = "") -> None:  # noqa: A002  # the field's word
        super().__init__(Interval.parse(default), help=help)

    def parse(self, value: Any) -> Interval:
        """`value` as an `Interval`."""
        if isinstance(value, str | Interval):
            try:
                return Interval.parse(value)
            except ConfigurationError as error:
                raise ConfigurationError(f"{self.name}: {error}") from None
        raise self._refuse(value)


def resolve(declared: Mapping[str, Parameter[Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every declared parameter: the one given, else its default.

    Raises:
        ConfigurationError: for a name that is not declared or a value out of bounds; all
            mistakes at once.
    """
    problems = [
        f"{name}: no such parameter; there are {', '.join(declared) or 'none'}"
        for name in given
        if name not in declared
    ]
    values = {}
    for name, parameter in declared.items():
        try:
            values[name] = parameter.parse(given[name]) if name in given else parameter.default
        except ConfigurationError as error:
            problems.append(str(error))
    if problems:
        raise ConfigurationError("; ".join(problems), tuple(problems))
    return values
