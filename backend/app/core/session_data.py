"""All data a session decides on: bars of every interval, indicators, quality; not copied."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from app.core.data_structures import Bar, BarColumns, BarSeries
from app.core.data_structures.growing import GrowingColumns
from app.core.exceptions import DataNotFoundError
from app.core.indicators import IndicatorSpec
from app.core.intervals import ONE_MINUTE, Interval
from app.core.types import Floats

SeriesKey = tuple[str, Interval]
"""A symbol and an interval: what a series is known by."""

EVERYTHING_NS: Final = np.iinfo(np.int64).max
"""The present of data that no session is conducted over: all of it has happened."""


class SessionData:
    """The unified store of a run: one writer, many readers, nothing copied.

    It may hold more than has happened, since a backtest reads ahead; `get_bars` and
    `get_indicator` show what had closed by `visible_ns`, which the thread that decides moves
    along; who conducts a session sets it before the first bar is stored. Series grow in place
    and views handed out before stay as they were.
    """

    def __init__(self) -> None:
        self._bars: dict[SeriesKey, BarSeries] = {}
        self._indicators: dict[tuple[str, Interval, IndicatorSpec], GrowingColumns] = {}
        self._named: dict[str, dict[str, float | Floats]] = {}
        self._quality: dict[SeriesKey, float] = {}
        self.visible_ns = EVERYTHING_NS

    # ── writing: one thread ──────────────────────────────────────────────────

    def append_bar(self, symbol: str, interval: Interval | str, bar: Bar) -> None:
        """Add one bar to a series."""
        self._series(symbol, Interval.parse(interval)).append(bar)

    def extend(self, symbol: str, interval: Interval, bars: BarColumns) -> tuple[int, int]:
        """Add a batch of bars; the rows it took, first and last (exclusive)."""
        series = self._series(symbol, interval)
        first = len(series)
        series.extend(bars)
        return first, len(series)

    def extend_indicator(
        self, symbol: str, interval: Interval, spec: IndicatorSpec, outputs: Sequence[Floats]
    ) -> None:
        """Add the values that belong to the bars just added to the same series."""
        key = (symbol, interval, spec)
        if key not in self._indicators:
            self._indicators[key] = GrowingColumns([np.float64] * len(outputs))
        self._indicators[key].extend(outputs, len(outputs[0]))

    def set_indicator(self, name: str, values: Mapping[str, float | Floats]) -> None:
        """Set a historical indicator of the session: its value per symbol."""
        self._named[name] = dict(values)

    def set_quality(self, symbol: str, interval: Interval, percent: float) -> None:
        """Set the share of expected bars that are present, in percent."""
        self._quality[symbol, interval] = percent

    # ── reading: any thread ──────────────────────────────────────────────────

    def get_bars(self, symbol: str, interval: Interval | str = ONE_MINUTE) -> BarColumns:
        """Every bar that has closed, history first; empty for a series that is not kept."""
        series = self._bars.get((symbol, Interval.parse(interval)))
        if series is None:
            return BarColumns.empty()
        columns = series.view()
        return columns.slice(0, int(np.searchsorted(columns.end_ns, self.visible_ns, "right")))

    def get_indicator(self, name: str, symbol: str | None = None) -> float | Floats:
        """A historical indicator by its name in the config.

        A float, or for granularity ``minute`` one value per minute of the session; NaN while
        there is too little history. `symbol` may be left out when there is only one.

        Raises:
            DataNotFoundError: if the config has no indicator of that name or symbol.
        """
        values = self._named.get(name, {})
        if symbol is None and len(values) == 1:
            return next(iter(values.values()))
        if symbol in values:
            return values[symbol]
        raise DataNotFoundError(
            f"no indicator {name!r} for symbol {symbol!r}; there are "
            f"{', '.join(f'{n} ({s})' for n, v in self._named.items() for s in v) or 'none'}"
        )

    def named_indicators(self) -> dict[str, dict[str, float | Floats]]:
        """Every historical indicator of the config: by its name, then by symbol."""
        return dict(self._named)

    def get_quality(self, symbol: str, interval: Interval | str = ONE_MINUTE) -> float | None:
        """Share of expected bars present so far, in percent; None if not yet known."""
        return self._quality.get((symbol, Interval.parse(interval)))

    def series(self) -> list[SeriesKey]:
        """The series that are kept."""
        return list(self._bars)

    def all_bars(self, symbol: str, interval: Interval) -> BarColumns:
        """Every bar held, read-ahead included: for the platform, not for decisions."""
        series = self._bars.get((symbol, interval))
        return series.view() if series else BarColumns.empty()

    def all_values(
        self, symbol: str, interval: Interval, spec: IndicatorSpec, output: int
    ) -> Floats:
        """Every value held of one output, read-ahead included, aligned to `all_bars`."""
        columns = self._indicators.get((symbol, interval, spec))
        return columns.view()[output] if columns else np.empty(0)

    def indicators(self, symbol: str, interval: Interval) -> list[IndicatorSpec]:
        """The indicators that are kept of a series, in the order they came."""
        keys = list(self._indicators)
        return [spec for name, step, spec in keys if (name, step) == (symbol, interval)]

    def latest_values(
        self, symbol: str, interval: Interval, spec: IndicatorSpec
    ) -> tuple[float, ...]:
        """Each output's value at the last bar that has closed; NaN before there is one."""
        columns = self._indicators.get((symbol, interval, spec))
        outputs = columns.view() if columns else []
        row = len(self.get_bars(symbol, interval)) - 1
        return tuple(float(v[row]) if 0 <= row < len(v) else float("nan") for v in outputs)

    def clear(self) -> None:
        """Forget everything."""
        self._bars.clear()
        self._indicators.clear()
        self._named.clear()
        self._quality.clear()

    def _series(self, symbol: str, interval: Interval) -> BarSeries:
        key = (symbol, interval)
        if key not in self._bars:
            self._bars[key] = BarSeries()
        return self._bars[key]
