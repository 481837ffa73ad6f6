"""A growing series of bars: appended in place by one writer, read through views by many."""

import numpy as np

from app.core.data_structures.columns import BarColumns
from app.core.data_structures.growing import GrowingColumns
from app.core.data_structures.values import Bar
from app.core.exceptions import DataError

_DTYPES = (np.int64, np.int64, np.float64, np.float64, np.float64, np.float64, np.float64)


class BarSeries:
    """Bars of one symbol and interval in contiguous arrays with room to grow.

    One thread appends; any thread may read. A view never changes after it was taken.
    """

    __slots__ = ("_columns", "_last_start_ns")

    def __init__(self) -> None:
        self._columns = GrowingColumns(_DTYPES)
        self._last_start_ns = -1

    def __len__(self) -> int:
        return len(self._columns)

    def append(self, bar: Bar) -> None:
        """Add one bar.

        Raises:
            DataError: if it does not start after the last one.
        """
        self._require_after_last(bar.start_ns)
        values = (bar.start_ns, bar.end_ns, bar.open, bar.high, bar.low, bar.close, bar.volume)
        self._columns.append(values)
        self._last_start_ns = bar.start_ns

    def extend(self, bars: BarColumns) -> None:
        """Add a batch of bars, sorted by time; a large first batch is not copied.

        Raises:
            DataError: if the first does not start after the last one here.
        """
        if not len(bars):
            return
        self._require_after_last(int(bars.start_ns[0]))
        self._columns.extend(bars, len(bars))
        self._last_start_ns = int(bars.start_ns[-1])

    def view(self, first: int = 0, last: int | None = None) -> BarColumns:
        """Rows ``first`` to ``last`` (exclusive; default all) as read-only arrays, not copied."""
        return BarColumns(*self._columns.view(first, last))

    def clear(self) -> None:
        """Forget every row; views handed out before keep theirs."""
        self._columns.clear()
        self._last_start_ns = -1

    def _require_after_last(self, start_ns: int) -> None:
        if start_ns <= self._last_start_ns:
            raise DataError(
                f"a bar starting at {start_ns} cannot follow one starting at "
                f"{self._last_start_ns}: bars are appended in time order"
            )
