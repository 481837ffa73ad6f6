"""Volume-weighted average price since the session's open."""

from functools import reduce

import numpy as np

from app.core.data_structures import BarColumns
from app.core.indicators import IndicatorSpec
from app.core.types import Floats, Int64s
from app.services.indicators.catalogue import SESSION_VWAP, SINGLE_OUTPUT, own_indicators
from app.services.indicators.segments import session_segments


class SessionVwap:
    """Σ(price · volume) / Σ volume over the bars of the session so far; see `IndicatorState`.

    The price is the typical price (high + low + close) / 3, or the mean of the fields the spec
    names. NaN while the session has no volume. Begins anew with each session number.

    Source: StockCharts ChartSchool, "Volume-Weighted Average Price (VWAP)".
    """

    __slots__ = ("_inputs", "_session", "_value", "_volume", "lookback", "outputs")

    def __init__(self, spec: IndicatorSpec) -> None:
        info = own_indicators()[SESSION_VWAP]
        info.resolve(spec)
        self.outputs = SINGLE_OUTPUT
        self.lookback = 0
        self._inputs = info.require_bar_fields(spec.inputs or info.inputs)
        self._session: int | None = None
        self._value = 0.0
        self._volume = 0.0

    def step(self, bars: BarColumns, sessions: Int64s) -> list[Floats]:
        """Take the next bars and give the average as of the end of each."""
        price = reduce(np.add, [getattr(bars, name) for name in self._inputs]) / len(self._inputs)
        value, volume = price * bars.volume, bars.volume.copy()
        for session, first, last in session_segments(sessions):
            if session == self._session:
                value[first] = self._value + value[first]
                volume[first] = self._volume + volume[first]
            self._session = session
            np.add.accumulate(value[first:last], out=value[first:last])
            np.add.accumulate(volume[first:last], out=volume[first:last])
            self._value, self._volume = float(value[last - 1]), float(volume[last - 1])
        return [np.divide(value, volume, out=np.full(len(bars), np.nan), where=volume > 0)]
