"""Help at three levels, in terminals of any width."""

from io import StringIO

import pytest
from rich.console import Console

from app.cli.catalogue import commands
from app.cli.help_pages import render_help
from app.cli.registry import COMMANDS
from app.core.exceptions import ConfigurationError


def shown(words: list[str], width: int = 80) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(render_help(words))
    text = console.file.getvalue()
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    return text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_everything_on_one_page(width):
    text = shown([], width)
    for name, known in COMMANDS.items():
        assert name in text
        assert known.help.split()[0] in text
    for word in ("import-csv", "pause", "holidays"):
        assert word in text


def test_a_namespace_shows_each_command_with_an_example():
    text = shown(["data"])
    for command in commands():
        if command.words[0] == "data":
            assert command.words[1] in text
            assert command.examples[0] in text


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("command", list(commands()), ids=lambda command: command.name)
def test_a_command_shows_its_parameters_and_examples(command, width):
    text = " ".join(shown(list(command.words), width).split())
    for parameter in command.parameters:
        assert (parameter.flags or (parameter.label,))[0] in text
    for example in command.examples:
        assert example in text


def test_an_option_is_not_parted_from_its_value():
    for line in shown(["data", "import-csv"], 60).splitlines():
        assert line.count("[") == line.count("]")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dta"], "'dta' is not a command; did you mean data?"),
        (["xyz"], "'xyz' is not a command; there is demo, init-db, system"),
        (["data", "lst"], "'lst' is not a command in data; did you mean list?"),
        (["data", "zzz"], "'zzz' is not a command in data; there is import-csv"),
        (["holidays"], "'holidays' is not a command; did you mean time holidays?"),
        (["data", "list", "x"], "data list has nothing below it; see: help data list"),
    ],
)
def test_words_that_name_nothing_are_told_what_they_may_mean(words, message):
    with pytest.raises(ConfigurationError, match=message.replace("?", r"\?")):
        render_help(words)
