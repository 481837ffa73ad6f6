"""Input columns an indicator has seen, in one piece."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

Column: TypeAlias = np.typing.NDArray[Any]

_FIRST_CAPACITY = 512


class InputHistory:
    """Parallel columns that grow batch by batch.

    The first batch is kept by reference, so a run that is one batch copies nothing.
    """

    __slots__ = ("_buffers", "_is_kept", "_length", "columns")

    def __init__(self) -> None:
        self.columns: Sequence[Column] = ()
        self._buffers: list[Column] = []
        self._length = 0
        self._is_kept = True

    def __len__(self) -> int:
        return self._length

    def is_within(self, rows: int) -> bool:
        """Whether it is still kept and holds no more than `rows`."""
        return self._is_kept and self._length <= rows

    def forget(self) -> None:
        """Let the columns go, for good: nothing is appended afterwards."""
        self.columns, self._buffers, self._is_kept = (), [], False

    def append(self, columns: Sequence[Column]) -> None:
        """Add the rows of `columns`; `self.columns` then holds every row seen."""
        count = len(columns[0])
        first, last = self._length, self._length + count
        if first == 0:
            self.columns = columns
        else:
            self._reserve(last)
            for buffer, column in zip(self._buffers, columns, strict=True):
                buffer[first:last] = column
            self.columns = [buffer[:last] for buffer in self._buffers]
        self._length = last

    def _reserve(self, needed: int) -> None:
        if self._buffers and needed <= len(self._buffers[0]):
            return
        self._buffers = [
            np.concatenate((column, np.empty(max(needed, _FIRST_CAPACITY), column.dtype)))
            for column in self.columns
        ]
