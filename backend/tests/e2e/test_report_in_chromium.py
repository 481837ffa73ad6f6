"""The report in a real browser: it draws its charts and reports no error."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from app.core.data_structures import BarColumns
from app.core.run_log import FillColumns, RunLog
from app.core.sessions import SessionGrid
from app.core.types import DAY_NS, MINUTE_NS
from app.services.analytics.result import RunInfo, RunResult

OPEN_NS = 1_704_205_800_000_000_000  # 2024-01-02 14:30 UTC


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found:
        return found
    if os.environ.get("CI"):
        pytest.fail("chromium is not installed; on Debian: apt-get install chromium")
    pytest.skip("chromium is not installed; on Debian: apt-get install chromium")


def a_run() -> RunResult:
    opens = OPEN_NS + np.arange(3, dtype=np.int64) * DAY_NS
    start = (opens[:, None] + np.arange(390) * MINUTE_NS).ravel()
    close = np.round(100 + np.sin(np.arange(len(start)) / 50), 2)
    bars = BarColumns.of_minutes(start, close, close + 0.02, close - 0.02, close, np.ones(1_170))
    rows = np.arange(10, 1_160, 50)
    none, ids = np.zeros(len(rows)), np.zeros(len(rows), np.int64)
    size = np.where(np.arange(len(rows)) % 2 == 0, 10.0, -10.0)
    fills = FillColumns(
        start[rows], start[rows] + MINUTE_NS, ids, ids, ids, size, close[rows], none, none
    )
    closes = opens + 390 * MINUTE_NS
    dates = np.datetime64("2024-01-02") + np.arange(3)
    grid = SessionGrid("America/New_York", dates, opens, closes, opens, closes)
    log = RunLog(1e5, 1e5, ("ABC",), ("sine",), {"ABC": bars}, grid, fills, [], [])
    return RunResult(log, RunInfo(name="A <b>run</b>", is_synthetic=True))


def test_report_draws_its_charts_without_an_error(chromium, tmp_path):
    a_run().to_html(tmp_path / "report.html")
    command = [
        *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--enable-logging=stderr", "--virtual-time-budget=3000", "--window-size=1280,1000"),
        *(f"--user-data-dir={tmp_path / 'profile'}", (tmp_path / "report.html").as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr, done.stderr
    assert 'data-ready="yes"' in done.stdout
    for chart in ("equity-chart", "price-chart"):
        part = done.stdout.split(f'id="{chart}"')[1].split("</section>")[0]
        widths = [int(width) for width in re.findall(r'<canvas[^>]*?\bwidth="(\d+)"', part)]
        assert max(widths) > 500, chart
    assert "1 / 1" in done.stdout  # the pager: 11 round trips
    assert done.stdout.count('title="Show on the chart"') == 12  # and one open trade
    assert "A &lt;b&gt;run&lt;/b&gt;" in done.stdout
