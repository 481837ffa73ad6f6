"""What a user types, from nothing to a result, and what a mistake gets for an answer."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import BACKEND, CommandLine, Ended, Typed
from tests.system_fixtures import session_config

Type = Callable[[CommandLine], Typed]


# ── from nothing to a result ─────────────────────────────────────────────────


def test_demo_shows_a_result_and_its_files(demo: CommandLine) -> None:
    output = (demo.home / "output.txt").read_text()
    assert output.count("(synthetic)") == 3
    assert "synthetic data: prices from a seeded generator" in output
    for word in ("ALPHA", "BRAVO", "CHARLIE", "Sharpe Ratio", "Max. Drawdown", "completed"):
        assert word in output
    record = demo.json("run", "list")[-1]
    assert (record["status"], record["sessions"], record["synthetic"]) == ("completed", 27, True)
    report = Path(record["folder"]) / "report.html"
    validation = demo.home / "validation" / "example_session.csv"
    for path in (report, report.parent, validation):
        assert str(path) in output
        assert path.exists()
    with validation.open() as lines:
        assert sum(1 for _ in csv.DictReader(lines)) == record["bars"]
    assert "2025-11-06 to 2025-12-15" in output


def test_set_up_from_nothing_twice(tmp_path: Path, typed: Type) -> None:
    line = typed(CommandLine(tmp_path))
    first = line.json("init-db")
    assert {each["exchange_group"]: each["is_new"] for each in first} == {
        "US_EQUITY": True,
        "CRYPTO": True,
        "IN_EQUITY": True,
    }
    assert not any(each["is_new"] for each in line.json("init-db"))
    assert "up to date" in line.ok("init-db")


def test_from_a_csv_file_to_a_recorded_run(
    cli: CommandLine, shared_data: Path, typed: Type
) -> None:
    mine = typed(cli)
    for symbol in ("AAPL", "MSFT"):
        path = shared_data / "stockcharts" / f"us_equity_1m_{symbol}_2016.csv.gz"
        summary = mine.json("data", "import-csv", str(path))
        assert (summary["rows"], summary["rejected"]) == (8_211, 0)
        assert summary["symbols"][0]["outside"] == 21
    assert "AAPL" in mine.ok("data", "list")
    assert [(each["symbol"], each["rows"]) for each in mine.json("data", "list")] == [
        ("AAPL", 8_211),
        ("MSFT", 8_211),
    ]
    quality = mine.json("data", "quality", "MSFT", "--from", "2016-04-18", "--to", "2016-04-19")
    assert quality["total_pct"] == 100.0
    assert [(day["date"], day["expected"]) for day in quality["sessions"]] == [
        ("2016-04-18", 390),
        ("2016-04-19", 390),
    ]
    config = cli.write("mine.json", stock_session())
    output = mine.ok("system", "start", config)
    assert "my_stocks" in output
    assert "synthetic" not in output
    again = mine.json("system", "start", config)
    assert (again["state"], again["reason"]) == ("STOPPED", None)
    runs = mine.json("run", "list")
    assert len(runs) == 2
    assert runs[0] == again["run"]
    assert len({run["order_hash"] for run in runs}) == 1
    shown = mine.ok("run", "show", runs[1]["id"][:8])
    assert runs[1]["order_hash"] in shown
    assert f"{runs[1]['folder']}/report.html" in shown
    assert mine.json("run", "show", runs[1]["id"]) == runs[1]
    assert len(mine.json("run", "list", "--limit", "1")) == 1


def stock_session(**more: Any) -> dict[str, Any]:
    return session_config(
        *("AAPL", "MSFT"),
        first="2016-04-15",
        last="2016-05-13",
        strategies={"cross": ("sma_cross", {"interval": "5m"})},
        name="my_stocks",
        **more,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("data", "list"),
        ("data", "quality", "ALPHA"),
        ("run", "list"),
        ("strategy", "list"),
        ("strategy", "show", "rsi_reversion"),
        ("time", "now"),
        ("time", "session", "2025-11-28"),
        ("time", "next"),
        ("time", "previous"),
        ("time", "holidays"),
    ],
)
def test_reading_commands_speak_json_and_tables(
    arguments: tuple[str, ...], demo: CommandLine, typed: Type
) -> None:
    assert typed(demo).json(*arguments)
    table = typed(demo).ok(*arguments)
    assert table.strip()
    assert max(map(len, table.splitlines())) <= 120


def test_a_strategy_of_ones_own(demo: CommandLine, typed: Type) -> None:
    (demo.home / "my_strategies.py").write_text(
        "from app.strategies import Indicator, Int, Strategy\n\n\n"
        "class Above(Strategy):\n"
        '    """Long above the average."""\n\n'
        "    period = Int(20, low=2)\n"
        '    average = Indicator("SMA", timeperiod=period)\n\n'
        "    def on_bar(self, bar):\n"
        "        if bar.close > self.average.value and not self.position:\n"
        "            self.buy(10)\n"
        "        elif bar.close < self.average.value and self.position:\n"
        "            self.close()\n"
    )
    config = session_config(
        "ALPHA",
        first="2025-11-28",
        last="2025-11-28",
        strategies={"above": ("my_strategies:Above", {"period": 30})},
        name="own",
    )
    ran = demo.json("system", "start", demo.write("own.json", config))
    assert (ran["run"]["status"], ran["run"]["bars"]) == ("completed", 210)
    assert ran["run"]["metrics"]["fills"] > 0
    shown = typed(demo).ok("strategy", "show", "my_strategies:Above")
    assert "Long above the average." in shown


# ── mistakes ─────────────────────────────────────────────────────────────────


def changed(path: str, value: Any) -> dict[str, Any]:
    """A good config with one field changed."""
    config = session_config(
        "ALPHA",
        first="2025-11-06",
        last="2025-11-07",
        strategies={"cross": ("sma_cross", {})},
    )
    *parents, last = path.split(".")
    inner: Any = config
    for name in parents:
        inner = inner[int(name) if name.isdigit() else name]
    inner[last] = value
    return config


MISTAKES: dict[str, tuple[str | dict[str, Any], list[str]]] = {
    "not JSON": ("{", ["mistake.json"]),
    "unknown field": (changed("sesion_name", "x"), ["sesion_name", "session_name"]),
    "wrong type": (
        changed("backtest_config.prefetch_days", "two"),
        ["backtest_config.prefetch_days"],
    ),
    "removed field": (
        changed("session_data_config.data_streams", []),
        ["session_data_config.data_streams", "streams"],
    ),
    "unknown symbol": (
        changed("session_data_config.symbols", ["NOPE"]),
        ["session_data_config.symbols[0]", "NOPE", "ALPHA", "data import-csv"],
    ),
    "unknown strategy": (
        changed("strategies.0.class", "sma_crosss"),
        ["strategies[0].class", "sma_cross"],
    ),
    "module that is not there": (
        changed("strategies.0.class", "no_such_module:Mine"),
        ["strategies[0].class", "no_such_module"],
    ),
    "parameter out of bounds": (
        changed("strategies.0.parameters", {"fast": 1}),
        ["strategies[0]", "parameters.fast", "2"],
    ),
    "unknown parameter": (
        changed("strategies.0.parameters", {"fats": 5}),
        ["strategies[0]", "fats", "fast"],
    ),
    "parameters that do not go together": (
        changed("strategies.0.parameters", {"fast": 30, "slow": 30}),
        ["strategies[0]", "fast", "30"],
    ),
    "days without data": (
        changed("backtest_config.end_date", "2025-11-07")
        | {"backtest_config": {"start_date": "2024-01-02", "end_date": "2024-01-03"}},
        ["session_data_config.symbols[0]", "2024-01-02", "backtest_config"],
    ),
    "days without trading": (
        changed("session_name", "x")
        | {"backtest_config": {"start_date": "2025-11-08", "end_date": "2025-11-09"}},
        ["2025-11-08", "2025-11-09"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_config_gets_one_clear_message(
    name: str, demo: CommandLine, typed: Type
) -> None:
    config, words = MISTAKES[name]
    done = typed(demo).run("system", "start", demo.write("mistake.json", config))
    require_mistake(done, *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("system", "start", "nothing_here.json"), ["nothing_here.json", "does not exist"]),
        (("system", "start", "nothing_here"), ['"nothing_here"', "holds example_session"]),
        (("run", "honesty", "example_sesion"), ["example_sesion"]),
        (("strategy", "show", "sma_crosss"), ["sma_crosss", "sma_cross"]),
        (("data", "import-csv", "nothing.csv"), ["nothing.csv"]),
        (("data", "quality", "ALPHA", "--from", "yesterday"), ["yesterday", "YYYY-MM-DD"]),
        (("data", "export", "ALPHA", "out.xlsx"), ["out.xlsx", ".csv"]),
        (("run", "show", "zzz"), ["zzz", "run list"]),
    ],
)
def test_a_mistake_in_a_command_gets_one_clear_message(
    arguments: tuple[str, ...], words: list[str], demo: CommandLine, typed: Type
) -> None:
    require_mistake(typed(demo).run(*arguments), *words)


def test_a_mistake_ends_the_process_with_status_2(demo: CommandLine) -> None:
    config = demo.write("mistake.json", changed("strategies.0.class", "sma_crosss"))
    require_mistake(demo.run("system", "start", config), "strategies[0].class")


def require_mistake(done: Ended | subprocess.CompletedProcess[str], *words: str) -> None:
    """One line, or for a file of mistakes its name and a line for each: here there is one."""
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: ")
    lines = done.stderr.splitlines()
    assert len(lines) == (2 if lines[0].endswith(":") else 1), done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("data", "quality", "NOPE"), ("data", "export", "NOPE", "-"), ("run", "show", "ffffffff")],
)
def test_what_is_not_there_is_said_in_one_line(
    arguments: tuple[str, ...], demo: CommandLine, typed: Type
) -> None:
    done = typed(demo).run(*arguments)
    assert done.returncode in {1, 2}
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


def test_a_run_that_fails_has_status_1_and_says_where(demo: CommandLine, typed: Type) -> None:
    config = changed("strategies.0.class", "tests.session_strategies:Raises")
    config["strategies"][0]["parameters"] = {"on": 3}
    done = demo.run("system", "start", demo.write("raises.json", config))
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "the strategy's own mistake" in said
    assert "2025-11-06 09:33:00 EST" in said
    answer = json.loads(typed(demo).run("system", "start", "raises.json", "--json").stdout)
    assert (answer["state"], answer["run"]["status"]) == ("FAILED", "failed")
    log = (demo.data_dir / "logs" / "app.log").read_text()
    assert "ZeroDivisionError" in log
    assert "session_strategies.py" in log


@pytest.mark.parametrize(
    "arguments",
    [
        ("time", "now"),
        ("run", "list"),
        ("system", "start", "session_configs/example_session.json"),
        ("data", "quality", "ALPHA"),
    ],
)
def test_a_database_never_made_names_init_db(
    arguments: tuple[str, ...], tmp_path: Path, typed: Type
) -> None:
    require_mistake(typed(CommandLine(tmp_path)).run(*arguments), "init-db")


# ── speed ────────────────────────────────────────────────────────────────────


HEAVY = ("numpy", "pandas", "polars", "sqlalchemy", "talib", "pandas_market_calendars")
"""Each costs a good part of the 0.3 s that a line of help may take."""


@pytest.mark.parametrize("namespace", ["", "system", "data", "time", "strategy", "run"])
def test_help_loads_nothing_heavy(namespace: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "run_cli.py", *namespace.split(), "--help"],
        cwd=BACKEND,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage" in done.stdout
    assert "..." not in done.stdout.split("Commands:")[-1]  # every line of help fits
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert not loaded.intersection(HEAVY)


# ── make ─────────────────────────────────────────────────────────────────────

ROOT = BACKEND.parent


def recipes(folder: Path, *targets: str) -> str:
    """What make would run, also when these tests were themselves started by make."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", "--no-print-directory", *targets],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env=outside,
    )
    return done.stdout


def test_make_demo_and_test_do_what_they_say() -> None:
    assert "run_cli.py demo" in recipes(ROOT, "demo")
    steps = recipes(ROOT, "test")
    order = [steps.index(tool) for tool in ("ruff check", "bin/mypy", "lint-imports", "-m pytest")]
    assert order == sorted(order)
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("target", ["setup", "run-cli", "lint", "types", "contracts", "tests"])
def test_recipes_are_shared_by_both_makefiles(target: str) -> None:
    at_root = recipes(ROOT, target, "ARGS=time now").replace(str(BACKEND), "@")
    at_root = at_root.replace("cd backend", "cd .").replace("backend/", "./")
    here = recipes(BACKEND, target, "ARGS=time now").replace(str(BACKEND), "@")
    assert at_root.replace("./.venv", ".venv") == here.replace("./.venv", ".venv")
    for makefile in (ROOT / "Makefile", BACKEND / "Makefile"):
        assert f"\n{target}:" not in makefile.read_text()


def test_run_cli_passes_its_arguments() -> None:
    assert recipes(BACKEND, "run-cli", "ARGS=init-db").rstrip().endswith("run_cli.py init-db")
