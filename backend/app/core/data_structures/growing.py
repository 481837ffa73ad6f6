"""Parallel arrays that grow in place: the storage behind every series."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_FIRST_CAPACITY = 512


class GrowingColumns:
    """Columns of equal length with room to grow; one writer, many readers.

    A view shows the rows that were there when it was taken and never changes afterwards:
    growth writes behind every view handed out, and when the arrays are full the rows move to
    larger ones while old views keep the old ones.
    """

    __slots__ = ("_arrays", "_dtypes", "_length")

    def __init__(self, dtypes: Sequence[npt.DTypeLike]) -> None:
        self._dtypes = tuple(dtypes)
        self._arrays: tuple[npt.NDArray[Any], ...] = tuple(np.empty(0, d) for d in self._dtypes)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def extend(self, columns: Iterable[npt.NDArray[Any]], count: int) -> None:
        """Add `count` rows; a first batch that is large is taken over without being copied."""
        if not self._length and count >= _FIRST_CAPACITY:
            self._arrays = tuple(columns)
        else:
            self._reserve(count)
            first, last = self._length, self._length + count
            for array, column in zip(self._arrays, columns, strict=True):
                array[first:last] = column
        self._length += count

    def append(self, values: Iterable[float]) -> None:
        """Add one row."""
        self._reserve(1)
        for array, value in zip(self._arrays, values, strict=True):
            array[self._length] = value
        self._length += 1

    def view(self, first: int = 0, last: int | None = None) -> list[npt.NDArray[Any]]:
        """Rows ``first`` to ``last`` (exclusive; default all) as read-only arrays, not copied."""
        stop = self._length if last is None else min(last, self._length)
        views = [array[first:stop] for array in self._arrays]
        for view in views:
            view.flags.writeable = False
        return views

    def clear(self) -> None:
        """Forget every row; views handed out before keep theirs."""
        self._arrays = tuple(np.empty(0, dtype) for dtype in self._dtypes)
        self._length = 0

    def _reserve(self, count: int) -> None:
        needed = self._length + count
        capacity = len(self._arrays[0])
        if needed <= capacity:
            return
        size = max(needed, 2 * capacity, _FIRST_CAPACITY)
        grown = []
        for array, dtype in zip(self._arrays, self._dtypes, strict=True):
            larger = np.empty(size, dtype)
            larger[: self._length] = array[: self._length]
            grown.append(larger)
        self._arrays = tuple(grown)
