"""`run honesty`, typed: of a recorded run and of a config."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command_line import BACKEND, CommandLine, Typed

Type = Callable[[CommandLine], Typed]


def test_honesty_of_a_recorded_run(demo: CommandLine, typed: Type) -> None:
    line = typed(demo)
    records = line.json("run", "list")
    record = records[-1]
    report = line.json("run", "honesty", record["id"][:8])
    assert report["realistic"]["return_pct"] == pytest.approx(record["metrics"]["return_pct"])
    assert report["synthetic"] is True
    assert report["naive"]["commission"] == 0
    naive = report["differences"]["naive"]
    total = sum(step["difference"] for step in naive["steps"]) + naive["interplay"]
    assert total == pytest.approx(naive["return_points"])
    assert line.json("run", "list") == records


def test_honesty_of_a_config(demo: CommandLine, typed: Type, tmp_path: Path) -> None:
    config = json.loads((BACKEND / "session_configs" / "example_session.json").read_text())
    config["backtest_config"] |= {"start_date": "2025-12-15"}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(config))
    output = typed(demo).ok("run", "honesty", str(path))
    assert output.startswith("honesty of example_session\nsynthetic data")
    assert "from realistic to pessimistic" in output
