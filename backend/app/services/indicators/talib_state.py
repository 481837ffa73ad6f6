"""A TA-Lib function over one series: at batch speed for large batches, by handle for small ones."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError, DataError
from app.core.indicators import IndicatorSpec, ParameterValue
from app.core.types import Floats, Int64s
from app.services.indicators.catalogue import talib_info
from app.services.indicators.history import InputHistory
from app.services.indicators.talib_loader import load_talib

_RECOMPUTE_RATIO = 32
"""History per new bar up to which computing all anew is cheaper than bar by bar.

Measured: 1 to 20 ns a value for most functions in a batch, 150 to 700 ns by handle.
"""


class _Handle(Protocol):
    def update(self, *values: float) -> Any:
        """Take one bar's inputs, give its outputs: one number or a tuple of them."""


class TalibState:
    """One TA-Lib function, stepped batch by batch; see `IndicatorState`.

    TA-Lib's streaming handles and its batch functions agree to the bit, and no value changes
    when bars are added after it, so either may compute any part of the series. Functions that
    give integers (patterns, directions, positions) give them as float64, NaN until warm.
    `MAXINDEX` and its like count bars from the first one stepped.
    """

    __slots__ = (
        "_batch",
        "_handle",
        "_history",
        "_inputs",
        "_insufficient",
        "_open_and_fill",
        "_parameters",
        "_title",
        "lookback",
        "outputs",
    )

    def __init__(self, spec: IndicatorSpec) -> None:
        info = talib_info(spec.name)
        talib = load_talib()
        self.outputs = info.outputs
        self._inputs = info.resolve_inputs(spec)
        self._parameters = info.resolve(spec)
        self.lookback = _lookback(spec)
        self._batch: Callable[..., Any] = getattr(talib, spec.name)
        self._open_and_fill: Callable[..., Any] = getattr(talib.stream, spec.name).open_and_fill
        self._insufficient: type[Exception] = talib.InsufficientHistory
        self._handle: _Handle | None = None
        self._history = InputHistory()
        self._title = str(spec)

    def step(self, bars: BarColumns, sessions: Int64s) -> list[Floats]:  # noqa: ARG002
        """Take the next bars and give one array per output, aligned to their rows.

        Raises:
            DataError: for an input that is not a finite number; the state is as before.
        """
        count = len(bars)
        if not count:
            return self._unknown(0)
        columns = [getattr(bars, name) for name in self._inputs]
        self._require_finite(columns, count)
        if self._handle is None or self._history.is_within(_RECOMPUTE_RATIO * count):
            return self._recompute(columns, count)
        self._history.forget()
        return self._update(self._handle, columns, count)

    def _recompute(self, columns: Sequence[Floats], count: int) -> list[Floats]:
        history = self._history
        first = len(history)
        history.append(columns)
        if len(history) <= self.lookback:
            return self._unknown(count)
        filled = self._batch_values(history) if first == 0 else self._open(history)
        return [values[first:] for values in self._as_floats(filled)]

    def _batch_values(self, history: InputHistory) -> Any:
        return self._batch(*history.columns, **self._parameters)

    def _open(self, history: InputHistory) -> Any:
        """Open a handle at the last row; TA-Lib may want a little more than the look-back."""
        try:
            self._handle, filled = self._open_and_fill(*history.columns, **self._parameters)
        except self._insufficient:
            return self._batch_values(history)
        return filled

    def _update(self, handle: _Handle, columns: Sequence[Floats], count: int) -> list[Floats]:
        if count == 1:
            values = handle.update(*[float(column[0]) for column in columns])
            return [np.array([value], float) for value in _as_tuple(values)]
        rows = map(handle.update, *(column.tolist() for column in columns))
        if len(self.outputs) == 1:
            return [np.fromiter(rows, float, count)]
        return list(np.array([*zip(*rows, strict=True)], float).reshape(-1, count))

    def _as_floats(self, result: Any) -> list[Floats]:
        return [self._as_float(values) for values in _as_tuple(result)]

    def _as_float(self, values: np.typing.NDArray[Any]) -> Floats:
        if values.dtype == np.float64:
            return values
        floats = values.astype(np.float64)
        floats[: self.lookback] = np.nan
        return floats

    def _unknown(self, count: int) -> list[Floats]:
        return [np.full(count, np.nan) for _ in self.outputs]

    def _require_finite(self, columns: Sequence[Floats], count: int) -> None:
        for name, column in zip(self._inputs, columns, strict=True):
            if math.isfinite(column[0]) if count == 1 else np.isfinite(column).all():
                continue
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            raise DataError(
                f"indicator {self._title}: {name} is {column[row]} in row {row} of its bars; "
                "it takes finite numbers only: mend or drop that bar"
            )


def _as_tuple(result: Any) -> Sequence[Any]:
    return result if isinstance(result, tuple | list) else (result,)


@lru_cache(maxsize=256)
def _lookback(spec: IndicatorSpec) -> int:
    """Bars before the first value; the same for every symbol of a run, and slow to ask for.

    Raises:
        ConfigurationError: if TA-Lib refuses the parameters, naming the one at fault.
    """
    info, function = talib_info(spec.name), load_talib().abstract.Function(spec.name)
    if _is_accepted(function, info.resolve(spec)):
        return int(function.lookback)
    alone = [
        given
        for given in spec.parameters
        if not _is_accepted(function, info.resolve(IndicatorSpec(spec.name, (given,))))
    ]
    at_fault = ", ".join(f"{name}={value}" for name, value in alone or spec.parameters)
    raise ConfigurationError(
        f"indicator {spec.name} does not accept {at_fault}; {info.parameters_in_words()}"
    )


def _is_accepted(function: Any, parameters: dict[str, ParameterValue]) -> bool:
    function.set_parameters(parameters)
    return int(function.lookback) >= 0
