"""Sessions on data with holes, and on a day when the whole market was halted."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.run_record import RunRecord
from tests.system_fixtures import NEW_YORK, Installation, minutes, session_config

DAYS = [date(2024, 3, day) for day in (4, 5, 6)]
GATE = {"min_quality_pct": 50, "max_gap_minutes": 5}
Sent = list[tuple[str, str]]


def without(bars: BarColumns, *rows: int) -> BarColumns:
    kept = np.setdiff1d(np.arange(len(bars)), rows)
    return bars.take(kept)


def clock(bar: Any) -> str:
    """Day and time of a bar's end in New York."""
    return f"{bar.time.astimezone(NEW_YORK):%d %H:%M}"


@pytest.fixture
def holed(installation: Installation) -> Installation:
    """AAA lacks ten minutes of the first day, those of 10:00 to 10:09."""
    installation.store("AAA", without(minutes(*DAYS), *range(30, 40)))
    return installation


def traded(
    installation: Installation,
    hooks: dict[str, object],
    orders: dict[str, float],
    *,
    gate: dict[str, Any] | None,
    speed: float = 0.0,
    **more: Any,
) -> tuple[RunRecord, Sent]:
    """A run that sends market orders at the ends of some bars; what became of each."""
    sent: dict[str, Any] = {}

    def on_bar(strategy: Any, bar: Any) -> None:
        quantity = orders.get(clock(bar), 0.0)
        if quantity:
            send = strategy.buy if quantity > 0 else strategy.sell
            sent[clock(bar)] = send(abs(quantity))

    hooks["on_bar"] = on_bar
    data = {} if gate is None else {"quality_gate": gate}
    config = session_config(
        "AAA",
        **({"first": "2024-03-04", "last": "2024-03-06"} | more),
        strategies={"hooked": ("tests.session_strategies:Hooked", {})},
        **data,
    )
    config["backtest_config"]["speed_multiplier"] = speed
    record = installation.run(config).record
    assert record is not None
    assert record.status == "completed", record.reason
    return record, [(when, _became(order)) for when, order in sent.items()]


def _became(order: Any) -> str:
    if order.filled_quantity:
        moment = datetime.fromtimestamp(order.filled_ns / 1e9, NEW_YORK)
        return f"filled {moment:%d %H:%M}"
    return order.reason.partition(":")[0]


ORDERS = {
    "04 09:59": 10.0,  # before the hole: fills at once
    "04 10:00": 1.0,  # would fill at 10:10, the first bar after the hole, still under the block
    "04 10:11": 1.0,  # the first bar after the hole has closed: ten minutes of 41 are missing
    "04 11:00": -4.0,  # reduces
    "05 09:31": 1.0,
    "06 09:31": 1.0,
}
BEFORE = [("04 09:59", "filled 04 09:59"), ("04 10:00", "data quality")]
OUT = ("04 11:00", "filled 04 11:00")
LATER = [("05 09:31", "filled 05 09:31"), ("06 09:31", "filled 06 09:31")]


@pytest.mark.parametrize(
    ("action", "expected", "blocked", "restricted"),
    [
        # The sixth missing minute is over at 10:06, the bar that ends the hole at 10:11.
        (
            "block_entries",
            [*BEFORE, ("04 10:11", "filled 04 10:11"), OUT, *LATER],
            1,
            5,
        ),
        # From 10:06 to the close: 390 - 36 minutes.
        ("exits_only", [*BEFORE, ("04 10:11", "data quality"), OUT, *LATER], 2, 354),
        # And the whole of the next session, which is complete, so that the third is open again.
        (
            "skip_symbol",
            [
                *BEFORE,
                ("04 10:11", "data quality"),
                OUT,
                ("05 09:31", "data quality"),
                ("06 09:31", "filled 06 09:31"),
            ],
            3,
            354 + 390,
        ),
    ],
)
@pytest.mark.parametrize(
    ("prefetch_days", "speed"),
    [(1, 0.0), (5, 0.0), (1, 1e6)],
    ids=["a session read ahead", "five read ahead", "by the clock, an instant at a time"],
)
def test_what_each_action_refuses(
    holed: Installation,
    hooks: dict[str, object],
    action: str,
    expected: Sent,
    blocked: int,
    restricted: int,
    prefetch_days: int,
    speed: float,
) -> None:
    gate = GATE | {"action": action}
    record, sent = traded(holed, hooks, ORDERS, gate=gate, prefetch_days=prefetch_days, speed=speed)
    assert sent == expected
    quality = record.data_quality["AAA"]
    assert (quality["blocked_entries"], quality["restricted_minutes"]) == (blocked, restricted)
    assert quality["gaps"] == 1


def test_without_a_gate_trading_goes_on(holed: Installation, hooks: dict[str, object]) -> None:
    record, sent = traded(holed, hooks, ORDERS, gate=None)
    assert all(became.startswith("filled") for _, became in sent)
    assert "blocked_entries" not in record.data_quality["AAA"]


def test_a_low_score_blocks_until_it_recovers(
    holed: Installation, hooks: dict[str, object]
) -> None:
    """Of n minutes n - 10 are there: 90 % again when 100 minutes are over, at 11:10."""
    gate = {"min_quality_pct": 90, "max_gap_minutes": 60, "action": "block_entries"}
    orders = {"04 11:09": 1.0, "04 11:10": 1.0}
    record, sent = traded(holed, hooks, orders, gate=gate)
    assert sent == [("04 11:09", "data quality"), ("04 11:10", "filled 04 11:10")]
    # 30 of 34 is 88.2 %, 30 of 33 is 90.9 %: from 10:04 to 11:10.
    assert record.data_quality["AAA"]["restricted_minutes"] == 66


def test_a_symbol_is_skipped_for_what_its_history_lacked(
    holed: Installation, hooks: dict[str, object]
) -> None:
    record, sent = traded(
        holed,
        hooks,
        {"05 10:00": 1.0, "06 10:00": 1.0},
        gate=GATE | {"action": "skip_symbol"},
        first="2024-03-05",
        historical={"data": [{"intervals": ["1d"], "trailing_days": 1}]},
    )
    assert sent == [("05 10:00", "data quality"), ("06 10:00", "filled 06 10:00")]
    assert record.data_quality["AAA"]["restricted_minutes"] == 390


def test_the_gate_works_without_scores(holed: Installation, hooks: dict[str, object]) -> None:
    record, _ = traded(
        holed,
        hooks,
        ORDERS,
        gate=GATE | {"action": "exits_only"},
        gap_filler={"enable_session_quality": False},
    )
    assert record.data_quality == {"AAA": {"blocked_entries": 2, "restricted_minutes": 354}}


# ── a market-wide halt ───────────────────────────────────────────────────────

HALTED = range(12 * 60 + 56 - 570, 13 * 60 + 12 - 570)
"""On 2020-03-18 trading was halted from 12:56:17 to 13:11:17: 16 minutes touch that."""
Store = Callable[[Installation], None]


@pytest.mark.parametrize("filled", [False, True], ids=["no bars", "bars made up by a vendor"])
def test_a_market_wide_halt(
    installation: Installation, hooks: dict[str, object], *, filled: bool
) -> None:
    """No fill in it, no bar of it invented, the score unharmed; and no gate shuts for it."""
    day = date(2020, 3, 18)
    whole = minutes(day)
    installation.store("AAA", whole if filled else without(whole, *HALTED))
    record, sent = traded(
        installation,
        hooks,
        {"18 12:56": 1.0, "18 13:20": 1.0},
        gate={"min_quality_pct": 100, "max_gap_minutes": 1, "action": "skip_symbol"},
        first="2020-03-18",
        last="2020-03-18",
        historical={"data": [{"intervals": ["5m"], "trailing_days": 1}]},
    )
    quality = record.data_quality["AAA"]
    if filled:
        assert record.bars == 390
    else:
        assert record.bars == 390 - 16
        bars = installation.systems[-1].get_session_data().get_bars("AAA", "5m")
        assert len(bars) == 78 - 2  # those of 13:00 and 13:05 had no minute to be made of
    assert (quality["expected_minutes"], quality["present_minutes"]) == (374, 374)
    assert (quality["quality_pct"], quality["gaps"]) == (100.0, 0)
    (named,) = quality["halts"]
    assert named.startswith("2020-03-18 12:56:17 to 13:11:17: market-wide circuit breaker")
    report = (Path(record.folder) / "report.html").read_text()
    assert "12:56:17" in report
    # No history was stored, so the symbol was skipped that day; without it, it trades.
    assert {became for _, became in sent} == {"data quality"}
    _, sent = traded(
        installation,
        hooks,
        {"18 12:56": 1.0, "18 13:20": 1.0},
        gate={"min_quality_pct": 100, "max_gap_minutes": 1, "action": "skip_symbol"},
        first="2020-03-18",
        last="2020-03-18",
    )
    assert sent == [("18 12:56", "filled 18 13:12"), ("18 13:20", "filled 18 13:20")]
