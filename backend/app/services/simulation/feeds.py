"""Feeds: what calls a strategy, on which rows, with which values revealed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.core.data_structures import BarColumns
from app.core.data_structures.columns import BAR_FIELDS
from app.core.exceptions import ConfigurationError
from app.core.indicators import IndicatorSpec
from app.core.intervals import Interval
from app.core.session_data import SeriesKey, SessionData
from app.core.strategy import (
    BarCursor,
    Indicator,
    IndicatorValue,
    Parameter,
    Slice,
    SliceIndicator,
    Strategy,
)
from app.core.strategy.conditions import ConditionState, Operand
from app.core.strategy.declarations import resolve_value
from app.core.strategy.views import NAN
from app.core.types import Floats, Int64s
from app.services.simulation.derivation import Batch


@dataclass(frozen=True, slots=True)
class Source:
    """Where an indicator's values are: the series, the spec, and the output's number."""

    key: SeriesKey
    spec: IndicatorSpec
    output: int

    def as_of(self, data: SessionData, end_ns: Int64s) -> Floats:
        """The latest value known at each instant; NaN before the first."""
        values = data.all_values(*self.key, self.spec, self.output)
        known = data.all_bars(*self.key).end_ns.searchsorted(end_ns, side="right")
        return np.concatenate(([NAN], values))[known]


@dataclass(frozen=True, slots=True)
class Events:
    """Calls a feed asks for in a batch, in time order, as columns of equal length.

    ``rows`` numbers the bars in the run's series; ``bars`` has one column per bar field and
    ``values`` one per handle.
    """

    end_ns: Int64s
    rows: Int64s
    bars: Mapping[str, Floats]
    values: Sequence[Floats]


class BarFeed:
    """Calls `on_bar` of one strategy object for its symbol: on every bar, or where it wakes.

    `number` is the strategy's in the run; a muted feed asks for no more calls.
    """

    def __init__(
        self,
        *,
        number: int,
        strategy: Strategy,
        symbol: str,
        interval: Interval,
        cursor: BarCursor,
        handles: Sequence[tuple[str, IndicatorValue, Source]],
    ) -> None:
        self.number = number
        self.is_muted = False
        self.on_event: Callable[[Any], None] = strategy.on_bar
        self.fields = strategy.named_fields()
        self.cursor = cursor
        self.handles = [handle for _, handle, _ in handles]
        self._key = (symbol, interval)
        self._sources = [source for _, _, source in handles]
        self._attributes = {name: k for k, (name, _, _) in enumerate(handles)}
        self._parameters = strategy.parameters
        for operand in strategy.wake.operands() if strategy.wake else ():
            self._require_operand(operand, type(strategy).__name__)
        self._wakes: ConditionState | None = strategy.wake.start() if strategy.wake else None

    def _require_operand(self, operand: Operand, strategy: str) -> None:
        declared = {**self._attributes, **self._parameters}
        name = getattr(operand, "attribute", getattr(operand, "name", ""))
        if isinstance(operand, Indicator | Parameter) and name not in declared:
            what = operand.name if isinstance(operand, Indicator) else "a parameter"
            raise ConfigurationError(
                f"strategy {strategy}: wake names {what}, which the class body does not declare; "
                "give it a name of its own there"
            )
        if isinstance(operand, str) and operand not in BAR_FIELDS:
            raise ConfigurationError(
                f"strategy {strategy}: wake names {operand!r}, which is no bar field; "
                f"there are {', '.join(BAR_FIELDS)}"
            )

    def events(self, data: SessionData, batch: Batch) -> Events:
        """The calls of this batch."""
        first, last = batch.rows[self._key]
        if self.is_muted:
            last = first
        bars = data.all_bars(*self._key).slice(first, last)
        values = [self._values(source, data, bars, first, last) for source in self._sources]
        columns = {name: getattr(bars, name) for name in BAR_FIELDS}
        events = Events(bars.end_ns, np.arange(first, last), columns, values)
        return self._woken(events) if self._wakes else events

    def _values(
        self, source: Source, data: SessionData, bars: BarColumns, first: int, last: int
    ) -> Floats:
        if source.key == self._key:
            return data.all_values(*source.key, source.spec, source.output)[first:last]
        return source.as_of(data, bars.end_ns)

    def _woken(self, events: Events) -> Events:
        def operand(wanted: Operand) -> Floats:
            if isinstance(wanted, Indicator):
                return events.values[self._attributes[wanted.attribute]]
            if isinstance(wanted, str):
                return events.bars[wanted]
            value = resolve_value(wanted, self._parameters)
            return np.full(len(events.end_ns), float(value))

        assert self._wakes is not None  # noqa: S101  # for the type checker: the caller asked
        on = np.flatnonzero(self._wakes(operand))
        return Events(
            events.end_ns[on],
            events.rows[on],
            {name: column[on] for name, column in events.bars.items()},
            [column[on] for column in events.values],
        )


class SliceFeed:
    """Calls `on_slice` of a cross-sectional strategy once per instant, with aligned vectors."""

    def __init__(
        self,
        *,
        number: int,
        strategy: Strategy,
        symbols: Sequence[str],
        interval: Interval,
        cursor: BarCursor,
        slice_: Slice,
        indicators: Sequence[tuple[SliceIndicator, Sequence[Source]]],
    ) -> None:
        self.number = number
        self.is_muted = False
        self.on_event: Callable[[Any], None] = self._call
        self.fields: frozenset[str] = frozenset()
        self.cursor = cursor
        self.handles: list[IndicatorValue] = []
        self._on_slice = strategy.on_slice
        self._slice = slice_
        self._keys = [(symbol, interval) for symbol in symbols]
        self._indicators = indicators
        self._bars: list[Floats] = []
        self._values: list[Floats] = []

    def events(self, data: SessionData, batch: Batch) -> Events:
        """One call per instant at which any of the symbols has a bar."""
        spans = [(0, 0) if self.is_muted else batch.rows[key] for key in self._keys]
        parts = [
            data.all_bars(*key).slice(*span) for key, span in zip(self._keys, spans, strict=True)
        ]
        end_ns = np.unique(np.concatenate([part.end_ns for part in parts]))
        self._bars = [_matrix(parts, end_ns, name) for name in BAR_FIELDS]
        self._values = [
            np.column_stack([source.as_of(data, end_ns) for source in sources])
            for _, sources in self._indicators
        ]
        for matrix in (*self._bars, *self._values):
            matrix.flags.writeable = False
        nothing = np.zeros(len(end_ns))
        return Events(end_ns, np.arange(len(end_ns)), dict.fromkeys(BAR_FIELDS, nothing), [])

    def _call(self, cursor: BarCursor) -> None:
        row, view = cursor.row, self._slice
        view.open, view.high, view.low, view.close, view.volume = (m[row] for m in self._bars)
        for (handle, _), values in zip(self._indicators, self._values, strict=True):
            handle.values = values[row]
        self._on_slice(view)


Feed = BarFeed | SliceFeed


def _matrix(parts: Sequence[BarColumns], end_ns: Int64s, name: str) -> Floats:
    matrix = np.full((len(end_ns), len(parts)), NAN)
    for column, part in enumerate(parts):
        matrix[np.searchsorted(end_ns, part.end_ns), column] = getattr(part, name)
    return matrix
