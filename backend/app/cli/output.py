"""How commands print: one Rich console, and JSON that any of our values fits into."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console

console = Console()
"""Standard output of every command; it follows redirection and the terminal's width."""

errors = Console(stderr=True)
"""Standard error, where the shell says what went wrong."""


def print_json(value: object) -> None:
    """Write `value` to standard output as one indented JSON document."""
    sys.stdout.write(json.dumps(to_json(value), indent=2, ensure_ascii=False) + "\n")


def to_json(value: object) -> Any:
    """`value` in types JSON has.

    Dataclasses and mappings become objects, sequences, sets and arrays lists; dates, times
    and instants ISO 8601 text; durations seconds; Decimal, UUID and paths text; enums their
    value. NaN and infinity become null. Numpy's scalars and arrays are known by their
    ``dtype``: importing numpy here would slow down every ``--help``.

    Raises:
        TypeError: for a type that has no such form.
    """
    if isinstance(value, Enum):
        return to_json(value.value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): to_json(item) for key, item in value.items()}
    if getattr(value, "dtype", None) is not None and not getattr(value, "shape", ()):
        return _numpy_scalar(value)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [to_json(item) for item in value]
    return _scalar(value)


def _numpy_scalar(value: Any) -> Any:
    return str(value) if value.dtype.kind in "mM" else to_json(value.item())


def _scalar(value: object) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, UUID | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form: {value!r}")


def _key(key: object) -> str:
    plain = to_json(key)
    return plain if isinstance(plain, str) else json.dumps(plain)
