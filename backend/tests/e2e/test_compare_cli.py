"""`run compare`, `run validate`, `run report` and `run replay`, as a user types them."""

import csv
import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.services.market_data.parquet_storage import ParquetStorage
from tests.command_line import CommandLine, Typed
from tests.system_fixtures import minutes, session_config

DAYS = [date(2024, 3, day) for day in (4, 5)]


def config(**parameters: Any) -> dict[str, Any]:
    strategies = {"buyer": ("tests.session_strategies:Buyer", parameters)}
    return session_config("AAA", first="2024-03-04", last="2024-03-05", strategies=strategies)


@pytest.fixture
def line(cli: CommandLine, typed: Callable[[CommandLine], Typed]) -> Typed:
    """Three runs of one session: the third buys on bar 5 instead of bar 2."""
    ParquetStorage(cli.data_dir / "bars").write("AAA", minutes(*DAYS))
    made = typed(cli)
    for number, bar in enumerate((2, 2, 5)):
        made.ok("system", "start", cli.write(f"{number}.json", config(on=bar)))
    return made


def ids(line: Typed) -> list[str]:
    """Oldest first."""
    return [run["id"] for run in reversed(line.json("run", "list"))]


def test_equal_runs_are_said_to_be(line: Typed) -> None:
    first, second, _ = ids(line)
    told = line.ok("run", "compare", first[:8], second)
    assert "Settings: the same" in told
    assert "Orders: equal, 1 rows" in told
    assert "Bars: equal, 780 rows" in told
    found = line.json("run", "compare", first, second)
    assert (found["same_orders"], found["same_data"], found["settings"]) == (True, True, [])
    assert {each["delta"] for each in found["figures"]} <= {0.0, None}
    assert "Bars: equal, 780 rows" in line.ok("run", "validate", first, second)


def test_the_first_difference_of_runs_is_pointed_at(line: Typed) -> None:
    first, _, third = ids(line)
    told = line.ok("run", "compare", first, third)
    assert "strategies[0].parameters.on" in told
    assert max(map(len, told.splitlines())) <= 120
    found = line.json("run", "compare", first, third)
    assert [(each["a"], each["b"]) for each in found["settings"]] == [(2, 5)]
    # Bar 2 ends at 09:32, bar 5 at 09:35; each fills at the next minute's open.
    order = found["tables"]["orders"]["first"]
    assert (order["row"], order["column"]) == (0, "submitted_at")
    assert ("14:32" in order["a"], "14:35" in order["b"]) == (True, True)
    # The position is there from the end of the minute of the fill on.
    bar = found["tables"]["bars"]["first"]
    assert (bar["row"], bar["column"], bar["a"], bar["b"]) == (2, "position", "10.0", "0.0")
    assert bar["named"]["time"].startswith("2024-03-04T09:32")
    done = line.run("run", "validate", first, third)
    assert done.returncode == 1
    assert "first at row 3 (time 2024-03-04T09:32" in done.stdout
    assert "position: A 10.0, B 0.0" in done.stdout


def test_a_run_against_a_pinned_file(line: Typed) -> None:
    first = line.json("run", "show", ids(line)[0])
    pinned = line.home / "pinned.csv"
    shutil.copy(Path(first["folder"]) / "validation.csv", pinned)
    assert "Bars: equal" in line.ok("run", "validate", first["id"], str(pinned))
    with pinned.open() as lines:
        rows = list(csv.reader(lines))
    rows[400][rows[0].index("close")] = "1.25"
    with pinned.open("w", newline="") as lines:
        csv.writer(lines).writerows(rows)
    done = line.run("run", "validate", first["id"], str(pinned), "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["is_equal"], found["different_rows"]) == (1, False, 1)
    assert (found["first"]["row"], found["first"]["column"]) == (399, "close")
    assert found["first"]["b"] == "1.25"
    assert (
        line.run("run", "validate", first["id"], str(pinned), "--tolerance", "200").returncode == 0
    )
    metrics = str(Path(first["folder"]) / "metrics.json")
    assert line.json("run", "compare", first["id"], metrics)["same_orders"] is True


def test_what_cannot_be_compared_is_said(line: Typed) -> None:
    first, _, third = (line.json("run", "show", each) for each in ids(line))
    Path(third["folder"], "fills.parquet").unlink()
    Path(third["folder"], "fills.csv").unlink()
    told = line.ok("run", "compare", first["id"], third["id"])
    assert "Fills: NOT compared, B left no such file or it is gone\n" in told
    assert "Orders: 1 of 1 rows differ" in told
    shutil.rmtree(first["folder"])
    told = line.ok("run", "compare", first["id"], third["id"])
    assert "Orders: NOT compared, A left no such file or it is gone\n" in told
    assert "Fills: NOT compared, A and B left no such file or it is gone\n" in told
    assert "Bars: NOT compared, A left no such file or it is gone\n" in told
    assert "What the database has of orders and fills is not compared" in told


def test_a_report_is_found_and_made_again(line: Typed) -> None:
    first = line.json("run", "show", ids(line)[0])
    report = Path(first["folder"]) / "report.html"
    assert line.ok("run", "report", first["id"][:8]).strip() == str(report)
    assert f"report      {report}\n" in line.ok("run", "show", first["id"])
    shutil.rmtree(first["folder"])
    told = line.ok("run", "show", first["id"])
    gone = f"not there any more ({report}): `run report {first['id'][:8]}` runs it again"
    assert f"report      {gone}\n" in told
    assert f"files       not there any more ({report.parent})\n" in told
    told = line.ok("run", "report", first["id"])
    assert "with the same orders" in told
    again = Path(told.splitlines()[-1])
    assert again.is_file()
    assert again != report
    newest = line.json("run", "list")[0]
    assert (newest["order_hash"], newest["folder"]) == (first["order_hash"], str(again.parent))


def test_a_run_is_replayed_on_the_bars_of_now(line: Typed) -> None:
    first = line.json("run", "show", ids(line)[0])
    told = line.json("run", "replay", first["id"])
    assert (told["is_equal"], told["run"]["order_hash"]) == (True, first["order_hash"])
    assert told["run"]["id"] == line.json("run", "list")[0]["id"] != first["id"]
    ParquetStorage(line.home / "data" / "bars").write("AAA", minutes(*DAYS, close=lambda *_: 50.0))
    done = line.run("run", "replay", first["id"][:8])
    again = line.json("run", "list")[0]
    assert done.returncode == 1
    assert done.stdout == (
        f"{first['id'][:8]} {again['id'][:8]}: OTHER orders; where they part: run validate\n"
    )


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("run", "compare", "abc", "abc"), 1, "there is no run abc"),
        (("run", "compare", "no/such", "abc"), 1, "there is no run at no/such"),
        (("run", "validate", "no.csv", "no.csv"), 1, "there is no file no.csv"),
        (("run", "report", "zz"), 2, "is not hexadecimal"),
    ],
)
def test_what_is_not_there_is_said(
    cli: CommandLine,
    typed: Callable[[CommandLine], Typed],
    arguments: tuple[str, ...],
    status: int,
    words: str,
) -> None:
    done = typed(cli).run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr.replace("\n", " ")
