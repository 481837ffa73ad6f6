"""docs/cli.md is what the commands say, and what its guide names exists."""

import re
from pathlib import Path

from app.cli.catalogue import Command, commands, find
from app.cli.reference import HEAD, cli_reference
from app.cli.shell.loop import LEAVE

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "cli.md"


def test_the_page_is_up_to_date():
    """`python -m app.cli.reference > ../docs/cli.md` renews it."""
    assert DOCUMENT.read_text("utf-8") == cli_reference()


def test_every_command_has_its_part():
    page = cli_reference()
    for command in commands():
        assert re.search(rf"^##+ {command.name}$", page, re.MULTILINE)
        assert command.usage in page


def test_commands_named_in_the_guide_exist():
    named = re.findall(r"`((?:data|system|time|run|help) [a-z-]+)[^`]*`", HEAD)
    assert len(named) > 10
    for name in named:
        words = name.split()
        assert isinstance(find(words)[0], Command), name


def test_the_guide_tells_how_to_leave():
    assert f"`{LEAVE[0]}`" in HEAD
