"""The commands as values: what help, completion and the reference say about each.

Read from the Typer applications of the registry, so nothing is written down twice. A command's
examples stand in its ``epilog``, one a line: ``Example: data list``.
"""

import importlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc
from typing import Any

import typer

from app.cli.registry import COMMANDS

EXAMPLE = "Example: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """An argument (no `flags`) or an option of a command.

    `default` is the text shown, empty for none; `takes_value` is False for a switch.
    """

    name: str
    label: str
    help: str
    flags: tuple[str, ...] = ()
    default: str = ""
    required: bool = False
    takes_value: bool = True
    repeated: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: the words that name it, a line, its text, examples and parameters."""

    words: tuple[str, ...]
    summary: str
    text: str
    examples: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    @property
    def name(self) -> str:
        """The words in one string."""
        return " ".join(self.words)

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """Parameters without flags, in the order they are given."""
        return tuple(p for p in self.parameters if not p.flags)

    @property
    def options(self) -> tuple[Parameter, ...]:
        """Parameters with flags."""
        return tuple(p for p in self.parameters if p.flags)

    def option(self, flag: str) -> Parameter | None:
        """The option of that flag, or None."""
        return next((option for option in self.options if flag in option.flags), None)

    @property
    def usage_parts(self) -> tuple[str, ...]:
        """How it is typed, in parts that stay together: ``("data list", "[--json]")``."""
        arguments = map(_argument_usage, self.arguments)
        return (self.name, *arguments, *(f"[{_option_usage(option)}]" for option in self.options))

    @property
    def usage(self) -> str:
        """How it is typed: ``data quality SYMBOL [--from DATE] …``."""
        return " ".join(self.usage_parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """Commands that share their first word."""

    name: str
    summary: str
    commands: tuple[Command, ...]


def entries() -> Iterator[Namespace | Command]:
    """Everything in the registry, in its order."""
    return (entry(name) for name in COMMANDS)


def commands() -> Iterator[Command]:
    """Every command of every namespace."""
    for each in entries():
        yield from each.commands if isinstance(each, Namespace) else (each,)


@cache
def entry(name: str) -> Namespace | Command:
    """The namespace or single command of that name; its module is imported.

    Raises:
        KeyError: there is none.
    """
    known = COMMANDS[name]
    module = importlib.import_module(f"app.cli.commands.{known.module}")
    found = typer.main.get_command(getattr(module, known.attribute))
    inner: dict[str, Any] | None = getattr(found, "commands", None)
    if inner is None:
        return _command((name,), found, known.help)
    members = tuple(_command((name, word), each) for word, each in inner.items())
    return Namespace(name=name, summary=known.help, commands=members)


def find(words: list[str]) -> tuple[Namespace | Command | None, list[str]]:
    """What the first `words` name, as far as they name something, and the words after."""
    if not words or words[0] not in COMMANDS:
        return None, words
    found = entry(words[0])
    if isinstance(found, Command) or len(words) == 1:
        return found, words[1:]
    for each in found.commands:
        if each.words[1] == words[1]:
            return each, words[2:]
    return found, words[1:]


def _command(words: tuple[str, ...], found: Any, summary: str | None = None) -> Command:
    epilog = cleandoc(found.epilog or "")
    lines = [line.strip() for line in epilog.splitlines()]
    return Command(
        words=words,
        summary=summary or found.get_short_help_str(limit=100),
        text=cleandoc(found.help or ""),
        examples=tuple(line.removeprefix(EXAMPLE) for line in lines if line.startswith(EXAMPLE)),
        parameters=tuple(_parameter(each) for each in found.params if not each.hidden),
    )


def _parameter(found: Any) -> Parameter:
    is_option = found.param_type_name == "option"
    is_switch = is_option and bool(found.is_flag)
    descriptor = found.type_descriptor
    choices = tuple(getattr(each, "value", each) for each in descriptor.choices or ())
    return Parameter(
        name=found.name,
        label=(found.metavar or found.name.upper()).strip("[]").removesuffix("..."),
        help=found.help or "",
        flags=(*found.opts, *found.secondary_opts) if is_option else (),
        default=_default(found, is_switch=is_switch),
        required=found.required,
        takes_value=not is_switch,
        repeated=found.nargs == -1 or found.multiple,
        choices=tuple(map(str, choices)),
    )


def _default(found: Any, *, is_switch: bool) -> str:
    if is_switch or not found.show_default or found.default is None or callable(found.default):
        return ""
    return "" if found.default in ("", (), []) else str(found.default)


def _argument_usage(argument: Parameter) -> str:
    text = argument.label + ("…" if argument.repeated else "")
    return text if argument.required else f"[{text}]"


def _option_usage(option: Parameter) -> str:
    return f"{option.flags[0]} {option.label}" if option.takes_value else option.flags[0]


def split(line: str) -> list[str]:
    """The words of a line as typed, quotes honoured; an open quote ends with the line."""
    for closing in ("", '"', "'"):
        try:
            return shlex.split(line + closing, comments=True)
        except ValueError:
            continue
    return line.split()
