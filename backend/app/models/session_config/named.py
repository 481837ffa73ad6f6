"""Session configs by name: ``example_session`` is ``example_session.json`` of one folder.

A name may come from a stranger. It is held against what a name can be before the file system
sees it, and what it leads to must lie in the folder.
"""

import re
from pathlib import Path

from app.core.exceptions import ConfigurationError
from app.models.session_config.wording import closest, first_of, shown

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")


def resolve_named(folder: Path, name: str) -> Path:
    """The file of the session config called `name` in `folder`, with no link left in its path.

    A name has ASCII letters, digits, ``_`` and ``-`` (not first), at most 100. A link is
    followed as far as it stays in `folder`.

    Raises:
        ConfigurationError: for a text that cannot be a name, or a name that no config has; the
            message lists those there are.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"config: {shown(name)} cannot be the name of a session config; "
            f"a name has letters, digits, _ and - only; {_there_are(folder)}"
        )
    path = _file(folder, name)
    if path is None:
        meant = closest(name, list_named(folder))
        hint = f"did you mean {meant}? " if meant else ""
        raise ConfigurationError(
            f"config: there is no session config {shown(name)}; {hint}{_there_are(folder)}"
        )
    return path


def list_named(folder: Path) -> tuple[str, ...]:
    """Every name that `resolve_named` finds in `folder`, sorted; none if there is no folder."""
    names = sorted(path.stem for path in folder.glob("*.json"))
    return tuple(name for name in names if _NAME.fullmatch(name) and _file(folder, name))


def is_name(config: str) -> bool:
    """Whether `config` is meant as a name; ``mine.json`` and ``./mine`` are paths."""
    return not any(mark in config for mark in "./\\")


def _file(folder: Path, name: str) -> Path | None:
    try:
        home = folder.resolve()
        path = (home / f"{name}.json").resolve(strict=True)
    except (OSError, RuntimeError):  # there is none, or links that lead in a circle
        return None
    return path if path.is_relative_to(home) and path.is_file() else None


def _there_are(folder: Path) -> str:
    names = list_named(folder)
    return f"{folder} holds {first_of(names) if names else 'no session config'}"
