"""Session configs as requests give them: by name, or sent along."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

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
    of the server is imported, beyond the strategies put there for it.

    Raises:
        ConfigurationError: no such name, or `problems` with every mistake by its path.
    """
    if isinstance(given, str):
        return _named(platform.settings.session_configs_dir, given)
    text = written.decode(json.detect_encoding(written), "surrogatepass")
    config = read_session_config(decode(text)["config"])
    modules = [
        f"strategies[{position}].class: {strategy.class_!r} is a module; over the API name a "
        "shipped strategy or a file of the strategies folder, or start a config by name"
        for position, strategy in enumerate(config.strategies)
        if ":" in strategy.class_ and ".py:" not in strategy.class_
    ]
    if modules:
        raise ConfigurationError("\n".join(modules), tuple(modules))
    return config
