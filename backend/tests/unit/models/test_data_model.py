"""The page on the data model is the models', and what holds for every table holds."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Table, UniqueConstraint

from app.models.data_model import data_model
from app.models.database import UtcDateTime
from app.models.tables import all_tables

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "data_model.md"
TABLES = [all_tables().tables[name] for name in sorted(all_tables().tables)]


def test_the_page_is_up_to_date() -> None:
    """If not: python -m app.models.data_model > ../docs/data_model.md"""
    assert DOCUMENT.read_text("utf-8") == data_model()


def test_the_diagrams_show_every_table_once_and_every_reference() -> None:
    page = data_model()
    assert sorted(re.findall(r"^    (\w+) \{$", page, re.MULTILINE)) == [t.name for t in TABLES]
    drawn = re.findall(r"^    (\w+) \S+--\S+ (\w+) : (\w+)$", page, re.MULTILINE)
    assert sorted(drawn) == sorted(
        (key.column.table.name, table.name, column.name)
        for table in TABLES
        for column in table.columns
        for key in column.foreign_keys
    )


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_has_a_uuid_key_and_two_times(table: Table) -> None:
    assert [column.name for column in table.primary_key] == ["id"]
    assert table.c.id.type.__visit_name__ == "uuid"
    for name in ("created_at", "updated_at"):
        column = table.c[name]
        assert isinstance(column.type, UtcDateTime)
        assert column.server_default is not None
        assert not column.nullable


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_is_referred_by_is_indexed(table: Table) -> None:
    """A foreign key without an index reads the whole table for every row that goes."""
    unique = [key for key in table.constraints if isinstance(key, UniqueConstraint)]
    leading = {next(iter(each.columns)).name for each in [*table.indexes, *unique]}
    assert {column.name for column in table.columns if column.foreign_keys} <= leading
