"""How long an order works: each time in force over sessions of ten minutes, prices by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.core.fill_rules import FillRules
from app.core.run_log import RunLog
from app.core.sessions import SessionGrid
from app.research import run_backtest
from tests.engine_bars import FIRST_OPEN_NS, FLAT, bars, end_of, grid, play, scripted, start_of

UP = (105.0, 106.0, 104.0, 105.5)
SILENT = (105.0, 105.0, 105.0, 105.0, 0.0)
TENTH = FillRules(participation_pct=10.0)


def told(log: RunLog, order: int = 1) -> tuple[int, str, str]:
    """Time, state and cause of an order's last transition."""
    last = [event for event in log.events if event.order_id == order][-1]
    return last.time_ns, last.status.value, last.cause


def moment(minute: int, seconds: int = 0) -> datetime:
    """When a minute starts, or so many seconds later."""
    return datetime.fromtimestamp(start_of(minute) // 10**9, UTC) + timedelta(seconds=seconds)


# ── gtd ──────────────────────────────────────────────────────────────────────


def gtd(until: datetime, rows: list, **terms: object) -> RunLog:
    ask = {"limit": 90.0, "time_in_force": "gtd", "good_till": until} | terms
    return play(rows, {1: lambda s: s.buy(1, **ask)}).log


@pytest.mark.parametrize("seconds", [-59, 0])
def test_gtd_ends_with_the_first_bar_that_starts_no_earlier(seconds: int) -> None:
    log = gtd(moment(5, seconds), [FLAT] * 10)
    assert told(log) == (start_of(5), "expired", "good_till has passed")


def test_gtd_trades_in_the_last_bar_that_starts_before() -> None:
    rows = [FLAT] * 5 + [(80.0,) * 4] * 3
    assert told(gtd(moment(5, 1), rows)) == (start_of(5), "filled", "")
    assert told(gtd(moment(5), rows))[1] == "expired"


def test_gtd_passed_between_two_trades_ends_with_the_next_trade() -> None:
    rows = [FLAT] * 4 + [SILENT, None, (80.0,) * 4]
    assert told(gtd(moment(5), rows)) == (start_of(6), "expired", "good_till has passed")


def test_gtd_ends_at_a_close_by_which_the_time_has_come() -> None:
    assert told(gtd(moment(9, 60), [FLAT] * 20)) == (end_of(9), "expired", "the session closed")


def test_gtd_works_over_the_night() -> None:
    rows = [FLAT] * 12 + [(80.0,) * 4] * 8
    assert told(gtd(moment(15), rows)) == (start_of(12), "filled", "")


@pytest.mark.parametrize("force", ["day", "gtc", "ioc", "fok", "opg", "cls"])
def test_good_till_without_gtd_is_refused(force: str) -> None:
    log = gtd(moment(5), [FLAT] * 4, time_in_force=force)
    cause = f"good_till is for gtd orders, and this one is {force}"
    assert told(log) == (end_of(1), "rejected", cause)


@pytest.mark.parametrize("until", [moment(2), moment(1)])
def test_gtd_has_to_end_later_than_now(until: datetime) -> None:
    assert told(gtd(until, [FLAT] * 4)) == (
        end_of(1),
        "rejected",
        "good_till is not later than now",
    )


# ── ioc and fok ──────────────────────────────────────────────────────────────


def one_bar(force: str, rows: list, *, quantity: float = 30, **terms: object) -> RunLog:
    rules = TENTH if any(row is not None and len(row) == 5 for row in rows) else FillRules()
    script = {0: lambda s: s.buy(quantity, time_in_force=force, **terms)}
    return play([FLAT, *rows], script, fill_rules=rules).log


@pytest.mark.parametrize("force", ["ioc", "fok"])
def test_in_one_bar_or_not_at_all(force: str) -> None:
    log = one_bar(force, [FLAT, (90.0,) * 4], limit=99.0)
    assert told(log) == (end_of(1), "canceled", f"{force}: its one bar is over")
    assert one_bar(force, [UP, UP]).fills.price.tolist() == [105.0]
    assert one_bar(force, [(98.0,) * 4], limit=99.0).fills.price.tolist() == [98.0]
    assert one_bar(force, [(100.0, 103.0, 99.0, 102.0)], stop=102.0).fills.price.tolist() == [102.0]


@pytest.mark.parametrize("force", ["ioc", "fok"])
def test_a_bar_without_trades_is_not_the_one_bar(force: str) -> None:
    log = one_bar(force, [(*FLAT, 0.0), None, (*UP, 1_000.0)])
    assert told(log) == (start_of(3), "filled", "")


def test_ioc_takes_what_there_is_and_the_rest_is_cancelled() -> None:
    log = one_bar("ioc", [(*FLAT, 120.0), (*FLAT, 1_000.0)])  # a tenth of 120 is 12
    assert log.fills.quantity.tolist() == [12.0]
    assert told(log) == (end_of(1), "canceled", "ioc: its one bar is over")
    assert log.orders[0].remaining == 18.0


def test_fok_takes_all_or_nothing() -> None:
    few = one_bar("fok", [(*FLAT, 299.0), (*FLAT, 1_000.0)])
    assert len(few.fills) == 0
    assert told(few) == (end_of(1), "canceled", "fok: its one bar is over")
    assert one_bar("fok", [(*FLAT, 300.0)]).fills.quantity.tolist() == [30.0]


# ── opg and cls ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("moment", [9, ("end", 0), 4])
def test_opg_trades_at_the_next_sessions_first_print(moment: object) -> None:
    rows = [FLAT] * 10 + [UP] + [FLAT] * 9
    log = play(rows, {moment: lambda s: s.buy(1, time_in_force="opg")}).log
    assert told(log) == (start_of(10), "filled", "")
    assert log.fills.price.tolist() == [105.0]


def test_opg_sent_at_the_start_trades_in_the_first_session() -> None:
    log = play([UP] * 20, {"start": lambda s: s.buy(1, time_in_force="opg")}).log
    assert told(log) == (start_of(0), "filled", "")


@pytest.mark.parametrize("silent", [[SILENT], [None], [SILENT, None, SILENT]])
def test_the_first_print_is_in_the_first_minute_with_a_trade(silent: list) -> None:
    rows = [FLAT] * 10 + silent + [UP]
    log = play(rows, {9: lambda s: s.buy(1, time_in_force="opg")}).log
    assert told(log) == (start_of(10 + len(silent)), "filled", "")


@pytest.mark.parametrize(
    ("limit", "expected"), [(106.0, "filled"), (105.0, "expired"), (104.5, "expired")]
)
def test_opg_with_a_limit_has_to_be_beyond_the_opening_price(limit: float, expected: str) -> None:
    """Also where the bar then trades through the limit: the opening print is over."""
    rows = [FLAT] * 10 + [UP] * 2
    log = play(rows, {9: lambda s: s.buy(1, limit=limit, time_in_force="opg")}).log
    assert told(log)[1] == expected
    if expected == "expired":
        assert told(log) == (end_of(10), "expired", "the session has opened")


@pytest.mark.parametrize("moment", ["start", ("end", 0)])
def test_opg_expires_with_a_session_without_any_print(moment: object) -> None:
    silent = [SILENT] * 10 if moment == "start" else [FLAT] * 10 + [None] * 9 + [SILENT]
    log = play(silent + [FLAT] * 10, {moment: lambda s: s.buy(1, time_in_force="opg")}).log
    close_ns = end_of(9) if moment == "start" else end_of(19)
    assert told(log) == (close_ns, "expired", "the session closed")


def test_opg_where_one_session_follows_at_once_on_another() -> None:
    """Around the clock the close is the next open: what is sent then is for that open alone."""
    opens = FIRST_OPEN_NS + np.arange(3) * 10 * 60 * 10**9
    closes = opens + 10 * 60 * 10**9
    dates = np.arange("2024-07-01", "2024-07-04", dtype="datetime64[D]")
    sessions = SessionGrid("America/New_York", dates, opens, closes, opens, closes)
    silent = [FLAT] * 10 + [SILENT] * 10 + [FLAT] * 10
    minutes = bars(silent, session_minutes=30)
    follower = scripted({9: lambda s: s.buy(1, time_in_force="opg")}, session_minutes=30)
    log = run_backtest(follower, minutes, sessions=sessions).log
    assert told(log) == (int(closes[1]), "expired", "the session closed")


@pytest.mark.parametrize("moment", ["start", 3, 8])
def test_cls_trades_at_the_sessions_last_print(moment: object) -> None:
    rows = [FLAT] * 9 + [UP] + [FLAT] * 10
    log = play(rows, {moment: lambda s: s.buy(1, time_in_force="cls")}).log
    assert told(log) == (end_of(9), "filled", "")
    assert log.fills.price.tolist() == [105.5]


@pytest.mark.parametrize("moment", [9, ("end", 0)])
def test_cls_sent_at_the_close_is_for_the_next_one(moment: object) -> None:
    rows = [FLAT] * 19 + [UP]
    log = play(rows, {moment: lambda s: s.buy(1, time_in_force="cls")}).log
    assert told(log) == (end_of(19), "filled", "")


@pytest.mark.parametrize("last", [[None], [SILENT]])
def test_without_a_trade_in_the_last_minute_there_is_no_closing_print(last: list) -> None:
    log = play(
        [FLAT] * 9 + last + [FLAT] * 10, {3: lambda s: s.buy(1, time_in_force="cls")}, sessions=2
    ).log
    assert told(log) == (end_of(9), "expired", "the session closed")


@pytest.mark.parametrize(
    ("limit", "expected"), [(106.0, "filled"), (105.5, "expired"), (105.0, "expired")]
)
def test_cls_with_a_limit_has_to_be_beyond_the_closing_price(limit: float, expected: str) -> None:
    rows = [FLAT] * 9 + [UP] + [FLAT] * 10
    log = play(rows, {3: lambda s: s.buy(1, limit=limit, time_in_force="cls")}).log
    assert told(log)[1] == expected


def test_a_half_day_ends_with_its_own_last_minute() -> None:
    """The first session closes after five minutes; rows after that are outside."""
    whole = grid(2)
    closes = whole.close_ns.copy()
    closes[0] -= 5 * 60 * 10**9
    half = SessionGrid(
        whole.timezone, whole.dates, whole.open_ns, closes, whole.pre_open_ns, whole.post_close_ns
    )
    rows = [FLAT] * 4 + [UP] + [FLAT] * 15
    follower = scripted({1: lambda s: s.buy(1, time_in_force="cls")})
    log = run_backtest(follower, bars(rows), sessions=half).log
    assert told(log) == (end_of(4), "filled", "")
    assert log.fills.price.tolist() == [105.5]


@pytest.mark.parametrize("force", ["opg", "cls"])
@pytest.mark.parametrize("terms", [{"stop": 101.0}, {"stop": 101.0, "limit": 102.0}, {"trail": 1}])
def test_the_opening_and_the_close_take_market_and_limit_orders_alone(
    force: str, terms: dict
) -> None:
    log = play([FLAT] * 3, {1: lambda s: s.buy(1, time_in_force=force, **terms)}).log
    cause = f"only market and limit orders can be {force}"
    assert told(log) == (end_of(1), "rejected", cause)


def test_a_trailing_stop_needs_a_price_to_trail() -> None:
    log = play([FLAT] * 3, {"start": lambda s: s.buy(1, trail=1.0)}).log
    cause = "there is no price yet for a stop to trail"
    assert told(log) == (FIRST_OPEN_NS, "rejected", cause)
