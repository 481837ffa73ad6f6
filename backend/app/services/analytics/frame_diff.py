"""Where two tables differ first: cell by cell, numbers within a tolerance."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
from polars.exceptions import PolarsError

from app.core.exceptions import DataError, DataNotFoundError

_NAMING: Final = ("id", "order_id", "time", "submitted_at", "entry_time", "strategy", "symbol")
"""Columns that say which row is meant, as far as a table has them."""

ROW: Final = "row"
"""What stands for a column where one table has a row more than the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One cell that differs: its row (from 0), what names that row, and both values as text.

    None stands for a value that is undefined or a row that is not there.
    """

    row: int
    named: dict[str, str]
    column: str
    a: str | None
    b: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameComparison:
    """Two tables side by side.

    `rows` are compared one by one from the first on, so one bar more in the middle makes every
    later row differ. `different_rows` counts those both have; `first` is the first difference.
    """

    rows_a: int
    rows_b: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    different_rows: int
    first: Difference | None

    @property
    def is_equal(self) -> bool:
        """Whether both have the same columns and rows."""
        return self.first is None and not (self.only_a or self.only_b)


def read_table(path: Path) -> pl.DataFrame:
    """A table of a run from ``.parquet``, or from ``.csv`` (``.gz`` too) with every cell as text.

    Raises:
        DataNotFoundError: there is no such file.
        DataError: it cannot be read.
    """
    if not path.is_file():
        raise DataNotFoundError(f"there is no file {path}")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(path, infer_schema=False)
    except (OSError, PolarsError) as error:
        raise DataError(f"{path} is not a table this program wrote: {error}") from error


def compare_frames(a: pl.DataFrame, b: pl.DataFrame, *, tolerance: float = 0.0) -> FrameComparison:
    """Compare the columns both have, row by row.

    Numbers are equal if they differ by `tolerance` at most, also where a table holds them as
    text; undefined values equal each other.
    """
    common = [name for name in a.columns if name in b.columns]
    rows = min(len(a), len(b))
    masks = {name: _different(a[name][:rows], b[name][:rows], tolerance) for name in common}
    anywhere = pl.Series([False] * rows, dtype=pl.Boolean)
    for mask in masks.values():
        anywhere |= mask
    return FrameComparison(
        rows_a=len(a),
        rows_b=len(b),
        only_a=tuple(name for name in a.columns if name not in b.columns),
        only_b=tuple(name for name in b.columns if name not in a.columns),
        different_rows=int(anywhere.sum()),
        first=_first(a, b, anywhere, masks),
    )


def _first(
    a: pl.DataFrame, b: pl.DataFrame, anywhere: pl.Series, masks: dict[str, pl.Series]
) -> Difference | None:
    row = anywhere.arg_max() if anywhere.any() else None
    if row is not None:
        column = next(name for name, mask in masks.items() if mask[row])
        cells = _text(a[column][row]), _text(b[column][row])
        return Difference(row=row, named=_names(a, row), column=column, a=cells[0], b=cells[1])
    if len(a) == len(b):
        return None
    row, longer = len(anywhere), a if len(a) > len(b) else b
    there = ("there", None) if longer is a else (None, "there")
    return Difference(row=row, named=_names(longer, row), column=ROW, a=there[0], b=there[1])


def _names(frame: pl.DataFrame, row: int) -> dict[str, str]:
    named = {name: _text(frame[name][row]) for name in _NAMING if name in frame.columns}
    return {name: value for name, value in named.items() if value is not None}


def _different(a: pl.Series, b: pl.Series, tolerance: float) -> pl.Series:
    """Which rows differ; both have the same length."""
    if not (a.dtype.is_numeric() and b.dtype.is_numeric()):
        a, b = a.cast(pl.String), b.cast(pl.String)
        unlike = a.ne_missing(b)
        if not unlike.any():
            return unlike
        x, y = a.cast(pl.Float64, strict=False), b.cast(pl.Float64, strict=False)
        numbers = x.is_not_null() & y.is_not_null()
        return unlike & ~(numbers & ~_apart(x, y, tolerance))
    return _apart(a.cast(pl.Float64), b.cast(pl.Float64), tolerance)


def _apart(x: pl.Series, y: pl.Series, tolerance: float) -> pl.Series:
    """Which numbers differ by more than `tolerance`; NaN counts as undefined."""
    x, y = x.fill_nan(None), y.fill_nan(None)
    close = ((x - y).abs() <= tolerance).fill_null(value=False)
    return x.ne_missing(y) & ~close


def _text(value: object) -> str | None:
    if value is None or value != value:  # noqa: PLR0124  # NaN is what differs from itself
        return None
    return repr(value) if isinstance(value, float) else str(value)
