"""Parquet files from elsewhere: the columns that are wanted, and how large they are unread."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from app.core.exceptions import ConfigurationError, DataError
from app.services.market_data.parquet_footer import unpacked_bytes
from app.services.market_data.source_columns import SourceColumns, resolve_columns

_VALUE_BYTES: Final = 8
_TEXTS: Final = (pl.String, pl.Categorical, pl.Enum)
_BROKEN: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


@dataclass(frozen=True, slots=True)
class ParquetSource:
    """A file of which nothing but its footer is read yet; `names` are all its columns."""

    path: Path
    names: tuple[str, ...]
    types: tuple[pl.DataType, ...]
    chosen: SourceColumns

    def size(self, *, most: int) -> int:
        """Bytes that the rows of the chosen columns take: 8 a value, and their texts.

        Texts are measured a piece at a time: a file of a few KB may hold gigabytes, for what
        repeats is stored once. Where the pages of a column unpack to more than `most`, that is
        told and nothing is unpacked.

        Raises:
            DataError: the file is damaged.
        """
        unpacked = unpacked_bytes(self.path, {self.names[place] for place in self.places})
        largest = max(unpacked.values(), default=0)
        if largest > most:
            return largest
        texts = [place for place in self.places if self.types[place] in _TEXTS]
        lengths = [
            self._column(place).cast(pl.String).str.len_bytes().cast(pl.Int64).sum()
            for place in texts
        ]
        rows, *held = self._select(pl.len().cast(pl.Int64).alias("rows"), *lengths).row(0)
        return int(rows * len(self.places) * _VALUE_BYTES + sum(held))

    def read(self) -> dict[int, pl.Series]:
        """The chosen columns by their number; the others are never read.

        Raises:
            DataError: the file is damaged.
        """
        found = self._select(*map(self._column, self.places))
        return {place: found[str(place)] for place in self.places}

    @property
    def places(self) -> list[int]:
        """Numbers of the chosen columns, each once, ascending."""
        symbol = [] if self.chosen.symbol is None else [self.chosen.symbol]
        return sorted({*self.chosen.time, *self.chosen.values, *symbol})

    def _column(self, place: int) -> pl.Expr:
        return pl.col(self.names[place]).alias(str(place))

    def _select(self, *wanted: pl.Expr) -> pl.DataFrame:
        try:
            return _scan(self.path).select(*wanted).collect(engine="streaming")
        except _BROKEN as error:
            raise _damaged(self.path, error) from error


def open_parquet(path: Path, columns: Mapping[str, str]) -> ParquetSource:
    """Find the columns of a file by its footer (see `resolve_columns`).

    Raises:
        ConfigurationError: the columns cannot be told, or hold lists and the like.
        DataError: the file is damaged.
    """
    try:
        schema = _scan(path).collect_schema()
    except _BROKEN as error:
        raise _damaged(path, error) from error
    names, types = tuple(schema.names()), tuple(schema.dtypes())
    source = ParquetSource(path, names, types, resolve_columns(names, columns))
    for place in source.places:
        if not _is_plain(types[place]):
            raise ConfigurationError(
                f"{path}: the column {names[place]!r} holds {types[place]}; times, numbers or text "
                "are wanted, one a row"
            )
    return source


def _scan(path: Path) -> pl.LazyFrame:
    """One file of that very name, whatever its name or its folders look like."""
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _is_plain(kind: pl.DataType) -> bool:
    return kind.is_numeric() or kind.is_temporal() or kind in (*_TEXTS, pl.Null)


def _damaged(path: Path, error: BaseException) -> DataError:
    return DataError(f"{path}: the Parquet file is damaged ({error})")
