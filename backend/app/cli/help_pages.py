"""Help at three levels: everything, a namespace, a command; each command with an example."""

from collections.abc import Iterable
from difflib import get_close_matches

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.constrain import Constrain
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.cli.catalogue import Command, Namespace, Parameter, commands, entries, find
from app.cli.registry import COMMANDS
from app.core.exceptions import ConfigurationError

READABLE = 100
"""Characters in a line of prose, at most."""
_NAME, _EXAMPLE, _HEAD = "bold cyan", "green", "bold"


def render_help(words: list[str]) -> RenderableType:
    """The page that `words` ask for: none, a namespace, or a command.

    Raises:
        ConfigurationError: there is no such command; names the ones that look like it.
    """
    if not words:
        return _overview()
    found, rest = find(words)
    if found is None or rest:
        raise ConfigurationError(unknown(words))
    return _namespace_page(found) if isinstance(found, Namespace) else _command_page(found)


def unknown(words: list[str]) -> str:
    """What to say of words that name no command."""
    found, rest = find(words)
    if isinstance(found, Command):
        return f"{found.name} has nothing below it; see: help {found.name}"
    known = [each.words[1] for each in found.commands] if found else list(COMMANDS)
    wrong = rest[0] if rest else words[0]
    place = f" in {found.name}" if found else ""
    close = get_close_matches(wrong, known, n=2, cutoff=0.5) or _elsewhere(wrong)
    remedy = f"did you mean {' or '.join(close)}?" if close else f"there is {', '.join(known)}"
    return f"{wrong!r} is not a command{place}; {remedy}"


def _elsewhere(word: str) -> list[str]:
    return [each.name for each in commands() if each.words[-1] == word][:2]


def _overview() -> RenderableType:
    table = _grid(2)
    for each in entries():
        inner = each.commands if isinstance(each, Namespace) else ()
        names = ", ".join(command.words[1] for command in inner)
        about = Text(each.summary)
        if names:
            about.append(f"\n{names}", style="dim")
        name = each.name
        table.add_row(Text(name, style=_NAME), about)
    hints = (("help data", "the commands of a namespace"), ("help data list", "one command"))
    return _page(
        _title("MisMartera", "clean minute data, fast and honest backtests"), table, _hints(hints)
    )


def _namespace_page(space: Namespace) -> RenderableType:
    table = _grid(2)
    for each in space.commands:
        about = Text(each.summary)
        for example in each.examples[:1]:
            about.append(f"\n{example}", style=_EXAMPLE)
        table.add_row(Text(each.words[1], style=_NAME), about)
    last = space.commands[-1]
    return _page(
        _title(space.name, space.summary),
        table,
        _hints([(f"help {last.name}", "its arguments and options")]),
    )


def _command_page(command: Command) -> RenderableType:
    text = "\n\n".join(" ".join(part.split()) for part in command.text.split("\n\n"))
    parts: list[RenderableType] = [_title(command.name, command.summary)]
    if text and text != command.summary:
        parts.append(Padding(Text(text), (0, 0, 0, 2)))
    parts.append(_section("Usage", [_Filled(command.usage_parts)]))
    if command.arguments:
        parts.append(_parameters("Arguments", command.arguments))
    if command.options:
        parts.append(_parameters("Options", command.options))
    examples = [Text(example, style=_EXAMPLE) for example in command.examples]
    parts.append(_section("Examples" if len(examples) > 1 else "Example", examples))
    return _page(*parts)


def _parameters(title: str, parameters: Iterable[Parameter]) -> RenderableType:
    table = _grid(2)
    for each in parameters:
        name = Text(", ".join(each.flags) or each.label, style=_NAME)
        if each.flags and each.takes_value:
            name.append(f" {each.label}", style="dim")
        about = Text(each.help)
        facts = [f"one of {', '.join(each.choices)}"] if each.choices else []
        facts += [f"default {each.default}"] if each.default else []
        if facts:
            about.append(f"  ({'; '.join(facts)})", style="dim")
        table.add_row(name, about)
    return _section(title, [table], indent=0)


class _Filled:
    """Parts in lines as long as the terminal allows; a part is broken only if it must be."""

    def __init__(self, parts: Iterable[str]) -> None:
        self._parts = tuple(parts)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        line, indent = "", ""
        for part in self._parts:
            if line.strip() and len(line) + 1 + len(part) > options.max_width:
                yield Text(line)
                line = indent = "  "
            line += part if line == indent else f" {part}"
        yield Text(line)


def _title(name: str, about: str) -> Text:
    return Text.assemble((name, _NAME), "  ", about)


def _section(title: str, parts: Iterable[RenderableType], indent: int = 2) -> RenderableType:
    inside = [Padding(part, (0, 0, 0, indent)) for part in parts]
    return Group(Text(title, style=_HEAD), *inside)


def _hints(hints: Iterable[tuple[str, str]]) -> RenderableType:
    table = _grid(2)
    for typed, about in hints:
        table.add_row(Text(typed, style=_EXAMPLE), Text(about, style="dim"))
    return table


def _grid(columns: int) -> Table:
    table = Table.grid(padding=(0, 2), pad_edge=True)
    for number in range(columns):
        table.add_column(no_wrap=number == 0)
    return table


def _page(*parts: RenderableType) -> RenderableType:
    spaced = [Padding(part, (0, 0, 1, 0)) for part in parts[:-1]]
    return Constrain(Padding(Group(*spaced, parts[-1]), (1, 0)), READABLE)
