"""Names of a run's indicators, of which no two are alike in a series of bars."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final

from app.core.shown import storable

LONGEST_NAME: Final = 256
"""Characters that the record has room for."""


def distinct(names: Sequence[str], owners: Sequence[str]) -> list[str]:
    """`names`, each once: one that occurs twice is followed by its owner, in brackets.

    Two functions may have the same name, and every lambda has. A number follows where owner and
    name are not enough, and what is too long for the record is cut; every other name stays.
    """
    readable = [_fitted(storable(name)) for name in names]
    counted = Counter(readable)
    taken: dict[str, None] = {}
    for name, owner in zip(readable, owners, strict=True):
        wanted = name if counted[name] == 1 else _fitted(name, f" [{owner}]")
        taken[next(each for each in _numbered(wanted) if each not in taken)] = None
    return list(taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    for number in count(2):
        yield _fitted(name, f" #{number}")


def _fitted(name: str, suffix: str = "") -> str:
    room = LONGEST_NAME - len(suffix)
    return (name if len(name) <= room else name[: room - 1] + "…") + suffix
