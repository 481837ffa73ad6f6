"""Mistakes in a config, each as one sentence that names the field, the value and the remedy."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from app.models.session_config.kinds import MISTAKES, Path
from app.models.session_config.wording import (
    Wanted,
    closest,
    field_names,
    fields_of,
    item_type,
    kind,
    located,
    one_of,
    path_text,
    shown,
    variants,
    wanted,
    words,
)

REMOVED = {
    "data_streams": "use session_data_config.symbols and session_data_config.streams",
    "derived_intervals": "leave it out: longer bars are determined automatically from what "
    "strategies and historical.data ask for",
    "auto_compute_derived": "leave it out: longer bars are always computed",
    "historical_bars": "use session_data_config.historical.data",
}
"""Fields of earlier versions, and what takes their place."""

LATER = {
    "risk": "risk limits are not available yet; leave it out",
}
"""Fields that are planned and do nothing yet."""

MOST_TOLD = 50
"""How many mistakes are told at once."""

_TOO_SMALL = {"greater_than", "greater_than_equal"}
_TOO_LARGE = {"less_than", "less_than_equal"}
_UNKNOWN_WORD = {"enum", "literal_error"}


class _Place(NamedTuple):
    """What is wanted at one place of the config, and what it is made of."""

    wanted: Wanted
    example: Any
    section: type[BaseModel] | None
    words: tuple[str, ...]


def problems_of(error: ValidationError, data: Any, root: type[BaseModel]) -> tuple[str, ...]:
    """The mistakes pydantic found in `data` when it was read as `root`, in our words."""
    found = (
        located(path, sentence)
        for details in error.errors(include_url=False)
        for path, sentence in _mistakes(details, data, root)
    )
    return tuple(dict.fromkeys(islice(found, MOST_TOLD)))


def _mistakes(details: Any, data: Any, root: type[BaseModel]) -> Iterator[tuple[Path, str]]:
    what = details["type"]
    if what == "too_short" and details["input"]:
        return  # its items were refused; each has a mistake of its own
    path = _real_path(details["loc"], data, is_missing=what == "missing")
    if what == MISTAKES:
        for inner, sentence in details["ctx"][MISTAKES]:
            yield (*path, *inner), sentence
    elif what == "extra_forbidden":
        yield path, _unknown_field(path, data, root)
    elif what.startswith("union_tag") and isinstance(details["input"], Mapping):
        yield (*path, "model"), _model_choice(details["input"], _place(path, data, root))
    else:
        yield path, _sentence(what, details["input"], _place(path, data, root))


def _sentence(what: str, value: Any, place: _Place) -> str:
    example = f" (for example {shown(place.example)})" if place.example is not None else ""
    wants = f"{place.wanted.one} is wanted{example}"
    if what == "missing":
        return f"is missing; {wants}"
    if what == "too_short":
        return f"{shown(value)} is empty; {wants}"
    if what in _TOO_SMALL:
        return f"{shown(value)} is too small; {wants}"
    if what in _TOO_LARGE:
        return f"{shown(value)} is too large; {wants}"
    if what in _UNKNOWN_WORD and isinstance(value, str) and place.words:
        return _unknown_word(value, place.words)
    return f"{shown(value)} is {kind(value)}; {wants}"


def _model_choice(section: Mapping[str, Any], place: _Place) -> str:
    wants = f"{one_of(place.words)} is wanted"
    if "model" not in section:
        return f"is missing; {wants}"
    value = section["model"]
    if not isinstance(value, str):
        return f"{shown(value)} is {kind(value)}; {wants}"
    return _unknown_word(value, place.words)


def _unknown_word(value: str, words: tuple[str, ...]) -> str:
    guess = closest(value, words)
    hint = f'did you mean "{guess}"? Use' if guess else "use"
    return f"{shown(value)} is not known; {hint} {one_of(words)}"


def _unknown_field(path: Path, data: Any, root: type[BaseModel]) -> str:
    name = str(path[-1])
    if name in REMOVED:
        return f"was removed; {REMOVED[name]}"
    if name in LATER:
        return f"is not a field; {LATER[name]}"
    section = _place(path[:-1], data, root).section or root
    names = field_names(section)
    guess = closest(name, names)
    if guess:
        return f'is not a field; did you mean "{guess}"?'
    homes = [home for home in _homes(name, root, ()) if home != path[:-1]]
    if homes:
        return f"is not a field here; it belongs in {path_text(homes[0]) or 'the top level'}"
    there_are = "fields here are" if len(names) > 1 else "only field here is"
    return f"is not a field; the {there_are} {one_of(names, 'and')}"


def _homes(name: str, section: type[BaseModel], path: Path) -> Iterator[Path]:
    for key, field in fields_of(section).items():
        if key == name:
            yield path
        for inner in variants(field.annotation):
            yield from _homes(name, inner, (*path, key))


def _real_path(location: tuple[str | int, ...], data: Any, *, is_missing: bool) -> Path:
    """`location` without what pydantic adds to it for the branch of a union it tried."""
    path: list[str | int] = []
    for position, part in enumerate(location):
        is_last = position == len(location) - 1
        if isinstance(data, Mapping) and (part in data or (is_last and is_missing)):
            path.append(part)
            data = data.get(part)
        elif isinstance(data, list | tuple) and isinstance(part, int):
            path.append(part)
            data = data[part]
    return tuple(path)


def _place(path: Path, data: Any, root: type[BaseModel]) -> _Place:
    annotation: Any = root
    field: FieldInfo | None = None
    for part in path:
        section = _section(annotation, data)
        if section is not None:
            field = fields_of(section)[str(part)]
            annotation = field.rebuild_annotation()
        else:
            field, annotation = None, item_type(annotation)
        data = _inner(data, part)
    wants = wanted(annotation)
    example = field.examples[0] if field is not None and field.examples else wants.example
    return _Place(wants, example, _section(annotation, data), words(annotation))


def _inner(data: Any, part: str | int) -> Any:
    if isinstance(data, Mapping):
        return data.get(part)
    return data[part] if isinstance(data, list | tuple) and isinstance(part, int) else None


def _section(annotation: Any, data: Any) -> type[BaseModel] | None:
    models = variants(annotation)
    if len(models) > 1 and isinstance(data, Mapping):
        tagged = [
            model
            for model in models
            if data.get("model") in words(model.model_fields["model"].annotation)
        ]
        return tagged[0] if tagged else models[0]
    return models[0] if models else None
