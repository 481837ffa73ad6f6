"""A growing series of bars: appended in place by one writer, read through views by many."""

from typing import Any

import numpy as np

from app.core.data_structures.columns import BarColumns
from app.core.data_structures.values import Bar
from app.core.exceptions import DataError

_DTYPES = (np.int64, np.int64, np.float64, np.float64, np.float64, np.float64, np.float64)
_FIRST_CAPACITY = 512


class BarSeries:
    """Bars of one symbol and interval in contiguous arrays with room to grow.

    One thread appends; any thread may read. A view shows the rows that were there when it
    was taken and never changes afterwards: growth writes behind every view handed out, and
    when the arrays are full the rows move to larger ones while old views keep the old ones.
    """

    __slots__ = ("_arrays", "_length")

    def __init__(self, capacity: int = _FIRST_CAPACITY) -> None:
        self._arrays = tuple(np.empty(max(capacity, 1), dtype) for dtype in _DTYPES)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, bar: Bar) -> None:
        """Add one bar.

        Raises:
            DataError: if it does not start after the last one.
        """
        self._reserve(1)
        self._require_after_last(bar.start_ns)
        row = self._length
        values = (bar.start_ns, bar.end_ns, bar.open, bar.high, bar.low, bar.close, bar.volume)
        for array, value in zip(self._arrays, values, strict=True):
            array[row] = value
        self._length = row + 1

    def extend(self, bars: BarColumns) -> None:
        """Add a batch of bars, which must be sorted and start after the last one here.

        Raises:
            DataError: if the first does not start after the last one here.
        """
        count = len(bars)
        if not count:
            return
        self._require_after_last(int(bars.start_ns[0]))
        self._reserve(count)
        first, last = self._length, self._length + count
        for array, column in zip(self._arrays, bars, strict=True):
            array[first:last] = column
        self._length = last

    def view(self, first: int = 0, last: int | None = None) -> BarColumns:
        """Rows ``first`` to ``last`` (exclusive; default all) as read-only arrays, not copied."""
        stop = self._length if last is None else min(last, self._length)
        columns: list[Any] = []
        for array in self._arrays:
            column = array[first:stop]
            column.flags.writeable = False
            columns.append(column)
        return BarColumns(*columns)

    def clear(self) -> None:
        """Forget every row; views handed out before keep theirs."""
        self._arrays = tuple(np.empty(_FIRST_CAPACITY, dtype) for dtype in _DTYPES)
        self._length = 0

    def _require_after_last(self, start_ns: int) -> None:
        if self._length and start_ns <= self._arrays[0][self._length - 1]:
            raise DataError(
                f"a bar starting at {start_ns} cannot follow one starting at "
                f"{int(self._arrays[0][self._length - 1])}: bars are appended in time order"
            )

    def _reserve(self, count: int) -> None:
        needed = self._length + count
        capacity = len(self._arrays[0])
        if needed <= capacity:
            return
        size = max(needed, 2 * capacity)
        grown = []
        for array in self._arrays:
            larger = np.empty(size, array.dtype)
            larger[: self._length] = array[: self._length]
            grown.append(larger)
        self._arrays = tuple(grown)
