"""Every command is found by itself, explained, and shown with an example that can be typed."""

import re
import shlex
from pathlib import Path

import pytest
import typer

import app.cli.commands as package
from app.cli.catalogue import Command, Namespace, commands, entry, find, split
from app.cli.registry import COMMANDS

COMMANDS_FOUND = list(commands())


def test_every_module_of_commands_is_in_the_registry():
    modules = {path.stem for path in Path(package.__path__[0]).glob("*_command*.py")}
    assert modules == {known.module for known in COMMANDS.values()}


@pytest.mark.parametrize("command", COMMANDS_FOUND, ids=lambda command: command.name)
def test_every_command_explains_itself(command: Command):
    assert command.summary.endswith((".", "…"))
    assert command.text
    assert all(parameter.help for parameter in command.parameters), command.parameters


@pytest.mark.parametrize(
    "example",
    [example for command in COMMANDS_FOUND for example in command.examples],
)
def test_examples_are_accepted_by_the_command_they_belong_to(example: str):
    """Click itself reads the words: unknown options, missing arguments and bad values raise."""
    words = shlex.split(example)
    found, rest = find(words)
    assert isinstance(found, Command)
    known = COMMANDS[words[0]]
    module = __import__(f"app.cli.commands.{known.module}", fromlist=["app"])
    group = typer.main.get_command(getattr(module, known.attribute))
    inner = group.commands[words[1]] if len(found.words) == 2 else group
    inner.make_context(found.name, rest)


def test_every_command_has_an_example_of_its_own():
    for command in COMMANDS_FOUND:
        assert command.examples, command.name
        for example in command.examples:
            assert (example + " ").startswith(command.name + " ")


def test_what_a_command_says_of_its_parameters():
    quality = find(["data", "quality"])[0]
    assert isinstance(quality, Command)
    (symbol,) = quality.arguments
    assert (symbol.label, symbol.required, symbol.flags) == ("SYMBOL", True, ())
    first = quality.option("--from")
    assert first is not None
    assert first.takes_value
    exchange = quality.option("--exchange")
    assert exchange is not None
    assert exchange.default == "US_EQUITY"
    as_json = quality.option("--json")
    assert as_json is not None
    assert not as_json.takes_value
    assert quality.usage.startswith("data quality SYMBOL [--from DATE] [--to DATE]")
    assert quality.usage.endswith("[--json]")


def test_words_name_a_namespace_a_command_or_nothing():
    assert find([]) == (None, [])
    assert find(["nope", "x"]) == (None, ["nope", "x"])
    space, rest = find(["data", "nope"])
    assert isinstance(space, Namespace)
    assert rest == ["nope"]
    assert find(["init-db", "--json"]) == (entry("init-db"), ["--json"])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("data list", ["data", "list"]),
        ("  data   list  # a remark", ["data", "list"]),
        ("run show 'a b'", ["run", "show", "a b"]),
        ('import "open quote', ["import", "open quote"]),
        ("it's", ["its"]),
        ("", []),
    ],
)
def test_lines_are_split_as_a_shell_splits_them(line, words):
    assert split(line) == words


def test_no_summary_repeats_another():
    summaries = [command.summary for command in COMMANDS_FOUND]
    assert len(set(summaries)) == len(summaries)
    assert not [text for text in summaries if re.search(r"\bTODO\b", text)]
