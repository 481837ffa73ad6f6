"""What a field wants, in words: the one source of the refusals and of the reference."""

import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_SHOWN_LENGTH = 60
_LISTED = 10
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a value must be, as a sentence says it: one of them, several of them.

    Put into an `Annotated` type it names that type; `example` is a value of it.
    """

    one: str
    many: str
    example: Any = None


def wanted(annotation: Any, metadata: Iterable[Any] = ()) -> Wanted:
    """What a field of type `annotation` wants; `metadata` holds its bounds."""
    annotation, metadata = unwrap(annotation, metadata)
    for item in metadata:
        if isinstance(item, Wanted):
            return item
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is tuple:
        return Wanted(f"a list of {wanted(arguments[0]).many}", "lists")
    if words(annotation):
        return Wanted(one_of(words(annotation)), f"words among {one_of(words(annotation))}")
    if origin is not None and issubclass(origin, Mapping):
        return Wanted(f"a section of names and {wanted(arguments[1]).many}", "sections")
    return _plain(annotation, metadata)


def _plain(annotation: Any, metadata: tuple[Any, ...]) -> Wanted:
    if annotation is bool:
        return Wanted("true or false", "true or false")
    if annotation is int:
        return Wanted(f"a whole number{_bounds(metadata)}", "whole numbers")
    if annotation is float:
        return Wanted(f"a number{_bounds(metadata)}", "numbers")
    if annotation is str:
        return Wanted("a text", "texts")
    return Wanted(f"a section with {one_of(field_names(annotation), 'and')}", "sections")


def _bounds(metadata: tuple[Any, ...]) -> str:
    low, high, above = "", "", ""
    for item in metadata:
        if isinstance(item, annotated_types.Ge):
            low = f"{item.ge:.15g}"
        elif isinstance(item, annotated_types.Gt):
            above = f"{item.gt:.15g}"
        elif isinstance(item, annotated_types.Le):
            high = f"{item.le:.15g}"
    if above:
        return f" above {above}" + (f", at most {high}" if high else "")
    if low and high:
        return f" from {low} to {high}"
    return f", {low} or more" if low else ""


def unwrap(annotation: Any, metadata: Iterable[Any] = ()) -> tuple[Any, tuple[Any, ...]]:
    """`annotation` without `Annotated` and without "or nothing", and all its metadata."""
    collected = tuple(metadata)
    while True:
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            for item in arguments[1:]:
                nested = tuple(item.metadata) if isinstance(item, FieldInfo) else (item,)
                collected = (*collected, *nested)
            annotation = arguments[0]
        elif origin in (typing.Union, types.UnionType) and type(None) in arguments:
            annotation = next(argument for argument in arguments if argument is not type(None))
        else:
            return annotation, collected


def variants(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The sections a value may be: one model, each of a union of models, or none."""
    annotation, _ = unwrap(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(found for part in typing.get_args(annotation) for found in variants(part))
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return (annotation,) if is_model else ()


def item_type(annotation: Any) -> Any:
    """The type of a list's items or of a section's named values; None for anything else."""
    annotation, _ = unwrap(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is tuple:
        return arguments[0]
    if origin in (typing.Union, types.UnionType):
        return next(filter(None, map(item_type, arguments)), None)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return arguments[1]
    return None


def words(annotation: Any) -> tuple[str, ...]:
    """The words of a closed vocabulary, or of the choice between sections; else none."""
    annotation, _ = unwrap(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(member.value for member in annotation)
    models = variants(annotation)
    if len(models) > 1:
        return tuple(
            word for model in models for word in words(model.model_fields["model"].annotation)
        )
    return ()


def field_names(model: type[BaseModel]) -> list[str]:
    """Names of the fields of `model` as one writes them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Fields of `model` by the name one writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def one_of(words: Iterable[str], joint: str = "or") -> str:
    """``a, b or c``."""
    *rest, last = words
    return f"{', '.join(rest)} {joint} {last}" if rest else last


def first_of(names: Sequence[str]) -> str:
    """``a, b and c``, or the first ten ``and 3 more``."""
    if len(names) > _LISTED:
        names = [*names[:_LISTED], f"{len(names) - _LISTED} more"]
    return one_of(names, "and")


def closest(word: str, known: Iterable[str]) -> str | None:
    """The word among `known` that `word` was probably meant to be."""
    by_folded = {name.casefold(): name for name in known}
    found = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def shown(value: object) -> str:
    """`value` as JSON writes it, shortened, with nothing a terminal could trip over."""
    text = "".join(_pieces(value))
    text = "".join(char if char.isprintable() else _escaped(char) for char in text)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"


def _pieces(value: object) -> Iterable[str]:
    if value is None or isinstance(value, bool):
        yield {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, str):
        yield '"' + value[: _SHOWN_LENGTH + 1].replace("\\", "\\\\").replace('"', '\\"') + '"'
    elif isinstance(value, Mapping):
        inner = (f"{shown(key)}: {shown(item)}" for key, item in list(value.items())[:10])
        yield "{" + ", ".join(inner) + "}"
    elif isinstance(value, list | tuple):
        yield "[" + ", ".join(shown(item) for item in value[:20]) + "]"
    else:
        yield str(value)


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}"


_KINDS: tuple[tuple[type | types.UnionType, str], ...] = (
    (bool, "true/false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "a text"),
    (Mapping, "a section"),
    (list | tuple, "a list"),
)


def kind(value: object) -> str:
    """What sort of JSON value `value` is."""
    names = (name for sort, name in _KINDS if isinstance(value, sort))
    return next(names, f"a Python {type(value).__name__}")


def path_text(parts: Iterable[str | int]) -> str:
    """``session_data_config.symbols[1]``; a key that is no plain word stands in brackets."""
    text = ""
    for part in parts:
        if isinstance(part, str) and _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{part if isinstance(part, int) else shown(part)}]"
    return text


def located(path: Iterable[str | int], sentence: str) -> str:
    """`sentence` after the path of its field; the sentence alone for the config as a whole."""
    place = path_text(path)
    return f"{place}: {sentence}" if place else sentence
