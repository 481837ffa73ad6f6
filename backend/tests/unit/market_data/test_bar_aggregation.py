import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.exceptions import DataError
from app.core.intervals import Interval
from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from app.services.market_data.bar_aggregation import (
    Aggregator,
    aggregate,
    regular_minutes,
    session_rows,
)


def every_minute(grid, *, session=0):
    return np.arange(grid.open_ns[session], grid.close_ns[session], MINUTE_NS)


def all_minutes(grid):
    return np.concatenate([every_minute(grid, session=row) for row in range(len(grid))])


def test_five_minutes_by_hand(new_york, minutes):
    grid = new_york("2024-07-02")
    bars = aggregate(minutes(every_minute(grid)[:10]), Interval.parse("5m"), grid)
    # closes 100..104 and 105..109; open = first close - 0.5, high = max + 1, low = min - 2
    assert bars.start_ns.tolist() == [grid.open_ns[0], grid.open_ns[0] + 5 * MINUTE_NS]
    assert bars.end_ns.tolist() == [
        grid.open_ns[0] + 5 * MINUTE_NS,
        grid.open_ns[0] + 10 * MINUTE_NS,
    ]
    assert bars.open.tolist() == [99.5, 104.5]
    assert bars.high.tolist() == [105.0, 110.0]
    assert bars.low.tolist() == [98.0, 103.0]
    assert bars.close.tolist() == [104.0, 109.0]
    assert bars.volume.tolist() == [1 + 2 + 3 + 4 + 5, 6 + 7 + 8 + 9 + 10]


@pytest.mark.parametrize(
    ("interval", "close", "count", "last_minutes"),
    [  # a session of 390 minutes, a half day of 210
        ("1m", "16:00", 390, 1),
        ("5m", "16:00", 78, 5),
        ("7m", "16:00", 56, 390 - 55 * 7),
        ("1h", "16:00", 7, 30),
        ("90m", "16:00", 5, 30),
        ("4h", "16:00", 2, 150),
        ("24h", "16:00", 1, 390),
        ("1d", "16:00", 1, 390),
        ("1h", "13:00", 4, 30),
        ("4h", "13:00", 1, 210),
        ("1d", "13:00", 1, 210),
        ("1w", "13:00", 1, 210),
    ],
)
def test_last_bar_of_a_session_ends_at_the_close(
    new_york, minutes, interval, close, count, last_minutes
):
    grid = new_york(f"2024-07-03 {close}")
    bars = aggregate(minutes(every_minute(grid)), Interval.parse(interval), grid)
    assert len(bars) == count
    assert bars.end_ns[-1] == grid.close_ns[0]
    assert bars.end_ns[-1] - bars.start_ns[-1] == last_minutes * MINUTE_NS
    assert bars.start_ns[0] == grid.open_ns[0]
    assert bars.volume.sum() == len(every_minute(grid)) * (len(every_minute(grid)) + 1) / 2


@pytest.mark.parametrize(
    ("days", "open_hours_utc"),
    [  # 09:30 in New York is 14:30Z in winter and 13:30Z in summer time
        (("2024-03-08", "2024-03-11"), (14.5, 13.5)),
        (("2024-11-01", "2024-11-04"), (13.5, 14.5)),
        (("2027-03-12", "2027-03-15"), (14.5, 13.5)),
    ],
)
def test_bars_follow_the_session_over_a_clock_change(new_york, minutes, days, open_hours_utc):
    grid = new_york(*days)
    bars = aggregate(minutes(all_minutes(grid)), Interval.parse("1h"), grid)
    assert [start % DAY_NS / HOUR_NS for start in bars.start_ns[::7]] == list(open_hours_utc)
    assert len(bars) == 14


def test_a_bar_without_minutes_is_not_made(new_york, minutes):
    grid = new_york("2024-07-02")
    starts = np.delete(every_minute(grid)[:20], np.arange(5, 12))
    bars = aggregate(minutes(starts), Interval.parse("5m"), grid)
    assert ((bars.start_ns - grid.open_ns[0]) // MINUTE_NS).tolist() == [0, 10, 15]
    assert bars.volume.tolist() == [15.0, 6.0 + 7 + 8, 9.0 + 10 + 11 + 12 + 13]


def test_week_is_the_iso_week(new_york, minutes):
    # Friday 2024-06-28; Monday, Tuesday and the half Wednesday of the next week; then Monday.
    grid = new_york("2024-06-28", "2024-07-01", "2024-07-02", "2024-07-03 13:00", "2024-07-08")
    bars = aggregate(minutes(all_minutes(grid)), Interval.parse("1w"), grid)
    assert bars.start_ns.tolist() == grid.open_ns[[0, 1, 4]].tolist()
    assert bars.end_ns.tolist() == grid.close_ns[[0, 3, 4]].tolist()
    assert bars.close.tolist() == [99.0 + 390, 99.0 + 390 + 990, 99.0 + 390 + 990 + 390]


def test_week_over_new_year_and_in_a_market_that_never_closes(minutes):
    # ISO: 2024-12-30 (Monday) to 2025-01-05 are one week, 2025-W01.
    days = np.arange("2024-12-28", "2025-01-07", dtype="datetime64[D]")
    opens = days.astype("datetime64[ns]").astype(np.int64)
    grid = SessionGrid("UTC", days, opens, opens + DAY_NS, opens, opens + DAY_NS)
    starts = np.arange(opens[0], opens[-1] + DAY_NS, MINUTE_NS)
    bars = aggregate(minutes(starts), Interval.parse("1w"), grid, until_ns=int(opens[-1] + DAY_NS))
    assert bars.start_ns.tolist() == opens[[0, 2, 9]].tolist()
    assert aggregate(minutes(starts), Interval.parse("4h"), grid).end_ns[-1] == opens[-1] + DAY_NS


def test_minutes_outside_the_session_are_in_no_bar(new_york, minutes):
    grid = new_york("2024-07-02", "2024-07-03 13:00")
    starts = np.arange(grid.pre_open_ns[0], grid.post_close_ns[1], MINUTE_NS)
    for interval in ("5m", "1d", "1w"):
        everything = aggregate(minutes(starts), Interval.parse(interval), grid)
        regular = regular_minutes(minutes(starts), grid)
        assert everything.volume.sum() == regular.volume.sum()
    assert len(regular) == 390 + 210


def test_extended_hours_are_a_grid_of_their_own(new_york, minutes):
    grid = new_york("2024-07-02").extended()
    bars = aggregate(minutes(every_minute(grid)), Interval.parse("1h"), grid)
    assert len(bars) == 16  # 04:00 to 20:00
    assert bars.start_ns[0] == grid.pre_open_ns[0]


def test_a_minute_labelled_with_the_close_is_outside(new_york, minutes):
    grid = new_york("2024-07-02")
    starts = np.append(every_minute(grid), grid.close_ns[0])
    assert regular_minutes(minutes(starts), grid).end_ns[-1] == grid.close_ns[0]


def test_nothing_to_drop_gives_the_input_back(new_york, minutes):
    grid = new_york("2024-07-02", "2024-07-03")
    bars = minutes(all_minutes(grid))
    assert regular_minutes(bars, grid) is bars
    assert len(regular_minutes(BarColumns.empty(), grid)) == 0
    assert len(regular_minutes(minutes(every_minute(grid) - DAY_NS), grid)) == 0
    assert len(regular_minutes(bars, grid.slice(0, 0))) == 0


def test_session_rows(new_york, minutes):
    grid = new_york("2024-07-02", "2024-07-03 13:00")
    opens, closes = grid.open_ns.tolist(), grid.close_ns.tolist()
    times = [opens[0] - 1, opens[0], closes[0] - 1, closes[0], opens[1], closes[1]]
    assert session_rows(np.array(times), grid).tolist() == [-1, 0, 0, -1, 1, -1]
    assert session_rows(np.array(times), grid.slice(0, 0)).tolist() == [-1] * 6


def test_a_bar_is_handed_out_when_its_last_minute_arrives(new_york, minutes):
    grid = new_york("2024-07-02")
    stage, bars = Aggregator(Interval.parse("5m"), grid), minutes(every_minute(grid))
    counts = [len(stage.step(bars.slice(row, row + 1))) for row in range(11)]
    assert counts == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]


def test_a_bar_is_handed_out_when_a_later_minute_arrives(new_york, minutes):
    grid = new_york("2024-07-02")
    stage, bars = Aggregator(Interval.parse("5m"), grid), minutes(every_minute(grid)[[0, 1, 7]])
    assert len(stage.step(bars.slice(0, 2))) == 0
    assert stage.step(bars.slice(2, 3)).close.tolist() == [101.0]


def test_a_bar_is_handed_out_when_time_reaches_its_end(new_york, minutes):
    grid = new_york("2024-07-02")
    stage, bars = Aggregator(Interval.parse("5m"), grid), minutes(every_minute(grid)[:2])
    end_ns = int(grid.open_ns[0]) + 5 * MINUTE_NS
    assert len(stage.step(bars, until_ns=end_ns - 1)) == 0
    assert stage.step(BarColumns.empty(), until_ns=end_ns).close.tolist() == [101.0]
    assert len(stage.step(BarColumns.empty(), until_ns=end_ns + DAY_NS)) == 0


def test_minutes_out_of_order_are_refused(new_york, minutes):
    grid = new_york("2024-07-02")
    stage, bars = Aggregator(Interval.parse("5m"), grid), minutes(every_minute(grid))
    stage.step(bars.slice(0, 3))
    with pytest.raises(DataError, match="time order"):
        stage.step(bars.slice(2, 3))


def test_a_minute_after_its_bar_was_handed_out_is_refused(new_york, minutes):
    grid = new_york("2024-07-02")
    stage, bars = Aggregator(Interval.parse("5m"), grid), minutes(every_minute(grid))
    stage.step(bars.slice(0, 3), until_ns=int(grid.open_ns[0]) + 5 * MINUTE_NS)
    with pytest.raises(DataError, match="after its bar was complete"):
        stage.step(bars.slice(4, 5))
