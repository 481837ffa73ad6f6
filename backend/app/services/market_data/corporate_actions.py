"""The store of splits and dividends: one sealed Parquet file per symbol, beside the bars.

``<root>/actions/<SYMBOL>/actions.parquet`` with the columns ``ex_date``, ``kind``, ``value``.
A damaged file is never passed over: prices without their splits would be wrong, so reading it
is an error until its actions are imported again, which sets the damaged file aside.
"""

import re
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from app.core.corporate_actions import ActionKind, CorporateAction
from app.core.exceptions import ConfigurationError, DataError
from app.services.market_data.sealed_files import (
    broken_seal,
    replace_file,
    seal,
    set_aside,
    writing,
)
from app.services.market_data.source_files import read_text
from app.services.market_data.symbol_folders import folder_name, require_symbol, symbols_of

_FILE: Final = "actions.parquet"
_SCHEMA: Final = {"ex_date": pl.Date, "kind": pl.String, "value": pl.Float64}
_ALIASES: Final = {"ex_date": "date", "ex-date": "date", "ticker": "symbol", "type": "kind"}
_COLUMNS: Final = ("symbol", "date", "kind", "value")
_RATIO: Final = re.compile(r"\s*([\d.]+)\s*[:/]\s*([\d.]+)\s*")

_Key = tuple[date, ActionKind]


@dataclass(frozen=True, slots=True)
class ActionImportSummary:
    """What a file of actions brought.

    ``added`` were new, ``replaced`` changed a stored one of the same symbol, date and kind,
    ``unchanged`` were stored already. ``refused`` has line numbers and reasons; ``notes`` what
    else the user should know.
    """

    path: Path
    rows: int
    symbols: tuple[str, ...]
    added: int
    replaced: int
    unchanged: int
    refused: tuple[tuple[int, str], ...]
    notes: tuple[str, ...]


class ActionStorage:
    """Reads and writes splits and dividends below the folder of the bars."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "actions"

    def symbols(self) -> list[str]:
        """The symbols with stored actions, sorted."""
        return symbols_of(path.parent.name for path in self._folder.glob(f"*/{_FILE}"))

    def read(self, symbol: str) -> tuple[CorporateAction, ...]:
        """The actions of `symbol` by date, splits before dividends; none: empty.

        Raises:
            DataError: if the file is damaged, saying how to mend it.
        """
        path = self._path(symbol)
        content, reason = _content(symbol, path)
        if reason is not None:
            raise DataError(
                f"{path}: {reason}; without the splits and dividends of {symbol} its prices "
                "would be wrong. Import them again: data import-actions FILE"
            )
        return _actions(symbol, content)

    def write(self, symbol: str, actions: list[CorporateAction]) -> tuple[int, int, int]:
        """Merge `actions` of `symbol` with what is stored: (added, replaced, unchanged).

        Of one date and kind the given one wins. The file is replaced atomically; a damaged one
        is set aside first.
        """
        path = self._path(symbol)
        with writing(path.parent):
            known = {(each.ex_date, each.kind): each.value for each in self._sound(symbol, path)}
            given = {(each.ex_date, each.kind): each.value for each in actions}
            added = len(given.keys() - known.keys())
            replaced = sum(known.get(key, value) != value for key, value in given.items())
            if added or replaced:
                replace_file(path, _sealed(symbol, known | given))
        return added, replaced, len(given) - added - replaced

    def _sound(self, symbol: str, path: Path) -> tuple[CorporateAction, ...]:
        """The stored actions; none after setting a damaged file aside."""
        content, reason = _content(symbol, path)
        if reason is not None:
            remedy = "Import every file of this symbol's actions: data import-actions FILE"
            set_aside(path, symbol=symbol, part="actions", reason=reason, remedy=remedy)
            return ()
        return _actions(symbol, content)

    def _path(self, symbol: str) -> Path:
        return self._folder / folder_name(require_symbol(symbol)) / _FILE


def _content(symbol: str, path: Path) -> tuple[bytes | None, str | None]:
    """The bytes of a file, None if there is none; and why they cannot be used."""
    if not path.is_file():
        return None, None
    content = path.read_bytes()
    return content, broken_seal(content, _identity(symbol))


def _actions(symbol: str, content: bytes | None) -> tuple[CorporateAction, ...]:
    if content is None:
        return ()
    return tuple(
        CorporateAction(symbol=symbol, ex_date=day, kind=ActionKind(kind), value=value)
        for day, kind, value in pl.read_parquet(content).select(*_SCHEMA).rows()
    )


def import_actions(path: Path, storage: ActionStorage) -> ActionImportSummary:
    """Store the splits and dividends of a .csv or .csv.gz file.

    Its columns are ``symbol``, ``date`` (the ex-date in the market's calendar, YYYY-MM-DD),
    ``kind`` (``split`` or ``dividend``) and ``value``: units after for one before (``4`` or
    ``4:1``), or cash per unit. Several dividends of one symbol and date are added up; rows
    that repeat one another count once.

    Raises:
        ConfigurationError: if there is no such file, or a column is missing.
        DataError: if the file is damaged, holds two different splits of one symbol and date,
            or no row of it can be stored.
    """
    table = _table_of(path)
    found: list[CorporateAction] = []
    refused: list[tuple[int, str]] = []
    for line, row in enumerate(table.select(_COLUMNS).rows(), start=2):
        try:
            found.append(_action(*("" if cell is None else cell.strip() for cell in row)))
        except (ConfigurationError, DataError) as error:
            refused.append((line, str(error)))
    if not found:
        first = f" (line {refused[0][0]}: {refused[0][1]})" if refused else ""
        raise DataError(f"{path}: none of its {len(table)} rows can be stored{first}")
    merged, notes = _merged(path, found)
    counts = [storage.write(symbol, actions) for symbol, actions in merged.items()]
    added, replaced, unchanged = (sum(column) for column in zip(*counts, strict=True))
    return ActionImportSummary(
        path,
        rows=len(table),
        symbols=tuple(merged),
        added=added,
        replaced=replaced,
        unchanged=unchanged,
        refused=tuple(refused),
        notes=notes,
    )


def _table_of(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise ConfigurationError(f"{path}: there is no such file")
    try:
        frame = pl.read_csv(read_text(path), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path}: the file is damaged ({error}); fetch it again") from error
    plain = {name: name.strip().casefold() for name in frame.columns}
    names = [_ALIASES.get(name, name) for name in plain.values()]
    missing = [name for name in _COLUMNS if names.count(name) != 1]
    if missing:
        raise ConfigurationError(
            f"{path}: a file of splits and dividends has the columns {', '.join(_COLUMNS)}, each "
            f"once; not so {', '.join(missing)} among {', '.join(frame.columns)}"
        )
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def _action(symbol: str, day: str, kind: str, value: str) -> CorporateAction:
    return CorporateAction(
        symbol=require_symbol(symbol),
        ex_date=_date(day),
        kind=_kind(kind),
        value=_value(value),
    )


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DataError(f"date {text!r} is not a date; write it as YYYY-MM-DD") from None
    if not 1970 <= day.year < 2100:
        raise DataError(f"date {text!r} is not between 1970 and 2100")
    return day


def _kind(text: str) -> ActionKind:
    try:
        return ActionKind(text.casefold())
    except ValueError:
        raise DataError(f"kind {text!r} is neither split nor dividend") from None


def _value(text: str) -> float:
    match = _RATIO.fullmatch(text)
    try:
        return float(match[1]) / float(match[2]) if match else float(text)
    except (ValueError, ZeroDivisionError):
        raise DataError(
            f"value {text!r} is not a number; give a ratio such as 4 or 4:1, or cash per unit"
        ) from None


def _merged(
    path: Path, found: list[CorporateAction]
) -> tuple[dict[str, list[CorporateAction]], tuple[str, ...]]:
    """One action per symbol, date and kind."""
    unique = list(dict.fromkeys(found))
    notes = []
    if len(unique) < len(found):
        notes.append(f"{len(found) - len(unique)} rows repeat another one and count once")
    merged: dict[str, dict[_Key, CorporateAction]] = {}
    for action in unique:
        own = merged.setdefault(action.symbol, {})
        before = own.get((action.ex_date, action.kind))
        total = action if before is None else _summed(path, before, action)
        if before is not None:
            notes.append(f"dividends of {total.symbol} on {total.ex_date} add up: {total.value:g}")
        own[(action.ex_date, action.kind)] = total
    return {symbol: list(own.values()) for symbol, own in merged.items()}, tuple(notes)


def _summed(path: Path, first: CorporateAction, second: CorporateAction) -> CorporateAction:
    if first.kind is ActionKind.SPLIT:
        raise DataError(
            f"{path}: two splits of {first.symbol} on {first.ex_date}, of {first.value:g} and "
            f"{second.value:g}; keep the right one"
        )
    return replace(first, value=first.value + second.value)


def _sealed(symbol: str, actions: dict[_Key, float]) -> bytes:
    rows = sorted(actions.items(), key=lambda item: (item[0][0], item[0][1] != ActionKind.SPLIT))
    columns = [(day, kind.value, value) for (day, kind), value in rows]
    frame = pl.DataFrame(columns, schema=_SCHEMA, orient="row")
    return seal(frame, _identity(symbol), {"rows": len(frame)})


def _identity(symbol: str) -> str:
    return f"actions/{symbol}"
