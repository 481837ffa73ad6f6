"""Prices with splits and dividends taken out: Apple's of August 2020, and laws of any."""

import itertools
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.corporate_actions import (
    ActionKind,
    Adjustment,
    CorporateAction,
    DividendEvent,
    SplitEvent,
    events_by_session,
)
from app.core.data_structures import BarColumns
from app.core.exceptions import DataError
from app.core.types import DAY_NS, MINUTE_NS
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.market_data.price_adjustment import (
    adjusted,
    adjustment_factors,
    events_left,
    split_factors,
    stored_factors,
)

# Closes of Apple as traded: 2020-08-06, 08-07, 08-28, 08-31
CLOSES = (455.61, 444.45, 499.23, 129.04)
DAYS = ("2020-08-06", "2020-08-07", "2020-08-28", "2020-08-31")
ACTIONS = (
    CorporateAction(symbol="AAPL", ex_date=date(2020, 8, 7), kind=ActionKind.DIVIDEND, value=0.82),
    CorporateAction(symbol="AAPL", ex_date=date(2020, 8, 31), kind=ActionKind.SPLIT, value=4.0),
)


def last_minutes(sessions):
    close = np.array(CLOSES)
    starts = sessions.close_ns - MINUTE_NS
    return BarColumns.of_minutes(starts, close, close + 1, close - 1, close, np.full(4, 1_000.0))


@pytest.fixture
def apple(new_york, tmp_path):
    sessions = new_york(*DAYS)
    storage = ParquetStorage(tmp_path)
    storage.write("AAPL", last_minutes(sessions))
    return storage, sessions


@pytest.mark.parametrize(
    ("adjustment", "factors", "volumes"),
    [
        ("raw", (1, 1, 1, 1), (1, 1, 1, 1)),
        ("split", (0.25, 0.25, 0.25, 1), (4, 4, 4, 1)),
        # 1 - 0.82 / 455.61 = 0.998200
        ("dividend", (1 - 0.82 / 455.61, 1, 1, 1), (1, 1, 1, 1)),
        ("all", ((1 - 0.82 / 455.61) / 4, 0.25, 0.25, 1), (4, 4, 4, 1)),
    ],
)
def test_apple_in_august_2020(apple, adjustment, factors, volumes):
    storage, sessions = apple
    bars = storage.read("AAPL")
    found = stored_factors(storage, ACTIONS, Adjustment(adjustment), sessions)
    clean = adjusted(bars, found)
    for name, shift in (("open", 0), ("high", 1), ("low", -1), ("close", 0)):
        expected = (np.array(CLOSES) + shift) * factors
        assert getattr(clean, name) == pytest.approx(expected, rel=1e-12)
    assert clean.volume.tolist() == [1_000 * factor for factor in volumes]
    assert clean.start_ns is bars.start_ns


def test_in_the_prices_of_the_first_day_what_comes_after_is_carried_back(apple):
    storage, sessions = apple
    factors = stored_factors(storage, ACTIONS, Adjustment.SPLIT, sessions)
    bars = storage.read("AAPL")
    carried = adjusted(bars, factors, basis_ns=int(sessions.pre_open_ns[0]))
    # before the split as traded; after it one unit stands for four
    assert carried.close.tolist() == [455.61, 444.45, 499.23, 4 * 129.04]
    assert carried.volume.tolist() == [1_000, 1_000, 1_000, 250]
    before = adjusted(bars.slice(0, 3), factors, basis_ns=int(sessions.pre_open_ns[0]))
    assert before.close.tolist() == carried.close[:3].tolist()


def test_actions_after_the_time_asked_for_are_not_known(apple):
    storage, sessions = apple
    until_ns = int(sessions.close_ns[2])
    found = stored_factors(storage, ACTIONS, Adjustment.ALL, sessions, until_ns=until_ns)
    assert found.effective_ns.tolist() == [int(sessions.pre_open_ns[1])]


def test_a_dividend_and_a_split_on_one_date_the_dividend_is_per_new_unit():
    events = [SplitEvent("X", 100, 2.0), DividendEvent("X", 100, 1.0)]
    found = adjustment_factors(events, Adjustment.ALL, lambda _: 50.0)
    # 50 is 25 a new unit; 1 of 25 is 4 %
    assert found.price.tolist() == pytest.approx([0.5, 0.96])


def test_a_dividend_above_the_price_is_refused():
    with pytest.raises(DataError, match="60 per unit is not below the close of 50"):
        adjustment_factors([DividendEvent("X", 100, 60.0)], Adjustment.ALL, lambda _: 50.0)


def test_a_dividend_before_the_first_bar_adjusts_nothing(apple):
    storage, sessions = apple
    early = [CorporateAction(
        symbol="AAPL", ex_date=date(2020, 8, 6), kind=ActionKind.DIVIDEND, value=0.82
    )]  # fmt: skip
    assert len(stored_factors(storage, early, Adjustment.ALL, sessions)) == 0


def test_the_close_before_is_found_over_a_long_hole_and_outside_hours_do_not_count(
    new_york, tmp_path
):
    sessions = new_york("2020-05-01", "2020-08-07")
    storage = ParquetStorage(tmp_path)
    starts = np.array([sessions.close_ns[0] - MINUTE_NS, sessions.close_ns[0] + MINUTE_NS])
    price = np.array([100.0, 90.0])
    storage.write("AAPL", BarColumns.of_minutes(starts, price, price, price, price, price))
    found = stored_factors(storage, ACTIONS[:1], Adjustment.ALL, sessions)
    assert found.price.tolist() == [1 - 0.82 / 100]


def test_the_splits_of_one_symbol_among_a_runs_events(new_york):
    sessions = new_york(*DAYS)
    other = CorporateAction(
        symbol="TSLA", ex_date=date(2020, 8, 31), kind=ActionKind.SPLIT, value=5.0
    )
    factors = split_factors(events_by_session([*ACTIONS, other], sessions), "TSLA")
    assert factors.effective_ns.tolist() == [int(sessions.pre_open_ns[3])]
    assert (factors.price.tolist(), factors.volume.tolist()) == ([0.2], [5.0])


def test_what_is_left_for_positions(new_york):
    sessions = new_york(*DAYS, "2020-11-06")
    later = CorporateAction(
        symbol="AAPL", ex_date=date(2020, 11, 6), kind=ActionKind.DIVIDEND, value=0.205
    )
    basis_ns = int(sessions.pre_open_ns[0])

    def left(adjustment):
        return events_left([*ACTIONS, later], adjustment, sessions, basis_ns=basis_ns)

    assert sorted(left(Adjustment.RAW)) == [1, 3, 4]
    assert sorted(left(Adjustment.ALL)) == []
    assert sorted(left(Adjustment.DIVIDEND)) == [3]
    # after four for one a carried unit is four units: 4 × 0.205
    amounts = {number: event.amount for number, (event,) in left(Adjustment.SPLIT).items()}
    assert amounts == {1: 0.82, 4: pytest.approx(0.82)}


days = st.lists(
    st.tuples(
        st.floats(-0.3, 0.3),  # return of a day's close
        st.sampled_from([None, None, 0.1, 0.5, 1.5, 4.0, 20.0]),  # a split before it
        st.sampled_from([None, None, 0.001, 0.05, 0.5]),  # a dividend, as a part of the price
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=100)
@given(days=days, basis=st.integers(0, 8))
def test_adjusted_returns_are_raw_returns_with_the_actions(days, basis):
    """From close to close a holder has ``ratio × (close + dividend) / close before``.

    With the ex-date factor ``1 - D / C`` the adjusted return is that of reinvesting at ``C - D``:
    ``close × ratio / (C - D × ratio)``, the total return every vendor's adjusted close has.
    """
    closes, events, expected = [100.0], [], []
    for number, (change, ratio, part) in enumerate(days, start=1):
        units, before = ratio or 1.0, closes[-1]
        paid = (part or 0.0) * before / units
        if ratio:
            events.append(SplitEvent("X", number * DAY_NS, ratio))
        if part:
            events.append(DividendEvent("X", number * DAY_NS, paid))
        closes.append((before / units - paid) * (1 + change))
        expected.append(closes[-1] * units / (before - paid * units) - 1)
    starts = np.arange(len(closes)) * DAY_NS
    price = np.array(closes)
    bars = BarColumns.of_minutes(starts, price, price, price, price, np.ones(len(price)))
    factors = adjustment_factors(events, Adjustment.ALL, lambda at: closes[at // DAY_NS - 1])
    for basis_ns in (None, basis * DAY_NS):
        clean = adjusted(bars, factors, basis_ns=basis_ns).close
        assert clean[1:] / clean[:-1] - 1 == pytest.approx(expected, rel=1e-9, abs=1e-9)
    carried = adjusted(bars, factors, basis_ns=0)
    assert carried.close[0] == 100
    # however the bars are cut, they are equal to the bit
    cut = min(basis, len(closes))
    parts = (bars.slice(0, cut), bars.slice(cut, len(closes)))
    joined = BarColumns.concatenate([adjusted(part, factors, basis_ns=0) for part in parts])
    assert all(np.array_equal(a, b) for a, b in itertools.zip_longest(joined, carried))
