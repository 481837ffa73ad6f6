"""How large the columns of a Parquet file are when unpacked, by its footer and page headers alone.

Both are in Thrift's compact protocol
(https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md), its fields
are those of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Final

from app.core.exceptions import DataError

_LARGEST: Final = 4 << 20
"""Bytes of a footer that are read; one of a thousand row groups of ten columns has about 1 MB."""
_DEEPEST: Final = 16
_TAIL: Final = 8
_MOST_PAGES: Final = 100_000
"""More would take seconds to look through; 5 million bars have some hundreds."""
_ROW_GROUPS, _COLUMNS, _META, _PATH = 4, 1, 3, 3
_PACKED_BYTES, _DATA_AT, _DICTIONARY_AT = 7, 9, 11
_PAGE_UNPACKED, _PAGE_PACKED = 2, 3
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _STRUCT = 0, 1, 2, 3, 7, 8, 12
_INTEGERS: Final = (4, 5, 6)
_LISTS: Final = (9, 10)


def unpacked_bytes(path: Path, names: Collection[str]) -> Mapping[str, int]:
    """Bytes of each top-level column of `names` unpacked, summed over the row groups.

    The footer says it too, but readers make room by what the pages say.

    Raises:
        DataError: there is no footer, or one that is damaged or longer than 4 MiB; or there are
            more than 100,000 pages.
    """
    sizes: Counter[str] = Counter()
    try:
        groups = _Thrift(_footer(path)).struct()[_ROW_GROUPS]
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            for number, (name, unpacked) in enumerate(_pages_of(data, groups, names)):
                _require_few(number)
                sizes[name] += unpacked
    except (ArithmeticError, LookupError, OSError, TypeError, UnicodeError, ValueError) as error:
        raise DataError(f"{path}: the Parquet file is damaged ({error!r})") from error
    return sizes


def _require_few(pages: int) -> None:
    if pages >= _MOST_PAGES:
        raise ValueError(f"it has more than {_MOST_PAGES:,} pages")


def _pages_of(data: mmap, groups: list[Any], names: Collection[str]) -> Iterator[tuple[str, int]]:
    for group in groups:
        for column in group[_COLUMNS]:
            name = column[_META][_PATH][0].decode()
            if name in names:
                yield from ((name, unpacked) for unpacked in _pages(data, column[_META]))


def _pages(data: mmap, meta: Mapping[int, Any]) -> Iterator[int]:
    """Bytes of each page of a column in a row group, unpacked; a dictionary is a page."""
    at = meta.get(_DICTIONARY_AT, meta[_DATA_AT])
    end = at + meta[_PACKED_BYTES]
    if not 0 < at <= end <= len(data):
        raise ValueError("its footer names a place that is not in the file")
    while at < end:
        header = _Thrift(data, at)
        page = header.struct()
        if min(page[_PAGE_PACKED], page[_PAGE_UNPACKED]) < 0:
            raise ValueError("a page has fewer than no bytes")
        yield page[_PAGE_UNPACKED]
        at = header.at + page[_PAGE_PACKED]


def _footer(path: Path) -> bytes:
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - _TAIL))
        tail = file.read()
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != b"PAR1" or not 0 < length <= min(end - _TAIL, _LARGEST):
            raise ValueError(f"its footer has {length:,} bytes")
        file.seek(end - _TAIL - length)
        return file.read(length)


class _Thrift:
    """Reads values: structs as dicts by field number, texts as bytes."""

    def __init__(self, data: bytes | mmap, at: int = 0) -> None:
        self._data = data
        self.at = at

    def struct(self, depth: int = 0) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != _STOP:
            step = head >> 4
            number = number + step if step else self._integer()
            fields[number] = self._value(head & 0x0F, depth + 1)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("its footer is nested too deeply")
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return self._bytes(self._unsigned())
        if kind in _LISTS:
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth)
        if kind in (_BYTE, _DOUBLE):
            return self._bytes(1 if kind == _BYTE else 8)
        raise ValueError(f"its footer holds a value of kind {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count, kind = head >> 4, head & 0x0F
        if count == 15:
            count = self._unsigned()
        if kind in (_TRUE, _FALSE):  # in a list they take a byte each
            return [each == _TRUE for each in self._bytes(count)]
        return [self._value(kind, depth + 1) for _ in range(count)]

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _bytes(self, count: int) -> bytes:
        begin, self.at = self.at, self.at + count
        if self.at > len(self._data):
            raise ValueError("its footer is cut short")
        return self._data[begin : self.at]

    def _unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise ValueError("its footer holds a number that is too long")
        return value | byte << shift

    def _integer(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)
