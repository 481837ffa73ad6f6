"""Tables of runs in terminals of any width."""

from dataclasses import replace
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from app.cli.run_tables import (
    line_of_counts,
    render_progress,
    render_run,
    render_runs,
    render_strategy,
)
from app.core.run_record import RunRecord
from app.strategies.sma_cross import SmaCross
from app.threads.progress import RunProgress

RECORD = RunRecord(
    id=UUID("4d805789-6329-425c-8015-85651fec70bc"),
    session_name="example_session",
    mode="backtest",
    status="completed",
    reason=None,
    strategies=[{"name": "cross", "class": "sma_cross", "symbols": ["A"], "parameters": {"n": 1}}],
    symbols=["A"],
    config={},
    started_at=datetime(2026, 11, 20, 11, 18, tzinfo=UTC),
    finished_at=datetime(2026, 11, 20, 11, 19, tzinfo=UTC),
    first_session=date(2025, 11, 6),
    last_session=date(2025, 12, 15),
    bars=31_050,
    sessions=27,
    metrics={"return_pct": -10.757, "sharpe": -14.31, "max_drawdown_pct": -11.38, "trades": 347},
    data_quality={},
    data_fingerprint="9" * 64,
    code_version="0.1.0",
    order_hash="e" * 64,
    folder="/data/runs/one",
    synthetic=True,
)
FIRST_TO_LAST = ["Run", "Session", "Status", "Return", "Finished (UTC)", "Trades", "Sharpe"]


def shown(renderable: Any, width: int) -> list[str]:
    text = StringIO()
    Console(file=text, width=width).print(renderable)
    lines = text.getvalue().splitlines()
    assert all(len(line.rstrip()) <= width for line in lines)
    return lines


@pytest.mark.parametrize(("width", "columns"), [(40, 2), (60, 4), (80, 5), (96, 7), (140, 7)])
def test_a_narrow_list_of_runs_leaves_columns_out(width: int, columns: int) -> None:
    text = "\n".join(shown(render_runs([RECORD], width=width), width))
    assert [name for name in FIRST_TO_LAST if name in text] == FIRST_TO_LAST[:columns]
    assert "4d805789" in text
    assert "synthetic" in text
    assert "…" not in text
    assert ("31,050" in text) == (width == 140)


def test_a_long_name_takes_more_lines_not_other_columns() -> None:
    long = replace(RECORD, session_name="a_long_name_" * 10)
    lines = shown(render_runs([long, RECORD], width=80), 80)
    name = lines[1].index("Session")
    name_end = lines[1].index("Finished")
    assert "".join(line[name:name_end].strip() for line in lines).count("a_long_name_") == 10
    assert any("-10.76 %" in line for line in lines)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_hashes_are_never_cut(width: int) -> None:
    text = "".join("".join(shown(render_run(RECORD), width)).split())
    assert "e" * 64 in text
    assert "9" * 64 in text


@pytest.mark.parametrize("width", [20, 60, 80, 100, 200])
def test_progress_is_one_line(width: int) -> None:
    progress = RunProgress(
        session=date(2025, 11, 6),
        sessions_done=13,
        sessions_total=27,
        bars_per_s=1_234_567.0,
        pnl=-1234.5,
        positions={"ALPHA": 100.0, "BRAVO": -50.0, "CHARLIE": 0.5},
    )
    line = render_progress("my_session", progress, moment="2025-11-06 16:00", width=width)
    assert len(line) <= width
    (text,) = shown(line, width)
    if width >= 80:
        for fact in ("my_session", "13/27", "2025-11-06 16:00", "1,234,567 bars/s", "-1,234.50"):
            assert fact in text
    assert ("ALPHA 100, BRAVO -50, CHARLIE 0.5" in text) == (width == 200)


def test_prose_is_wrapped_by_the_terminal_alone() -> None:
    about = "One sentence that\nits source breaks.\n\nAnother\nparagraph."
    lines = [line.rstrip() for line in shown(render_strategy("x", SmaCross, about), 80)]
    assert "One sentence that its source breaks." in lines
    assert "Another paragraph." in lines


def test_what_a_run_left_in_the_database_is_one_line() -> None:
    counts = {"signals": 3_840, "orders": 3_840, "fills": 3_800, "trades": 1_900, "positions": 0}
    assert line_of_counts(counts | {"equity_points": 1_000, "order_events": 9}) == (
        "In the database: 3,840 signals, 3,840 orders, 3,800 fills, 1,900 trades, 0 positions, "
        "1,000 equity points"
    )
    assert line_of_counts(dict.fromkeys(counts, 0)) == ""
