"""Indicators of the user's own: a class stepped bar by bar, or a function of columns."""

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError, LookAheadError, StrategyError
from app.core.indicators import IndicatorSpec, IndicatorState
from app.core.types import Floats, Int64s
from app.services.indicators.catalogue import SINGLE_OUTPUT
from app.services.indicators.history import InputHistory

COLUMN_FIELDS = ("start_ns", "end_ns", "open", "high", "low", "close", "volume", "session")
"""What a function of columns finds in its mapping; times and session numbers are integers."""

_FIRST_CUTS = (0.191, 0.382, 0.5, 0.618, 0.854)
_LATER_CUTS = (0.5,)
"""Where a batch is cut to see whether values depend on later bars, besides its last row.

A batch with others before it is also compared with all that they gave.
"""


class IndicatorBar(NamedTuple):
    """One bar as a custom indicator's ``update`` receives it: `Bar`'s fields and the session."""

    start_ns: int
    end_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    session: int


def create_custom(spec: IndicatorSpec) -> IndicatorState:
    """The state of the class or function in `spec`.

    Raises:
        ConfigurationError: if there is none, if inputs are given (it sees all fields), if the
            class has no ``update``, or if it does not take the parameters given.
    """
    function = spec.function
    if not callable(function):
        raise ConfigurationError(
            "indicator 'custom' needs a class with update(bar) or a function of columns; "
            "write IndicatorSpec.custom(YourIndicator, …)"
        )
    if spec.inputs:
        raise ConfigurationError(
            f"indicator {spec}: a custom indicator sees every field; drop inputs"
        )
    if isinstance(function, type):
        _require_signature(spec, function)
        if not callable(getattr(function, "update", None)):
            raise ConfigurationError(f"indicator {spec}: its class has no method update(bar)")
        return PerBarIndicator(spec, function)
    _require_signature(spec, function, {})
    return VectorisedIndicator(spec, function)


class PerBarIndicator:
    """An instance of a user's class, given every bar in turn; see `IndicatorState`.

    ``update(bar)`` takes an `IndicatorBar` and returns one number per output, a tuple where
    there are several; None is NaN. The class may name its `outputs` and its `lookback`.
    """

    __slots__ = ("_title", "_update", "lookback", "outputs")

    def __init__(self, spec: IndicatorSpec, function: type) -> None:
        self.outputs = _outputs(spec)
        self.lookback = int(getattr(function, "lookback", 0))
        self._update: Callable[[IndicatorBar], Any] = function(**dict(spec.parameters)).update
        self._title = str(spec)

    def step(self, bars: BarColumns, sessions: Int64s) -> list[Floats]:
        """Take the next bars and give one array per output.

        Raises:
            StrategyError: if ``update`` gives anything but a number per output.
        """
        columns = [column.tolist() for column in (*bars, sessions)]
        values = [*map(self._update, map(IndicatorBar._make, zip(*columns, strict=True)))]
        try:
            table = np.array(values, float).reshape(len(bars), len(self.outputs))
        except (TypeError, ValueError) as error:
            raise StrategyError(
                f"indicator {self._title}: update(bar) must give {len(self.outputs)} number(s), "
                f"one for each of {', '.join(self.outputs)}: {error}"
            ) from error
        return [np.ascontiguousarray(column) for column in table.T]


class VectorisedIndicator:
    """A user's function of columns, applied to all bars so far; see `IndicatorState`.

    ``function(columns, **parameters)`` takes a read-only mapping (`COLUMN_FIELDS`) of arrays
    that begin at the first bar seen, and returns one array as long, or a tuple of them. Every
    value must be the same to the bit whether or not later bars are there: it is checked by
    cutting each batch at several rows, and by comparing with every value given before.
    The whole is computed anew for each batch, so bar by bar a class is the better choice.
    """

    __slots__ = (
        "_fields",
        "_function",
        "_given",
        "_history",
        "_parameters",
        "_title",
        "lookback",
        "outputs",
    )

    def __init__(self, spec: IndicatorSpec, function: Callable[..., Any]) -> None:
        self.outputs = _outputs(spec)
        self.lookback = int(getattr(function, "lookback", 0))
        self._function = function
        self._parameters = dict(spec.parameters)
        self._history = InputHistory()
        self._given: list[Floats] = [np.empty(0) for _ in self.outputs]
        self._title = str(spec)

    def step(self, bars: BarColumns, sessions: Int64s) -> list[Floats]:
        """Take the next bars and give one array per output.

        Raises:
            LookAheadError: if a value changes when bars are added after it.
            StrategyError: if the function gives anything but an array per output, of the
                length of its columns.
        """
        if not len(bars):
            return [np.empty(0) for _ in self.outputs]
        seen = len(self._history)
        self._history.append([*bars, sessions])
        total = len(self._history)
        values = self._compute(total)
        self._require_unchanged(self._given, values)
        for cut in _cuts(seen, total):
            self._require_unchanged(self._compute(cut), values)
        self._given = values
        return [column[seen:] for column in values]

    def _compute(self, rows: int) -> list[Floats]:
        result = self._function(_read_only(self._history, rows), **self._parameters)
        arrays = result if isinstance(result, tuple | list) else (result,)
        values = [np.array(array, np.float64) for array in arrays]
        if [array.shape for array in values] != [(rows,)] * len(self.outputs):
            shapes = ", ".join(str(array.shape) for array in values)
            raise StrategyError(
                f"indicator {self._title} must give {len(self.outputs)} array(s) of {rows} rows, "
                f"one for each of {', '.join(self.outputs)}; it gave {shapes}"
            )
        return values

    def _require_unchanged(self, earlier: list[Floats], later: list[Floats]) -> None:
        for name, before, after in zip(self.outputs, earlier, later, strict=True):
            rows = len(before)
            if np.array_equal(before, after[:rows], equal_nan=True):
                continue
            row = int(np.flatnonzero(~_same(before, after[:rows]))[0])
            raise LookAheadError(
                f"indicator {self._title}: {name} at row {row} is {before[row]!r} with {rows} bars "
                f"and {after[row]!r} with {len(after)}: it must not depend on later bars, not even "
                "in the last digit; use running operations (np.cumsum, shifts) or a class with "
                "update(bar)"
            )


def _same(left: Floats, right: Floats) -> np.typing.NDArray[np.bool_]:
    same: np.typing.NDArray[np.bool_] = (left == right) | (np.isnan(left) & np.isnan(right))
    return same


def _cuts(seen: int, total: int) -> list[int]:
    """Row counts strictly between those seen before and all."""
    count = total - seen
    shares = _LATER_CUTS if seen else _FIRST_CUTS
    inner = {seen + int(count * share) for share in shares} | {total - 1}
    return sorted(cut for cut in inner if seen < cut < total)


def _read_only(history: InputHistory, rows: int) -> Mapping[str, np.typing.NDArray[Any]]:
    columns: dict[str, np.typing.NDArray[Any]] = {}
    for name, column in zip(COLUMN_FIELDS, history.columns, strict=True):
        view = column[:rows]
        view.flags.writeable = False
        columns[name] = view
    return MappingProxyType(columns)


def _outputs(spec: IndicatorSpec) -> tuple[str, ...]:
    outputs = getattr(spec.function, "outputs", SINGLE_OUTPUT)
    if isinstance(outputs, tuple) and outputs and all(isinstance(name, str) for name in outputs):
        return outputs
    raise ConfigurationError(
        f"indicator {spec}: outputs is {outputs!r}; it must be a tuple of names like ('value',)"
    )


def _require_signature(spec: IndicatorSpec, function: Callable[..., Any], *before: Any) -> None:
    signature = inspect.signature(function)
    try:
        signature.bind(*before, **dict(spec.parameters))
    except TypeError as error:
        raise ConfigurationError(f"indicator {spec}: {error}; it takes {signature}") from error
