"""What indicators there are: names, inputs, parameters with defaults, outputs."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from app.core.data_structures.columns import BAR_FIELDS
from app.core.exceptions import ConfigurationError
from app.core.indicators import IndicatorSpec, ParameterValue
from app.services.indicators.talib_loader import load_talib

SINGLE_OUTPUT = ("value",)
"""What the output of an indicator that has only one is called."""

SESSION_VWAP = "session_vwap"
TRAILING_NAMES = ("trailing_average", "trailing_high", "trailing_low", "trailing_volume")
CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class IndicatorInfo:
    """One indicator of the catalogue.

    Attributes:
        name: what a spec calls it.
        description: its name in words.
        group: the kind it belongs to, TA-Lib's own groups or ``"Session"``, ``"Trailing"``.
        inputs: the bar fields it reads unless the spec names others.
        parameters: name and default of each parameter.
        outputs: names of what it gives.
        lookback: bars before its first value with the default parameters, 0 where unknown.
    """

    name: str
    description: str
    group: str
    inputs: tuple[str, ...]
    parameters: tuple[tuple[str, ParameterValue], ...]
    outputs: tuple[str, ...] = SINGLE_OUTPUT
    lookback: int = 0

    def resolve(self, spec: IndicatorSpec) -> dict[str, ParameterValue]:
        """Defaults overlaid with the parameters of `spec`.

        Raises:
            ConfigurationError: for a parameter that does not exist, naming those that do, or
                a number where a text is meant and the like.
        """
        values = dict(self.parameters)
        for name, value in spec.parameters:
            if name not in values:
                raise ConfigurationError(
                    f"indicator {self.name} has no parameter {name!r}"
                    f"{_did_you_mean(name, values)}; {self.parameters_in_words()}"
                )
            values[name] = self._converted(name, value, values[name])
        return values

    def resolve_inputs(self, spec: IndicatorSpec) -> tuple[str, ...]:
        """The bar fields to read: those of `spec`, else the usual ones.

        Raises:
            ConfigurationError: if they are not bar fields, or not as many as are needed.
        """
        inputs = spec.inputs or self.inputs
        if len(inputs) != len(self.inputs):
            raise ConfigurationError(
                f"indicator {self.name} reads {len(self.inputs)} inputs "
                f"({', '.join(self.inputs)}), not the {len(inputs)} given ({', '.join(inputs)})"
            )
        return self.require_bar_fields(inputs)

    def require_bar_fields(self, inputs: tuple[str, ...]) -> tuple[str, ...]:
        """Give `inputs` back if all are bar fields.

        Raises:
            ConfigurationError: naming the one that is not.
        """
        for name in inputs:
            if name not in BAR_FIELDS:
                raise ConfigurationError(
                    f"indicator {self.name} cannot read {name!r}; name bar fields "
                    f"({', '.join(BAR_FIELDS)}) for its inputs ({', '.join(self.inputs)})"
                )
        return inputs

    def parameters_in_words(self) -> str:
        """One clause listing the parameters with their defaults."""
        if not self.parameters:
            return "it takes no parameters"
        listed = ", ".join(f"{name}={default}" for name, default in self.parameters)
        return f"its parameters and defaults: {listed}"

    def _converted(self, name: str, value: object, default: ParameterValue) -> ParameterValue:
        if isinstance(default, str):
            if isinstance(value, str):
                return value
        elif not isinstance(value, bool) and isinstance(value, int | float):
            if isinstance(default, float):
                return float(value)
            if float(value).is_integer():
                return int(value)
        elif isinstance(value, str) and name.endswith("matype"):
            return _moving_average_number(self.name, name, value)
        kind = {str: "a text", float: "a number", int: "a whole number"}[type(default)]
        raise ConfigurationError(
            f"indicator {self.name}: {name}={value!r} must be {kind}; {self.parameters_in_words()}"
        )


def available() -> list[IndicatorInfo]:
    """Every named indicator: the platform's own, then TA-Lib's by group and name."""
    talib = load_talib()
    groups: dict[str, list[str]] = talib.get_function_groups()
    theirs = [talib_info(name) for group in sorted(groups) for name in sorted(groups[group])]
    return [*own_indicators().values(), *theirs]


@cache
def own_indicators() -> dict[str, IndicatorInfo]:
    """The platform's own indicators by name; TA-Lib is not imported for them."""
    infos = [
        IndicatorInfo(
            SESSION_VWAP,
            "Volume-weighted average price since the session's open",
            "Session",
            ("high", "low", "close"),
            (),
        ),
        *(
            IndicatorInfo(name, words, "Trailing", (field,), _trailing_parameters(field))
            for name, words, field in (
                ("trailing_average", "Average over the sessions before this one", "close"),
                ("trailing_high", "Highest over the sessions before this one", "high"),
                ("trailing_low", "Lowest over the sessions before this one", "low"),
                ("trailing_volume", "Average volume of the sessions before this one", "volume"),
            )
        ),
    ]
    return {info.name: info for info in infos}


def _trailing_parameters(field: str) -> tuple[tuple[str, ParameterValue], ...]:
    common = ("period", "10d"), ("granularity", "daily"), ("min_periods", 0)
    return common if field == "volume" else (("field", field), *common)


@cache
def talib_info(name: str) -> IndicatorInfo:
    """The TA-Lib function called `name`, as TA-Lib describes it.

    Raises:
        ConfigurationError: if there is none, with the nearest names.
    """
    talib = load_talib()
    names: list[str] = talib.get_functions()
    if name not in names:
        known = [*own_indicators(), CUSTOM, *names]
        raise ConfigurationError(
            f"indicator {name!r} is not known{_did_you_mean(name, known)}; "
            "docs/indicators.md lists them all"
        )
    function = talib.abstract.Function(name)
    info: dict[str, Any] = function.info
    outputs = tuple(info["output_names"])
    return IndicatorInfo(
        name,
        info["display_name"],
        info["group"],
        _flat(info["input_names"].values()),
        tuple(info["parameters"].items()),
        outputs if len(outputs) > 1 else SINGLE_OUTPUT,
        int(function.lookback),
    )


def _flat(inputs: Iterable[str | list[str]]) -> tuple[str, ...]:
    return tuple(
        name for item in inputs for name in ([item] if isinstance(item, str) else list(item))
    )


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    spellings = {candidate.lower(): candidate for candidate in known}
    close = [spellings[match] for match in get_close_matches(name.lower(), spellings, n=3)]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _moving_average_number(indicator: str, parameter: str, name: str) -> int:
    """TA-Lib's number of a moving average, which it keeps as attributes of `MA_Type`."""
    kinds = load_talib().MA_Type
    numbers = {kind: value for kind, value in vars(type(kinds)).items() if type(value) is int}
    if name.upper() in numbers:
        return numbers[name.upper()]
    raise ConfigurationError(
        f"indicator {indicator}: {parameter}={name!r} is not a moving average; "
        f"they are {', '.join(numbers)}"
    )
