"""Splits and dividends from files into the store: merged, judged, never read damaged."""

from datetime import date

import numpy as np
import pytest

from app.core.corporate_actions import ActionKind
from app.core.exceptions import ConfigurationError, DataError
from app.services.market_data.corporate_actions import ActionStorage, import_actions

APPLE = """symbol,date,kind,value
AAPL,2020-08-31,split,4
AAPL,2020-08-07,dividend,0.82
AAPL,2014-06-09,split,7:1
"""


@pytest.fixture
def store(tmp_path):
    return ActionStorage(tmp_path / "bars")


@pytest.fixture
def bring(tmp_path, store):
    """``bring(text)`` imports a file of that text."""

    def bring(text):
        path = tmp_path / "actions.csv"
        path.write_text(text, encoding="utf-8")
        return import_actions(path, store)

    return bring


def stored(store, symbol="AAPL"):
    return [(str(each.ex_date), each.kind.value, each.value) for each in store.read(symbol)]


def test_a_file_is_stored_by_symbol_and_date(store, bring):
    summary = bring(APPLE + "BRK.B,2010-01-21,SPLIT,50/1\n")
    assert (summary.rows, summary.added, summary.refused) == (4, 4, ())
    assert summary.symbols == ("AAPL", "BRK.B")
    assert store.symbols() == ["AAPL", "BRK.B"]
    assert stored(store) == [
        ("2014-06-09", "split", 7.0),
        ("2020-08-07", "dividend", 0.82),
        ("2020-08-31", "split", 4.0),
    ]
    (berkshire,) = store.read("BRK.B")
    assert (berkshire.ex_date, berkshire.kind, berkshire.value) == (
        date(2010, 1, 21),
        ActionKind.SPLIT,
        50.0,
    )
    assert store.read("MSFT") == ()


def test_importing_again_changes_nothing_and_a_correction_replaces(store, bring):
    bring(APPLE)
    again = bring(APPLE)
    assert (again.added, again.replaced, again.unchanged) == (0, 0, 3)
    mended = bring("ticker,Ex-Date,Type,VALUE\nAAPL,2020-08-07,dividend,0.80\n")
    assert (mended.added, mended.replaced, mended.unchanged) == (0, 1, 0)
    assert stored(store)[1] == ("2020-08-07", "dividend", 0.8)


def test_dividends_of_one_date_add_up_and_repeated_rows_count_once(store, bring):
    # a regular and a special dividend; the regular one twice
    row = "COST,2020-12-01,dividend,"
    summary = bring(f"symbol,date,kind,value\n{row}0.70\n{row}10\n{row}0.70\n")
    assert stored(store, "COST") == [("2020-12-01", "dividend", 10.7)]
    assert summary.notes == (
        "1 rows repeat another one and count once",
        "dividends of COST on 2020-12-01 add up: 10.7",
    )


def test_two_splits_of_one_date_are_refused_whole(store, bring):
    with pytest.raises(DataError, match="two splits of AAPL on 2020-08-31, of 4 and 5"):
        bring(APPLE + "AAPL,2020-08-31,split,5\n")
    assert store.symbols() == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",2020-08-31,split,4", "symbol '' is not usable"),
        ("AAPL,31.08.2020,split,4", "date '31.08.2020' is not a date"),
        ("AAPL,0020-08-31,split,4", "not between 1970 and 2100"),
        ("AAPL,2020-08-31,spinoff,4", "kind 'spinoff' is neither split nor dividend"),
        ("AAPL,2020-08-31,split,four", "value 'four' is not a number"),
        ("AAPL,2020-08-31,split,4:0", "value '4:0' is not a number"),
        ("AAPL,2020-08-31,split,", "value '' is not a number"),
        ("AAPL,2020-08-31,split,0", "finite number above zero"),
        ("AAPL,2020-08-31,split,1:1", "changes nothing"),
        ("AAPL,2020-08-31,dividend,-0.2", "finite number above zero"),
        ("AAPL,2020-08-31,dividend,nan", "finite number above zero"),
        ("AAPL,2020-08-31,dividend,inf", "finite number above zero"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_line(store, bring, row, reason):
    summary = bring(f"{APPLE}{row}\n")
    ((line, why),) = summary.refused
    assert line == 5
    assert reason in why
    assert len(stored(store)) == 3


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", DataError, "empty"),
        ("symbol,date,value\nAAPL,2020-08-31,4\n", ConfigurationError, "not so kind"),
        ("symbol,date,ex_date,kind,value\n", ConfigurationError, "not so date"),
        ("symbol,date,kind,value\nAAPL,x,split,4\n", DataError, "none of its 1 rows.*line 2"),
        ("symbol,date,kind,value\n", DataError, "none of its 0 rows"),
        ("symbol,date,kind,value\nAAPL,2020-08-31,split,4,5,6\n", DataError, "damaged"),
    ],
)
def test_a_file_that_cannot_be_read_stores_nothing(store, bring, text, error, message):
    with pytest.raises(error, match=message):
        bring(text)
    assert store.symbols() == []


def test_no_such_file(store, tmp_path):
    with pytest.raises(ConfigurationError, match="there is no such file"):
        import_actions(tmp_path / "none.csv", store)


def test_a_damaged_file_is_an_error_until_it_is_imported_again(store, bring, tmp_path):
    """Fifty flipped bits and cuts: prices without their splits are never given out."""
    bring(APPLE)
    path = tmp_path / "bars" / "actions" / "AAPL" / "actions.parquet"
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for trial in range(50):
        content = bytearray(whole)
        at = int(rng.integers(len(content)))
        if trial % 5:
            content[at] ^= 1 << int(rng.integers(8))
        else:
            del content[at:]
        path.write_bytes(content)
        with pytest.raises(DataError, match="Import them again: data import-actions FILE"):
            store.read("AAPL")
    bring(APPLE)
    assert len(stored(store)) == 3
    assert len(list((path.parent / "quarantine").iterdir())) == 1


def test_the_file_of_another_symbol_is_not_taken_for_ones_own(store, bring, tmp_path):
    bring(APPLE + "MSFT,2003-02-18,split,2\n")
    folder = tmp_path / "bars" / "actions"
    (folder / "MSFT" / "actions.parquet").write_bytes(
        (folder / "AAPL" / "actions.parquet").read_bytes()
    )
    with pytest.raises(DataError, match="MSFT"):
        store.read("MSFT")
