"""docs/corporate_actions.md: its example comes to what it says."""

import pytest

from app.services.market_data.corporate_actions import ActionStorage, import_actions
from tests.unit.docs.conftest import blocks


def test_the_example_holds_through_the_split(read_page):
    result = read_page("docs/corporate_actions.md")["result"]
    assert (result.trades["quantity"][0], result.trades["entry_price"][0]) == (40.0, 124.8075)
    assert result.metrics["net_profit"] == pytest.approx(169.30)


def test_the_file_shown_can_be_imported(tmp_path):
    file = tmp_path / "actions.csv"
    file.write_text(blocks("docs/corporate_actions.md", "csv")[0], encoding="utf-8")
    storage = ActionStorage(tmp_path / "bars")
    assert import_actions(file, storage).added == 2
    assert [each.value for each in storage.read("AAPL")] == [0.82, 4.0]
