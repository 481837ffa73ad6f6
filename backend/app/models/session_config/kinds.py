"""The kinds of value a session config is made of, each refusing what it is not."""

import re
from collections.abc import Callable, Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    Tag,
)
from pydantic_core import PydanticCustomError

from app.core.exceptions import ConfigurationError
from app.core.intervals import Interval
from app.models.session_config.wording import Wanted, shown

Path: TypeAlias = tuple[str | int, ...]
Mistake: TypeAlias = tuple[Path, str]
"""Where, relative to the value that is checked, and what is wrong there."""

MISTAKES = "mistakes"
T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Section(BaseModel):
    """A part of the config in braces: immutable, no field but the known ones, no coercion."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, serialize_by_alias=True, allow_inf_nan=False
    )


def refuse(mistakes: Iterable[Mistake]) -> None:
    """Refuse the value being validated if there is any mistake in it."""
    found = list(mistakes)
    if found:
        raise PydanticCustomError(MISTAKES, "mistakes in the config", {MISTAKES: found})


def _refuse_here(sentence: str) -> None:
    refuse([((), sentence)])


def _matching(pattern: str, what: str, remedy: str, *, most: int = 64) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if len(text) > most or not compiled.fullmatch(text):
            _refuse_here(f"{shown(text)} is not {what}; {remedy}")
        return text

    return check


_PART = r"[A-Za-z0-9.:_&=^$+-]*"
SYMBOL = rf"[A-Za-z0-9^$]{_PART}(/\.*[A-Za-z0-9:_&=^$+-]{_PART})*"
"""A symbol of a session, whole, as a regular expression; it has 64 characters at most.

No part of it, between slashes, is empty or has no character but dots.
"""

Symbol = Annotated[
    str,
    AfterValidator(
        _matching(
            SYMBOL,
            "a symbol",
            "use letters, digits and . - / : _ & = ^, and a name on both sides of each / "
            "(for example AAPL, BTC/USD)",
        )
    ),
    Wanted("a symbol", "symbols", "AAPL"),
]

SessionName = Annotated[
    str,
    AfterValidator(
        _matching(
            r"\w([\w .-]*\w)?",
            "a session name",
            "files are named after it: use letters, digits, spaces, . - _ "
            "and begin and end with a letter or digit",
        )
    ),
    Wanted("a session name", "session names", "My session"),
]

Name = Annotated[
    str,
    AfterValidator(
        _matching(
            r"[A-Za-z][A-Za-z0-9_-]*",
            "a name",
            "begin with a letter and use letters, digits, _ and - (for example fast_cross)",
        )
    ),
    Wanted("a name", "names", "fast_cross"),
]

StrategyClass = Annotated[
    str,
    AfterValidator(
        _matching(
            r"[a-z][a-z0-9_]*|([A-Za-z_]\w*(\.[A-Za-z_]\w*)*|(\w[\w-]*/)*\w[\w-]*\.py):[A-Za-z_]\w*",
            "a strategy class",
            "write the name of a shipped one (sma_cross), a file of the strategies folder and "
            "its class (my_file.py:MyStrategy), or module:Class (my_package.my_module:MyStrategy)",
            most=200,
        )
    ),
    Wanted("a strategy class", "strategy classes", "sma_cross"),
]

TrailingPeriod = Annotated[
    str,
    AfterValidator(
        _matching(
            r"[1-9][0-9]{0,3}d",
            "a period",
            'write a number of trading days and the letter d (for example "10d")',
        )
    ),
    Wanted("a period in trading days", "periods", "10d"),
]


def _date(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    _refuse_here(f'{shown(value)} is not a date; write year-month-day (for example "2025-11-03")')
    return value


Date = Annotated[date, BeforeValidator(_date), Wanted("a date", "dates", "2025-11-03")]


def _interval(value: object) -> Interval:
    if not isinstance(value, str | Interval):
        raise PydanticCustomError("interval_type", "not an interval")
    try:
        return Interval.parse(value)
    except ConfigurationError:
        _refuse_here(
            f"{shown(value)} is not an interval; use minutes or hours up to a day "
            "(1m, 5m, 90m, 4h), 1d or 1w"
        )
        raise


BarInterval = Annotated[
    Interval,
    PlainValidator(_interval),
    PlainSerializer(str, return_type=str),
    Wanted("a bar interval", "bar intervals", "5m"),
]


def _parameter(value: object) -> bool | int | float | str:
    if isinstance(value, bool | int | float | str):
        return value
    raise PydanticCustomError("parameter_type", "not a parameter")


ParameterValue = Annotated[
    bool | int | float | str,
    PlainValidator(_parameter),
    Wanted("a number, a text or true/false", "numbers, texts or true/false", 10),
]


def _each_once(values: tuple[T, ...]) -> tuple[T, ...]:
    first_places = dict(zip(reversed(values), range(len(values) - 1, -1, -1), strict=True))
    refuse(
        ((position,), f"{shown(str(value))} is listed twice; keep one")
        for position, value in enumerate(values)
        if first_places[value] != position
    )
    return values


Listed = Annotated[tuple[T, ...], Field(strict=False, min_length=1), AfterValidator(_each_once)]
"""A list with at least one item and none twice."""

Word = Annotated[E, Field(strict=False)]
"""A word of a closed vocabulary, written as text."""


def _selects_by(value: Any) -> str:
    return "all" if isinstance(value, str) else "listed"


SymbolSelection = Annotated[
    Annotated[Literal["all"], Tag("all")] | Annotated[Listed[Symbol], Tag("listed")],
    Discriminator(_selects_by),
    Wanted('"all" or a list of symbols', "selections", "all"),
]
"""Every symbol of the session, or those listed."""
