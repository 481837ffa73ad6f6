"""Completion of a line: namespaces, commands, options, and what may stand for them."""

import shlex
from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from app.cli.catalogue import Command, Namespace, Parameter, entry, find, split
from app.cli.registry import COMMANDS
from app.cli.shell.values import Value, paths, takes_path, values_for

LEAVING = {"exit": "Leave the shell.", "clear": "Empty the screen."}
"""Words the shell answers itself."""


class CommandCompleter(Completer):
    """Completes the word before the cursor from what the registry knows."""

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002  # prompt_toolkit's signature
    ) -> Iterator[Completion]:
        """What the word before the cursor may become; the only one is followed by a space."""
        words, typed, raw = words_before(document.text_before_cursor)
        found = list(candidates(words, typed))
        for text, about in found:
            quoted = shlex.quote(text) if " " in text or "'" in text else text
            after = " " if len(found) == 1 and not text.endswith(("/", "=")) else ""
            yield Completion(
                quoted + after, start_position=-len(raw), display=text, display_meta=about or None
            )


def words_before(text: str) -> tuple[list[str], str, str]:
    """The whole words of `text`, then the one being typed: its meaning and how it stands."""
    if not text or text[-1].isspace():
        return split(text), "", ""
    words = split(text)
    raw = text.rsplit(maxsplit=1)[-1]
    return words[:-1], words[-1] if words else raw, raw


def candidates(words: list[str], typed: str) -> Iterator[Value]:
    """What may follow `words` and begins with `typed`, each with what it is."""
    if not words:
        options: Iterable[Value] = [*((n, e.help) for n, e in COMMANDS.items()), *LEAVING.items()]
        yield from _beginning(options, typed)
    elif words[0] == "help":
        yield from _beginning(_help_words(words[1:]), typed)
    else:
        found, rest = find(words)
        if isinstance(found, Namespace) and not rest:
            inner = ((each.words[1], each.summary) for each in found.commands)
            yield from _beginning(inner, typed)
        elif isinstance(found, Command):
            yield from _parameters(found, rest, typed)


def current_parameter(command: Command, words: list[str]) -> Parameter | None:
    """The parameter that the word after `words` would be a value of."""
    waiting = list(command.arguments)
    option: Parameter | None = None
    for word in words:
        if option is not None:
            option = None
        elif word.startswith("-") and "=" not in word and word != "-":
            named = command.option(word)
            option = named if named is not None and named.takes_value else None
        elif not word.startswith("--") and waiting and not waiting[0].repeated:
            waiting.pop(0)
    return option or (waiting[0] if waiting else None)


def _help_words(words: list[str]) -> Iterator[Value]:
    if not words:
        yield from ((name, known.help) for name, known in COMMANDS.items())
    elif len(words) == 1 and words[0] in COMMANDS:
        found = entry(words[0])
        if isinstance(found, Namespace):
            yield from ((each.words[1], each.summary) for each in found.commands)


def _parameters(command: Command, words: list[str], typed: str) -> Iterator[Value]:
    flag, equals, value = typed.partition("=")
    if typed.startswith("--") and equals:
        option = command.option(flag)
        if option is not None and option.takes_value:
            yield from (
                (f"{flag}={text}", about) for text, about in _values(command, option, value)
            )
        return
    parameter = current_parameter(command, words)
    if parameter is not None and not typed.startswith("-"):
        taken = set(words) if parameter.repeated else set()
        found = _values(command, parameter, typed)
        yield from ((text, about) for text, about in found if text not in taken)
    if parameter is None or not parameter.flags:
        yield from _flags(command, words, typed)


def _values(command: Command, parameter: Parameter, typed: str) -> Iterator[Value]:
    found = list(_beginning(values_for(command, parameter), typed))
    yield from found
    if not found and takes_path(parameter):
        yield from paths(typed)


def _flags(command: Command, words: list[str], typed: str) -> Iterator[Value]:
    for option in command.options:
        used = any(word.partition("=")[0] in option.flags for word in words)
        if option.repeated or not used:
            yield from _beginning(((flag, option.help) for flag in option.flags), typed)


def _beginning(values: Iterable[Value], typed: str) -> Iterator[Value]:
    """Values that begin with what was typed, in either case."""
    wanted = typed.casefold()
    return (value for value in values if value[0].casefold().startswith(wanted))
