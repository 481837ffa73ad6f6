"""docs/record.md: names every table of the record, and what never changes in it."""

import re

from app.models.migrations.versions import r0004_trading_record as migration
from tests.unit.docs.conftest import REPOSITORY


def test_every_table_is_on_the_page() -> None:
    page = (REPOSITORY / "docs" / "record.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| (\w+) \|$", page, re.MULTILINE))
    assert {name for name, changes in told.items() if changes == "yes"} == set(migration.CHANGING)
    never = {name for name, changes in told.items() if changes == "never"}
    assert never == {"backtest_runs", *migration.FIXED}
