"""Which column of a file is which field of a bar, however the file calls it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.exceptions import ConfigurationError

VALUE_FIELDS: Final = ("open", "high", "low", "close", "volume")

_NAMES: Final = {
    "timestamp": ("timestamp", "datetime", "date_time", "ts", "open_time", "opentime", "t"),
    "date": ("date", "day"),
    "time": ("time",),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c", "last"),
    "volume": ("volume", "vol", "v"),
    "symbol": ("symbol", "ticker", "sym"),
}
COLUMNS_SYNTAX: Final = (
    "name them in `columns`, for example timestamp=Zeit,open=Price,volume=Qty "
    "(or open=#2 for the second column)"
)


@dataclass(frozen=True, slots=True)
class SourceColumns:
    """Column numbers, from 0: one or two that make the time, the values, maybe the symbol."""

    time: tuple[int, ...]
    values: tuple[int, ...]
    symbol: int | None


def parse_mapping(text: str) -> dict[str, str]:
    """Read ``timestamp=Zeit,open=#2`` as field to column.

    Raises:
        ConfigurationError: for a part without ``=`` or a field that does not exist.
    """
    mapping = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        field, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column or field not in _NAMES:
            problem = (
                f"columns: {part!r} is not field=column with a field of "
                f"{', '.join(_NAMES)}; {COLUMNS_SYNTAX}"
            )
            raise ConfigurationError(problem, (problem,))
        mapping[field] = column
    return mapping


def resolve_columns(names: Sequence[str], mapping: Mapping[str, str]) -> SourceColumns:
    """Find each field among a file's column `names`; `mapping` overrules the usual names.

    Raises:
        ConfigurationError: if a field has no column or several, naming the columns found.
    """
    found = {
        field: _mapped(names, field, mapping[field])
        if field in mapping
        else _usual(names, field, taken=mapping.values())
        for field in _NAMES
    }
    missing = [field for field in VALUE_FIELDS if found[field] is None]
    time = _time_columns(names, found, mapping)
    if not time:
        missing.insert(0, "timestamp")
    if missing:
        raise ConfigurationError(
            f"no column for {', '.join(missing)} among {_shown(names)}; {COLUMNS_SYNTAX}"
        )
    values = tuple(found[field] or 0 for field in VALUE_FIELDS)
    return SourceColumns(time, values, found["symbol"])


def _time_columns(
    names: Sequence[str], found: Mapping[str, int | None], mapping: Mapping[str, str]
) -> tuple[int, ...]:
    stamp, day, clock = found["timestamp"], found["date"], found["time"]
    if stamp is not None and (day is None or "timestamp" in mapping):
        if clock is None or "timestamp" in mapping:
            return (stamp,)
        day = clock
    if stamp is not None and day is not None:
        raise ConfigurationError(
            f"both {names[stamp]!r} and {names[day]!r} may hold the time, "
            f"among {_shown(names)}; {COLUMNS_SYNTAX}"
        )
    return tuple(column for column in (day, clock) if column is not None)


def _mapped(names: Sequence[str], field: str, column: str) -> int:
    if column.startswith("#") and column[1:].isdigit() and 1 <= int(column[1:]) <= len(names):
        return int(column[1:]) - 1
    exact = [place for place, name in enumerate(names) if name == column]
    places = exact or [p for p, name in enumerate(names) if _plain(name) == _plain(column)]
    if len(places) != 1:
        how_often = "is not" if not places else "is more than once"
        raise ConfigurationError(
            f"columns: {field}={column}: {column!r} {how_often} among {_shown(names)}"
        )
    return places[0]


def _usual(names: Sequence[str], field: str, *, taken: Collection[str]) -> int | None:
    places = [
        place
        for place, name in enumerate(names)
        if _plain(name) in _NAMES[field] and name not in taken
    ]
    if len(places) > 1:
        several = " and ".join(repr(names[place]) for place in places)
        raise ConfigurationError(
            f"{several} may each be {field}, among {_shown(names)}; {COLUMNS_SYNTAX}"
        )
    return places[0] if places else None


def _plain(name: str) -> str:
    return name.strip().strip("<>").strip().casefold().replace(" ", "_")


def _shown(names: Sequence[str]) -> str:
    return f"the columns {', '.join(names[:30])}"
