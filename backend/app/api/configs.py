"""Session configs as requests give them: by name, or sent along."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from app.api.platform import Platform
from app.core.exceptions import ConfigurationError
from app.models.session_config import (
    SessionConfig,
    load_session_config,
    read_session_config,
    resolve_named,
)
from app.models.session_config.loading import decode

MOST_STRATEGIES: Final = 100
MOST_SYMBOLS: Final = 1_000
MOST_PAIRS: Final = 5_000
"""Of strategies and symbols of a config that is sent; a pair takes a run some ten kilobytes."""


async def _body(request: Request) -> bytes:
    return await request.body()


WrittenBody = Annotated[bytes, Depends(_body)]
"""Parameter of a route: the body as it was sent."""


def _named(folder: Path, name: str) -> SessionConfig:
    """The config called `name`; where on the server it lies is told to nobody."""
    try:
        return load_session_config(resolve_named(folder, name))
    except ConfigurationError as error:
        message, *problems = (_without(text, folder) for text in (str(error), *error.problems))
        raise ConfigurationError(message, tuple(problems)) from error


def _without(text: str, folder: Path) -> str:
    for place in {str(folder), str(folder.resolve())}:
        text = text.replace(f"{place}/", "").replace(place, "the server")
    return text


def session_config_of(
    platform: Platform, given: str | Mapping[str, Any], written: bytes
) -> SessionConfig:
    """The session config that the field ``config`` of the body `written` gives.

    One that was sent is read from the text itself: a field written twice is a mistake, which
    `given` no longer shows. It may not name a module: a request is not to choose what Python
    of the server is imported, beyond the strategies put there for it. Nor may it ask for more
    than `MOST_STRATEGIES`, `MOST_SYMBOLS` and `MOST_PAIRS`: what is planned is held until it is
    run. What the operator has put on the server may do both.

    Raises:
        ConfigurationError: no such name, or `problems` with every mistake by its path.
    """
    if isinstance(given, str):
        return _named(platform.settings.session_configs_dir, given)
    sent = decode(written.decode(json.detect_encoding(written), "surrogatepass"))["config"]
    _refuse(_too_many(sent))
    config = read_session_config(sent)
    _refuse(_too_many_pairs(config))
    _refuse(_modules(config))
    return config


def _too_many(sent: Any) -> list[str]:
    """Lists that are too long, before anything else of a config that was sent is looked at."""
    data = _within(sent, "session_data_config")
    listed = (
        ("strategies", _within(sent, "strategies"), MOST_STRATEGIES),
        ("session_data_config.symbols", _within(data, "symbols"), MOST_SYMBOLS),
    )
    return [
        _limited(field, len(items), most)
        for field, items, most in listed
        if isinstance(items, list) and len(items) > most
    ]


def _too_many_pairs(config: SessionConfig) -> list[str]:
    """Strategies with all of their symbols, of each of which a run holds some kilobytes."""
    pairs = sum(len(config.symbols_of(strategy)) for strategy in config.strategies)
    if pairs <= MOST_PAIRS:
        return []
    return [_limited("strategies", pairs, MOST_PAIRS, " symbols of all of them together")]


def _modules(config: SessionConfig) -> list[str]:
    return [
        f"strategies[{position}].class: {strategy.class_!r} is a module; over the API name a "
        "shipped strategy or a file of the strategies folder, or start a config by name"
        for position, strategy in enumerate(config.strategies)
        if ":" in strategy.class_ and ".py:" not in strategy.class_
    ]


def _within(value: Any, field: str) -> Any:
    return value.get(field) if isinstance(value, Mapping) else None


def _limited(field: str, count: int, most: int, what: str = "") -> str:
    return (
        f"{field}: {count:,}{what} are too many for a config that is sent, which may have "
        f"{most:,}; send fewer, or start a config of the server by its name"
    )


def _refuse(problems: list[str]) -> None:
    if problems:
        raise ConfigurationError("\n".join(problems), tuple(problems))
