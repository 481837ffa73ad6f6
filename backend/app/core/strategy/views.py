"""How a strategy sees data: always up to its present and no further.

Cursors hold the current values as plain attributes. Everything longer is a view that is cut
at the moment it is taken, at the last bar that had closed by the strategy's time: kept until
later it shows no more, and asking past its end is an error.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from app.core.data_structures import Bar, BarColumns
from app.core.data_structures.columns import BAR_FIELDS
from app.core.exceptions import LookAheadError
from app.core.types import Bools, Floats, Int64s

NAN = float("nan")


class Clock:
    """The strategy's present and its session's close, in UTC nanoseconds.

    Moved by the platform alone: the close with each session, before the first call in it.
    """

    __slots__ = ("close_ns", "now_ns", "zone")

    def __init__(self, zone: ZoneInfo) -> None:
        self.now_ns = 0
        self.close_ns = 0
        self.zone = zone

    @property
    def now(self) -> datetime:
        """The present in the market's time zone, to the microsecond."""
        return datetime.fromtimestamp(self.now_ns / 1_000_000_000, self.zone)


class BarCursor:
    """The bar that has just closed, as attributes that change with each call.

    The platform writes those of `open` … `volume` that the run's strategies name before each
    call; any other is looked up when it is asked for (`cursor_class`). To keep a bar, take its
    `snapshot`.
    """

    __slots__ = ("_clock", "_columns", "close", "high", "low", "open", "row", "symbol", "volume")

    open: float
    high: float
    low: float
    close: float
    volume: float

    def __init__(self, symbol: str, clock: Clock, columns: Callable[[], BarColumns]) -> None:
        self.symbol = symbol
        self._clock = clock
        self._columns = columns
        self.row = -1

    @property
    def time(self) -> datetime:
        """When the bar closed, in the market's time zone."""
        return self._clock.now

    @property
    def start_ns(self) -> int:
        """When the bar began, in UTC nanoseconds."""
        return int(self._columns().start_ns[self.row])

    def snapshot(self) -> Bar:
        """An immutable copy."""
        columns, row = self._columns(), self.row
        return Bar(
            symbol=self.symbol,
            start_ns=int(columns.start_ns[row]),
            end_ns=int(columns.end_ns[row]),
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=self.volume,
        )

    def __repr__(self) -> str:
        return (
            f"Bar({self.symbol} {self.time:%Y-%m-%d %H:%M} o={self.open:g} h={self.high:g} "
            f"l={self.low:g} c={self.close:g} v={self.volume:g})"
        )


@cache
def cursor_class(written: frozenset[str]) -> type[BarCursor]:
    """The cursor of a run that writes the bar fields `written`, and looks the others up."""

    def looked_up(name: str) -> property:
        return property(lambda cursor: float(getattr(cursor._columns(), name)[cursor.row]))  # noqa: SLF001

    others = {name: looked_up(name) for name in BAR_FIELDS if name not in written}
    return type("BarCursor", (BarCursor,), {"__slots__": (), **others})


class IndicatorValue:
    """An indicator at the strategy's present: `value` is NaN until enough bars have closed."""

    __slots__ = ("_clock", "_column", "_end_ns", "value")

    def __init__(
        self, clock: Clock, end_ns: Callable[[], Int64s], column: Callable[[], Floats]
    ) -> None:
        self._clock = clock
        self._end_ns = end_ns
        self._column = column
        self.value = NAN

    def last(self, count: int) -> Floats:
        """The last `count` values up to now, oldest first; fewer where there are fewer."""
        known = int(np.searchsorted(self._end_ns(), self._clock.now_ns, side="right"))
        return self._column()[max(0, known - _require_count(count)) : known]

    def __getitem__(self, back: int) -> float:
        """``[-1]`` is the present value, ``[-2]`` the one before; NaN before the first."""
        if back >= 0:
            raise LookAheadError(
                f"indicator[{back}]: count back from the present, [-1] is the latest value"
            )
        values = self.last(-back)
        return float(values[0]) if len(values) == -back else NAN


class BarsView:
    """A series of bars up to the strategy's present.

    `open` … `volume` and `start_ns` are read-only arrays of every bar that has closed;
    `last(n)` takes the last n bars only.
    """

    __slots__ = ("_clock", "_columns", "symbol")

    def __init__(self, symbol: str, clock: Clock, columns: Callable[[], BarColumns]) -> None:
        self.symbol = symbol
        self._clock = clock
        self._columns = columns

    def _known(self) -> BarColumns:
        columns = self._columns()
        known = np.searchsorted(columns.end_ns, self._clock.now_ns, side="right")
        return columns.slice(0, int(known))

    def __len__(self) -> int:
        return len(self._known())

    def last(self, count: int) -> BarColumns:
        """The last `count` closed bars, oldest first; fewer where there are fewer."""
        known = self._known()
        return known.slice(max(0, len(known) - _require_count(count)), len(known))

    @property
    def start_ns(self) -> Int64s:
        """Labels of the closed bars: UTC nanoseconds of their start."""
        return self._known().start_ns

    @property
    def open(self) -> Floats:
        """Opens of the closed bars."""
        return self._known().open

    @property
    def high(self) -> Floats:
        """Highs of the closed bars."""
        return self._known().high

    @property
    def low(self) -> Floats:
        """Lows of the closed bars."""
        return self._known().low

    @property
    def close(self) -> Floats:
        """Closes of the closed bars."""
        return self._known().close

    @property
    def volume(self) -> Floats:
        """Volumes of the closed bars."""
        return self._known().volume


class SliceIndicator:
    """An indicator over all symbols of a cross-sectional strategy, at its present.

    `values` has one entry a symbol, in the strategy's order: the latest value each had by
    now, NaN until warm.
    """

    __slots__ = ("_symbols", "values")

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = {symbol: position for position, symbol in enumerate(symbols)}
        self.values: Floats = np.full(len(symbols), NAN)

    def __getitem__(self, symbol: str) -> float:
        return float(self.values[self._symbols[symbol]])


class Slice:
    """All bars of a strategy's symbols that closed at one instant.

    `open` … `volume` are read-only arrays with one entry a symbol, in the order of `symbols`;
    NaN where a symbol has no bar at this instant, and `present` says which have one.
    """

    __slots__ = ("_clock", "_positions", "close", "high", "low", "open", "symbols", "volume")

    def __init__(self, symbols: Sequence[str], clock: Clock) -> None:
        self.symbols = tuple(symbols)
        self._positions = {symbol: position for position, symbol in enumerate(symbols)}
        self._clock = clock
        empty: Floats = np.full(len(self.symbols), NAN)
        self.open = self.high = self.low = self.close = self.volume = empty

    @property
    def time(self) -> datetime:
        """The instant, in the market's time zone."""
        return self._clock.now

    @property
    def present(self) -> Bools:
        """Which symbols have a bar at this instant."""
        return ~np.isnan(self.close)

    def close_of(self, symbol: str) -> float:
        """Close of one symbol's bar; NaN if it has none at this instant."""
        return float(self.close[self._positions[symbol]])


def _require_count(count: int) -> int:
    if count <= 0:
        raise LookAheadError(f"last({count}): ask for one bar or more, counted back from now")
    return count
