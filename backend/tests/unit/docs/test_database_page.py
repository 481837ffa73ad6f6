"""What the page on the database says, on both of them."""

import re

import pytest

from app.config.settings import get_settings
from app.models.addresses import database_address
from tests.unit.docs.conftest import REPOSITORY, blocks


def test_the_code_of_the_page_runs(
    database_url: str, read_page, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(get_settings(), "database_url", database_url)
    read_page("docs/database.md")
    assert capsys.readouterr().out == "0.01000000 dark\n"


def test_the_addresses_of_the_page_can_be_read() -> None:
    lines = "\n".join(blocks("docs/database.md", "sh"))
    sqlite, postgresql = (
        database_address(url) for url in re.findall(r"^DATABASE_URL=(.*)$", lines, re.MULTILINE)
    )
    assert sqlite.database == "/srv/mismartera/record.db"
    assert (postgresql.username, postgresql.host) == ("mismartera", "localhost")


def test_the_driver_of_the_page_is_the_extra_of_the_project() -> None:
    project = (REPOSITORY / "backend" / "pyproject.toml").read_text("utf-8")
    (named,) = re.findall(
        r'pip install "(psycopg\[binary\])"', "\n".join(blocks("docs/database.md", "sh"))
    )
    assert f'postgresql = ["{named}' in project
