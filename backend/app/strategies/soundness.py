"""Whether a class is written as a strategy has to be: all mistakes found before it runs."""

import ast
import inspect
from collections.abc import Iterator
from textwrap import dedent
from typing import Any, get_type_hints
from weakref import WeakSet

from app.core.exceptions import ConfigurationError
from app.core.strategy import Bars, Indicator, Parameter, Strategy

_CALLED_WITH = {
    "check": (),
    "on_start": (),
    "on_bar": ("bar",),
    "on_slice": ("bars",),
    "on_order": ("order",),
    "on_session_end": (),
}
_REPLACEABLE = {*_CALLED_WITH, "interval", "wake"}
_TAKEN = {*dir(Strategy), *get_type_hints(Strategy), "parameters"} - _REPLACEABLE
"""Names that the platform gives a meaning on every strategy."""
_seen_sound: WeakSet[type[Strategy]] = WeakSet()


def require_sound(strategy: type[Strategy]) -> None:
    """Pass if `strategy` can be run.

    Raises:
        ConfigurationError: listing every mistake: neither or both of `on_bar` and `on_slice`; a
            method that cannot be called as the platform calls it; a name that is taken, or
            declared twice; a parameter whose default it does not accept itself, or that an
            indicator uses without its being declared.
    """
    if strategy in _seen_sound:
        return
    problems = [
        *_calls(strategy),
        *_taken_names(strategy),
        *_doubled_names(strategy),
        *_defaults(strategy),
        *_undeclared(strategy),
    ]
    try:
        strategy.is_cross_sectional()
    except ConfigurationError as error:
        problems.insert(0, str(error))
    if problems:
        raise ConfigurationError("; ".join(problems), tuple(problems))
    _seen_sound.add(strategy)


def _own_bases(strategy: type[Strategy]) -> list[type]:
    """The class and those it is derived from, up to `Strategy`."""
    return [*strategy.__mro__[: strategy.__mro__.index(Strategy)]]


def _calls(strategy: type[Strategy]) -> Iterator[str]:
    for name, arguments in _CALLED_WITH.items():
        method = getattr(strategy, name)
        if not callable(method):
            yield f"{name} is {method!r}: write it as a method"
        elif inspect.iscoroutinefunction(method) or inspect.isgeneratorfunction(method):
            yield f"{name} must be a plain method, without async or yield"
        elif not _takes(method, arguments):
            yield f"{name} must be written as def {name}({', '.join(('self', *arguments))})"
    for base in _own_bases(strategy):
        start = vars(base).get("__init__")
        if start is not None and "super" not in start.__code__.co_names:
            yield (
                f"{base.__name__} must not replace __init__: declare parameters in the class body "
                "and set what you keep in on_start"
            )


def _takes(method: Any, arguments: tuple[str, ...]) -> bool:
    try:
        inspect.signature(method).bind(None, *arguments)
    except TypeError:
        return False
    return True


def _taken_names(strategy: type[Strategy]) -> Iterator[str]:
    for base in _own_bases(strategy):
        for name, value in (vars(base) | vars(base)["__declared__"]).items():
            if name in _TAKEN and not (name.startswith("__") and name.endswith("__")):
                kind = _kind(value)
                yield f"{kind}{name} has a meaning on every strategy: choose another name"
    interval = strategy.__declared__.get("interval")
    if isinstance(interval, Indicator | Bars):
        yield "interval is the strategy's bar length: choose another name"


def _kind(value: object) -> str:
    kinds = {Parameter: "parameter ", Indicator: "indicator ", Bars: "bars "}
    return next((word for kind, word in kinds.items() if isinstance(value, kind)), "")


def _doubled_names(strategy: type[Strategy]) -> Iterator[str]:
    """Names that a class body defines twice, of which Python silently keeps the last."""
    for base in _own_bases(strategy):
        seen: dict[str, int] = {}
        for name, line in _definitions(base):
            if name in seen:
                lines = f"lines {seen[name]} and {line}"
                yield f"{name} is defined twice in {base.__name__}, in {lines}"
            seen[name] = line


def _definitions(cls: type) -> Iterator[tuple[str, int]]:
    try:
        lines, first = inspect.getsourcelines(cls)
        body = ast.parse(dedent("".join(lines))).body[0]
    except (OSError, TypeError, SyntaxError):  # typed into a shell: there is no source to read
        return
    for statement in body.body if isinstance(body, ast.ClassDef) else ():
        line = first + statement.lineno - 1
        if isinstance(statement, ast.FunctionDef) and not statement.decorator_list:
            yield statement.name, line
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
            yield from ((target.id, line) for target in targets if isinstance(target, ast.Name))


def _defaults(strategy: type[Strategy]) -> Iterator[str]:
    for name, parameter in strategy.declared_parameters().items():
        try:
            parameter.parse(parameter.default)
        except ConfigurationError as error:
            yield f"the default of {error}"
        if not name.isidentifier():
            yield f"parameter {name!r} is not a name"


def _undeclared(strategy: type[Strategy]) -> Iterator[str]:
    declared = strategy.declared_parameters()
    for name, indicator in strategy.declared_indicators().items():
        used = [*indicator.parameters.values(), indicator.interval]
        yield from _missing(f"indicator {name}", used, declared)
    for name, bars in strategy.declared_bars().items():
        yield from _missing(f"bars {name}", [bars.interval], declared)


def _missing(user: str, used: list[Any], declared: dict[str, Parameter[Any]]) -> Iterator[str]:
    for value in used:
        if isinstance(value, Parameter) and value.name not in declared:
            named = repr(value.name) if value.name else "that has no name"
            yield (
                f"{user} uses a parameter {named}: declare it in the class body, under a name that "
                "nothing else has"
            )
