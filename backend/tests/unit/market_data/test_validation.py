"""Every check of stored minutes finds what it is for, and says where; sound bars pass all."""

from datetime import date, time

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.core.types import MINUTE_NS
from app.services.market_data.quality_scoring import KINDS
from app.services.market_data.validation import (
    CLOSED,
    EXTENDED,
    MISSING,
    ValidationReport,
    validate_bars,
)
from tests.system_fixtures import minutes

DAY = date(2024, 1, 2)  # a Tuesday: 09:30 to 16:00 in New York, UTC-5
OPEN_NS = 1_704_205_800_000_000_000  # 2024-01-02 14:30 UTC
CLOSE_NS = OPEN_NS + 390 * MINUTE_NS
GRID = SessionGrid(
    "America/New_York",
    np.array([DAY], "datetime64[D]"),
    np.array([OPEN_NS]),
    np.array([CLOSE_NS]),
    np.array([OPEN_NS - 330 * MINUTE_NS]),  # pre-market from 04:00
    np.array([CLOSE_NS + 240 * MINUTE_NS]),  # post-market until 20:00
)


def changed(rows=(), **columns: float) -> BarColumns:
    """A sound session whose `rows` have other values in some columns."""
    bars = minutes(DAY)
    fields = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    fields["volume"] = bars.volume.copy()
    for name, value in columns.items():
        fields[name][list(rows)] = value
    return BarColumns.of_minutes(bars.start_ns, *fields.values())


def found(report: ValidationReport) -> dict[str, tuple[int, tuple[int, ...]]]:
    return {each.name: (each.count, each.first_ns) for each in report.checks if each.count}


def test_sound_bars_pass_every_check():
    report = validate_bars("A", minutes(DAY), GRID)
    assert [each.name for each in report.checks] == [*KINDS, MISSING, EXTENDED, CLOSED]
    assert found(report) == {}
    assert (report.bars, report.errors, report.remarks) == (390, 0, 0)
    assert report.quality.total_pct == 100.0


@pytest.mark.parametrize(
    ("columns", "name", "is_error"),
    [
        ({"low": -1.0, "close": -1.0}, "price not above zero", True),
        ({"volume": -5.0}, "volume below zero", True),
        ({"high": 99.0}, "high and low do not enclose open and close", True),
        ({"high": 600.0}, "spike", False),
        ({"volume": 0.0}, "zero volume", False),
    ],
)
def test_each_oddity_is_found_where_it_is(columns, name, is_error):
    report = validate_bars("A", changed([7, 9], **columns), GRID)
    count, first = found(report)[name]
    assert count == 2
    assert first == (OPEN_NS + 7 * MINUTE_NS, OPEN_NS + 9 * MINUTE_NS)
    assert (report.errors > 0) is is_error
    assert {each.is_error for each in report.checks if each.name == name} == {is_error}


def test_prices_that_stand_still_for_half_an_hour_are_stale():
    frozen = changed(range(100, 130), open=100.5, high=100.5, low=100.5, close=100.5)
    assert found(validate_bars("A", frozen, GRID))["stale"] == (1, (OPEN_NS + 100 * MINUTE_NS,))


def test_rows_twice_and_out_of_order():
    rows = np.array([0, 1, 3, 2, 4, 4, *range(5, 390)])
    report = validate_bars("A", minutes(DAY).take(rows), GRID)
    assert found(report) == {
        "duplicate": (1, (OPEN_NS + 4 * MINUTE_NS,)),
        "out of order": (1, (OPEN_NS + 2 * MINUTE_NS,)),
    }
    assert report.errors == 2
    assert report.quality.total_pct == 100.0  # nothing is missing, whatever the order


def test_missing_minutes_are_counted_and_gaps_told():
    kept = np.array([row for row in range(390) if row not in {10, 11, 12, 200}])
    report = validate_bars("A", minutes(DAY).take(kept), GRID)
    gaps = (OPEN_NS + 10 * MINUTE_NS, OPEN_NS + 200 * MINUTE_NS)
    assert found(report) == {MISSING: (4, gaps)}
    assert report.errors == 0


def test_bars_outside_of_sessions_are_of_two_kinds():
    early = minutes(DAY, first=time(3, 59), count=2)  # 03:59 closed, 04:00 pre-market
    late = minutes(DAY, first=time(16, 0), count=1)  # 16:00 post-market
    night = minutes(DAY, first=time(20, 0), count=1)  # 20:00 closed
    report = validate_bars("A", BarColumns.concatenate([early, minutes(DAY), late, night]), GRID)
    assert found(report)[EXTENDED] == (2, (OPEN_NS - 330 * MINUTE_NS, CLOSE_NS))
    assert found(report)[CLOSED] == (
        2,
        (OPEN_NS - 331 * MINUTE_NS, CLOSE_NS + 240 * MINUTE_NS),
    )
    assert report.errors == 0


def test_without_a_session_everything_is_outside():
    report = validate_bars("A", minutes(DAY), SessionGrid.of([]))
    assert found(report)[CLOSED][0] == 390


def test_an_empty_store_has_nothing_but_gaps():
    assert found(validate_bars("A", BarColumns.empty(), GRID)) == {MISSING: (390, (OPEN_NS,))}
