"""Reading a session config: from a file, a JSON text, or a mapping made in Python."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.core.exceptions import ConfigurationError
from app.models.session_config.kinds import Mistake
from app.models.session_config.problems import MOST_TOLD, problems_of
from app.models.session_config.session import SessionConfig
from app.models.session_config.wording import first_of, located, shown

MOST_BYTES = 1_048_576
_DEEPEST = 20
_MOST_DIGITS = 18


def load_session_config(path: Path) -> SessionConfig:
    """The session config in the file `path`.

    Raises:
        ConfigurationError: if the file is missing, larger than 1 MiB, not UTF-8 or not JSON,
            or if anything in it is wrong; `problems` then holds every mistake found.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigurationError(f"{path} is larger than 1 MiB; that is no session config")
        return parse_session_config(path.read_bytes().decode("utf-8-sig"), str(path))
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist; {_configs_in(path.parent)}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{str(path)!r} cannot be read: {error}") from None


def parse_session_config(text: str, source: str = "session config") -> SessionConfig:
    """The session config in the JSON `text`; `source` names it in errors.

    Stricter than JSON readers commonly are: a repeated field, NaN, Infinity and null are
    mistakes.

    Raises:
        ConfigurationError: if `text` is not JSON (with line and column) or anything in it is
            wrong; `problems` holds every mistake found.
    """
    return read_session_config(decode(text, source), source)


def read_session_config(data: Mapping[str, Any], source: str = "session config") -> SessionConfig:
    """The session config that `data` describes in JSON's types; `source` names it in errors.

    Raises:
        ConfigurationError: if anything in it is wrong; `problems` holds every mistake found.
    """
    mistakes = islice(_unusable((), data), MOST_TOLD)
    problems = tuple(located(path, sentence) for path, sentence in mistakes)
    if not problems:
        try:
            return SessionConfig.model_validate(data)
        except ValidationError as error:
            problems = problems_of(error, data, SessionConfig)
    count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    count += " or more" if len(problems) == MOST_TOLD else ""
    lines = "".join(f"\n  {problem}" for problem in problems)
    raise ConfigurationError(f"{source} has {count}:{lines}", problems)


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its keys were written more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs) if len(self) < len(pairs) else {}
        self.repeated = {key: count for key, count in counts.items() if count > 1}


class _NotANumber:
    """A number that JSON or a float cannot hold, as it was written."""

    def __init__(self, text: str) -> None:
        self.text = text if len(text) <= _MOST_DIGITS else f"{text[:_MOST_DIGITS]}…"


def decode(text: str, source: str = "session config") -> Any:
    """JSON in which repeated fields and numbers that are none are still seen, for reading.

    Raises:
        ConfigurationError: if `text` is not JSON.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_Object,
            parse_constant=_NotANumber,
            parse_int=_whole_number,
            parse_float=_number,
        )
    except json.JSONDecodeError as error:
        problem = _explained(error.doc, error.pos, error.msg)
        raise ConfigurationError(f"{source} is not JSON:\n  {problem}", (problem,)) from None
    except RecursionError:
        problem = f"is nested more than {_DEEPEST} levels deep"
        raise ConfigurationError(f"{source} {problem}", (problem,)) from None


def _whole_number(text: str) -> int | _NotANumber:
    return int(text) if len(text) <= _MOST_DIGITS else _NotANumber(text)


def _number(text: str) -> float | _NotANumber:
    value = float(text)
    return value if abs(value) < 10**_MOST_DIGITS else _NotANumber(text)


def _explained(text: str, position: int, message: str) -> str:
    if message.startswith("Illegal trailing comma"):  # later Pythons point at the comma
        position += len(text[position:]) - len(text[position + 1 :].lstrip())
    message = message[:1].lower() + message[1:]
    rest, before = text[position : position + 2], text[:position].rstrip()[-1:]
    if not text.strip():
        message = "the file is empty; write a config in braces { … }"
    elif rest.startswith(("//", "/*", "#")):
        message = "JSON has no comments; take this one out"
    elif rest.startswith("'"):
        message = "JSON puts texts in double quotes"
    elif before == "," and rest[:1] in ("}", "]"):
        message = "there is a comma before this bracket; take it out"
    line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
    return f"line {line}, column {column}: {message}"


def _unusable(path: tuple[str | int, ...], value: Any) -> Iterator[Mistake]:
    """What no field may be, whatever it is called: repeated, null, not a number, too deep."""
    if len(path) > _DEEPEST:
        yield path[:3], f"is nested more than {_DEEPEST} levels deep"
    elif value is None:
        yield path, "null is no value; give one, or leave the field out"
    elif isinstance(value, _NotANumber):
        yield path, f"{value.text} is not a number that can be used here; write one like 100 or 0.5"
    elif isinstance(value, str) and not _is_text(value):
        yield path, f"{shown(value)} holds half a character; write it anew"
    elif isinstance(value, Mapping):
        for key in value:
            if not (isinstance(key, str) and _is_text(key)):
                yield (*path, str(key)), "is not a name a field can have; write it anew"
        for key, count in getattr(value, "repeated", {}).items():
            yield (*path, key), f"is written {count} times; keep one"
        for key, item in value.items():
            yield from _unusable((*path, key), item)
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _unusable((*path, position), item)


def _is_text(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _configs_in(folder: Path) -> str:
    if not folder.is_dir():
        return f"there is no folder {folder} either"
    names = sorted(entry.name for entry in folder.glob("*.json"))
    return f"{folder} holds {first_of(names) if names else 'no session config'}"
