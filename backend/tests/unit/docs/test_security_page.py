"""docs/security.md: its tables are the program's, its commands can be typed."""

import re
import shlex

import pytest

from app.api.access import ACCESS
from app.api.roles import with_roles
from app.cli.catalogue import Command, find
from app.config.settings import Settings
from app.core.exceptions import ConfigurationError
from app.managers.user_manager.invitations import DEFAULT_HOURS, FIRST_ADMIN_HOURS, MOST_HOURS
from app.managers.user_manager.logins import ATTEMPTS, ATTEMPTS_WINDOW_S
from app.services.security import passwords
from app.services.security.exposure import LEAST_BYTES, LEAST_DISTINCT, reasons_against
from tests.unit.docs.conftest import REPOSITORY, blocks

PAGE = (REPOSITORY / "docs" / "security.md").read_text("utf-8")


def test_the_roles_are_those_of_the_one_table() -> None:
    """If not: python -m app.api.roles ../docs/security.md"""
    told = dict(re.findall(r"^\| `([A-Z]+ /[^`]*)` \| (\w+) \|$", PAGE, re.MULTILINE))
    assert told == {
        rule: "anybody" if role is None else role.value for rule, role in ACCESS.items()
    }
    assert with_roles(PAGE) == PAGE


def test_the_numbers_are_the_programs() -> None:
    fields = Settings.model_fields
    for text in (
        f"`ACCESS_TOKEN_MINUTES`, {fields['access_token_minutes'].default} |",
        f"`REFRESH_TOKEN_DAYS`, {fields['refresh_token_days'].default} |",
        f"| {DEFAULT_HOURS} hours, at most {MOST_HOURS} |",
        f"{passwords.MEMORY_KIB // 1024} MiB of memory, {passwords.PASSES} iterations",
        f"{passwords.LANES} lane",
        f"{passwords.SHORTEST} to {passwords.LONGEST} characters",
        f"{ATTEMPTS} attempts in any {ATTEMPTS_WINDOW_S} s",
        f"at most {passwords.AT_ONCE} passwords are hashed",
        f"shorter than {LEAST_BYTES} bytes",
    ):
        assert text in PAGE, text
    assert (FIRST_ADMIN_HOURS, LEAST_DISTINCT) == (24, 10)


def test_the_commands_are_commands() -> None:
    lines = re.findall(r'make run-cli ARGS="(.*)"', "\n".join(blocks("docs/security.md", "sh")))
    assert len(lines) == 6
    for line in lines:
        words = shlex.split(line)
        found, rest = find(words)
        assert isinstance(found, Command), line
        for word in rest:
            assert not word.startswith("-") or found.option(word), line


def test_the_passwords_of_the_page_are_accepted_and_not_every_one() -> None:
    typed = re.findall(r'"username": "(.*?)", "password": "(.*?)"', PAGE)
    assert [username for username, _ in typed] == ["bob", "alice"]
    for username, password in typed:
        passwords.require_good_password(password, username)
    with pytest.raises(ConfigurationError):
        passwords.require_good_password("alice alice", "alice")


def test_addresses_are_served_as_the_table_says() -> None:
    secrets_and_users = (
        ("short", 1),
        ("change-me" * 5, 1),
        ("q7Vn2xKf9Lr4Tz8Wb1Hc6Md3Ps5Gj0Ye", 0),
    )
    columns = (*secrets_and_users, (secrets_and_users[-1][0], 1))
    for host, start in (("127.0.0.1", "| this machine"), ("203.0.113.1", "| any other")):
        (row,) = [line for line in PAGE.splitlines() if line.startswith(start)]
        told = [cell.strip() for cell in row.strip("|").split("|")[1:]]
        found = [
            "refused" if reasons_against(host, secret, users) else "served"
            for secret, users in columns
        ]
        assert told == found


def test_the_tests_of_the_page_exist() -> None:
    promises = PAGE.split("## What is promised, how it is tested")[1].split("|---|---|\n")[1]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", promises, re.MULTILINE)
    assert len(rows) == len(promises.strip().splitlines())
    for promise, cell in rows:
        tests = re.findall(r"`(tests/[^`]+)`", cell)
        assert tests, promise
        for path in tests:
            assert (REPOSITORY / "backend" / path).exists(), path
