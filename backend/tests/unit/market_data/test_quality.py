import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.intervals import Interval
from app.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from app.services.market_data import anomalies
from app.services.market_data.bar_aggregation import aggregate
from app.services.market_data.gap_detection import Gap, find_gaps
from app.services.market_data.quality_scoring import (
    derived_quality,
    inspect_bars,
    session_quality,
)


def starts_of(grid):
    spans = zip(grid.open_ns, grid.close_ns, strict=True)
    return np.concatenate([np.arange(first, last, MINUTE_NS) for first, last in spans])


def flat(start_ns, price=100.0):
    return BarColumns.of_minutes(start_ns, *(np.full(len(start_ns), price) for _ in range(5)))


def test_a_full_session_and_a_half_day(new_york, minutes):
    grid = new_york("2024-07-02", "2024-07-03 13:00")
    quality = session_quality(minutes(starts_of(grid)), grid)
    assert quality.expected.tolist() == [390, 210]
    assert quality.present.tolist() == [390, 210]
    assert quality.percentage.tolist() == [100.0, 100.0]
    assert (len(quality.gaps), quality.total_pct) == (0, 100.0)


def test_gaps_by_hand(new_york, minutes):
    grid = new_york("2024-07-02", "2024-07-03 13:00")
    opens, closes = grid.open_ns.tolist(), grid.close_ns.tolist()
    starts = np.delete(starts_of(grid), [0, 1, 10, 388, 389, *range(400, 600)])
    quality = session_quality(minutes(starts), grid)
    assert quality.gaps.of_session(0) == (
        Gap(opens[0], opens[0] + 2 * MINUTE_NS, 2),
        Gap(opens[0] + 10 * MINUTE_NS, opens[0] + 11 * MINUTE_NS, 1),
        Gap(closes[0] - 2 * MINUTE_NS, closes[0], 2),
    )
    assert quality.gaps.of_session(1) == (Gap(opens[1] + 10 * MINUTE_NS, closes[1], 200),)
    assert quality.present.tolist() == [385, 10]
    assert quality.percentage.tolist() == pytest.approx([100 * 385 / 390, 100 * 10 / 210])
    first, second = quality
    assert (str(first.date), first.expected, first.present) == ("2024-07-02", 390, 385)
    assert second.gaps == quality.gaps.of_session(1)
    assert quality.total_pct == pytest.approx(100 * 395 / 600)


def test_sessions_without_any_bar(new_york):
    grid = new_york("2024-07-01", "2024-07-02")
    quality = session_quality(BarColumns.empty(), grid)
    assert quality.present.tolist() == [0, 0]
    assert quality.gaps.minutes.tolist() == [390, 390]
    nothing = session_quality(BarColumns.empty(), grid.slice(0, 0))
    assert (len(nothing), np.isnan(nothing.total_pct)) == (0, True)


def test_bars_outside_and_repeated_minutes_do_not_count(new_york, minutes):
    grid = new_york("2024-07-02")
    inside = starts_of(grid)[5:]
    outside = np.concatenate([inside[:1] - HOUR_NS, inside[:3], inside, grid.close_ns])
    assert session_quality(minutes(np.sort(outside)), grid).present.tolist() == [385]


def test_a_session_under_way_is_judged_by_what_is_over(new_york, minutes):
    grid = new_york("2024-07-02", "2024-07-03", "2024-07-05")
    until = int(grid.open_ns[1]) + 100 * MINUTE_NS + 30_000_000_000
    quality = session_quality(minutes(starts_of(grid)[20:]), grid, until_ns=until)
    assert quality.expected.tolist() == [390, 100, 0]
    assert quality.present.tolist() == [370, 100, 0]
    assert np.isnan(quality.percentage[2])
    assert len(find_gaps(minutes(starts_of(grid)), grid, until_ns=until)) == 0


def test_no_gap_over_a_clock_change(new_york, minutes):
    for days in (("2024-03-08", "2024-03-11"), ("2024-11-01", "2024-11-04")):
        grid = new_york(*days)
        assert session_quality(minutes(starts_of(grid)), grid).present.tolist() == [390, 390]


def test_quality_of_derived_bars(new_york, minutes):
    grid = new_york("2024-07-02", "2024-07-03 13:00")
    bars = minutes(np.delete(starts_of(grid), [1, 2, 387, 391]))
    five = aggregate(bars, Interval.parse("5m"), grid)
    assert derived_quality(five, bars, grid)[[0, 1, 77, 78]].tolist() == [60.0, 100.0, 80.0, 80.0]
    hours = aggregate(bars, Interval.parse("1h"), grid)
    # the last bar of each session is half an hour long
    assert derived_quality(hours, bars, grid)[[6, 10]].tolist() == pytest.approx(
        [100 * 29 / 30, 100]
    )
    week = aggregate(bars, Interval.parse("1w"), grid)
    assert derived_quality(week, bars, grid).tolist() == pytest.approx([100 * 596 / 600])


def test_quality_of_derived_bars_in_a_market_that_never_closes(minutes):
    from app.core.sessions import SessionGrid

    days = np.arange("2024-07-01", "2024-07-04", dtype="datetime64[D]")
    opens = days.astype("datetime64[ns]").astype(np.int64)
    grid = SessionGrid("UTC", days, opens, opens + DAY_NS, opens, opens + DAY_NS)
    bars = minutes(np.delete(starts_of(grid), [0, 1_441, 1_442]))
    daily = aggregate(bars, Interval.parse("1d"), grid)
    expected = [100 * 1_439 / 1_440, 100 * 1_438 / 1_440, 100.0]
    assert derived_quality(daily, bars, grid).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("factor", [10.0, 0.1, 5.0])
@pytest.mark.parametrize("at", [0, 1, 7, 19])
def test_spikes_are_found_where_they_are(factor, at):
    bars = flat(np.arange(20) * MINUTE_NS)
    bars.high[at] *= max(factor, 1.0)
    bars.low[at] *= min(factor, 1.0)
    bars.close[at] *= factor
    assert anomalies.spike_rows(bars).tolist() == [at]


def test_a_split_is_no_spike_and_two_wild_bars_are():
    split = flat(np.arange(20) * MINUTE_NS)
    for column in (split.high, split.low, split.close):
        column[10:] /= 10.0
    assert anomalies.spike_rows(split).tolist() == []
    wild = flat(np.arange(20) * MINUTE_NS)
    for column in (wild.high, wild.low, wild.close):
        column[10:12] *= 20.0
    assert anomalies.spike_rows(wild).tolist() == [10, 11]


def test_ordinary_bars_have_no_spike(minutes):
    assert anomalies.spike_rows(minutes(np.arange(500) * MINUTE_NS)).tolist() == []
    assert anomalies.spike_rows(flat(np.arange(2) * MINUTE_NS)).tolist() == []


def test_inspection_names_every_kind():
    bars = flat(np.arange(40) * MINUTE_NS)
    bars.volume[3] = 0.0
    bars.volume[4] = -1.0
    bars.close[5] = np.nan
    bars.high[6] = 99.0
    bars.high[7] = 1_000.0
    bars.start_ns[[8, 9]] = bars.start_ns[[9, 8]]
    bars.start_ns[10] = bars.start_ns[11]
    found = {finding.kind: (finding.count, finding.first_ns) for finding in inspect_bars(bars)}
    assert found == {
        "duplicate": (1, (11 * MINUTE_NS,)),
        "out of order": (1, (8 * MINUTE_NS,)),
        "price not above zero": (1, (5 * MINUTE_NS,)),
        "volume below zero": (1, (4 * MINUTE_NS,)),
        "high and low do not enclose open and close": (1, (6 * MINUTE_NS,)),
        "spike": (1, (7 * MINUTE_NS,)),
        "stale": (1, (9 * MINUTE_NS,)),
        "zero volume": (1, (3 * MINUTE_NS,)),
    }


def test_nothing_odd(minutes):
    assert inspect_bars(minutes(np.arange(100) * MINUTE_NS)) == ()
    assert inspect_bars(BarColumns.empty()) == ()
