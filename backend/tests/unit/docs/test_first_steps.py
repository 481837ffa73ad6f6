"""What a newcomer does first: the README's strategy, their own bars, the examples."""

import json
import os
import re
import shlex
import subprocess
import sys
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from app.cli.run_tables import render_run
from app.config.settings import Settings
from app.core.enums import SystemState
from app.managers.system_manager import SystemManager
from app.managers.time_manager.clock import FixedClock
from app.models.session_config import read_session_config
from tests.calendar_fixtures import TODAY
from tests.unit.docs.conftest import REPOSITORY, blocks

BACKEND = REPOSITORY / "backend"


def run(command, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"COLUMNS": "120"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_the_first_strategy_runs_and_is_short(read_page, demo_folder):
    (code,) = blocks("README.md", "python")
    strategy = code.split("class ")[1].split("result =")[0]
    assert len([line for line in strategy.splitlines() if line.strip()]) <= 10
    result = read_page("README.md")["result"]
    assert result.metrics["trades"] > 0
    assert "<html" in (demo_folder / "pullback.html").read_text(encoding="utf-8")


def test_own_bars_in_three_commands(calendar_db, shared_data, tmp_path):
    calendar_db.copy(tmp_path / "data" / "trading_app.db")
    config = tmp_path / "session.json"
    config.write_text(blocks("README.md", "json")[0], encoding="utf-8")
    where = {
        "/path/to/AAPL.csv.gz": str(shared_data / "stockcharts" / "us_equity_1m_AAPL_2016.csv.gz"),
        "/path/to/session.json": str(config),
    }
    told = []
    for arguments in re.findall(r'make run-cli ARGS="(.*?)"', "".join(blocks("README.md", "sh"))):
        words = [where.get(word, word) for word in shlex.split(arguments)]
        folders = {"DATA_DIR": f"{tmp_path}/data", "VALIDATION_DIR": f"{tmp_path}/validation"}
        told.append(run(["run_cli.py", *words], BACKEND, **folders))
    imported, quality, session = told
    assert "AAPL" in imported
    assert "2016-04-18" in quality
    assert "completed" in session
    assert "20 sessions" in session  # 2016-04-18 to 2016-05-13: four weeks, no holiday
    assert (tmp_path / "validation" / "my_first.csv").is_file()


@pytest.fixture
def run_session(calendar_db, demo_folder, tmp_path):
    """``run_session(config)``: a session on the demo's bars, from start to its result."""
    database = calendar_db.copy(tmp_path / "trading_app.db")
    (tmp_path / "bars").symlink_to(demo_folder / "backend" / "data" / "bars")
    settings = Settings(
        data_dir=tmp_path, validation_dir=tmp_path / "validation", database_url=database
    )

    def start(config):
        system = SystemManager(settings, clock=FixedClock(TODAY))
        system.start(config)
        assert system.wait(30)
        assert system.state is SystemState.STOPPED, system.reason
        return system

    return start


def test_the_terminal_output_shown_is_that_of_the_demo(run_session):
    shown = blocks("README.md", "text")[0]
    record = run_session(BACKEND / "session_configs" / "example_session.json").record
    screen = Console(width=80, file=StringIO())
    screen.print(render_run(record))
    printed = " ".join(screen.file.getvalue().split())
    for line in filter(None, shown.splitlines()):
        for piece in re.split(r" {3,}(?=[A-Z#])", line.strip()):
            assert " ".join(piece.split()) in printed, piece


EXAMPLES = ("first_backtest", "own_strategy", "several_symbols")


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name, tmp_path):
    told = run([str(REPOSITORY / "examples" / f"{name}.py")], tmp_path, TMPDIR=str(tmp_path))
    trades = re.search(r"# Trades +([\d,]+)", told)
    assert trades
    assert int(trades[1]) > 0
    if name == "first_backtest":
        assert (tmp_path / "first_backtest.html").is_file()


def test_historical_indicators_as_the_page_declares_them(run_session, read_page, monkeypatch):
    """`Rush`, with the page's own piece of config, in a session after a week of history."""
    module = ModuleType("page_strategies")
    module.Rush = read_page("docs/strategies.md")["Rush"]
    monkeypatch.setitem(sys.modules, "page_strategies", module)
    example = json.loads((BACKEND / "session_configs" / "example_session.json").read_text())
    historical = example["session_data_config"]["historical"]
    historical["data"][0]["trailing_days"] = 5
    historical["indicators"] = json.loads(blocks("docs/strategies.md", "json")[0])
    example["backtest_config"]["start_date"] = "2025-11-10"
    example["strategies"] = [{"name": "rush", "class": "page_strategies:Rush"}]
    assert run_session(example).result.metrics["trades"] > 0


def test_the_piece_of_config_in_strategies_is_accepted():
    example = json.loads((BACKEND / "session_configs" / "example_session.json").read_text())
    piece = json.loads("{" + blocks("docs/strategies.md", "json")[1] + "}")
    assert [each.name for each in read_session_config(example | piece).strategies] == [
        "cross",
        "mine",
        "ours",
    ]
