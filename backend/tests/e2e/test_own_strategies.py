"""A strategy of the user's own, from its file to the report, by command."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command_line import CommandLine, Typed
from tests.system_fixtures import session_config

GIVES_UP = """
from app.strategies import Int, Strategy


class GivesUp(Strategy):
    '''Buys, and raises on its tenth bar.'''

    quantity = Int(10, low=1, high=100, help="Units to buy.")

    def on_start(self):
        self.bars = 0

    def on_bar(self, bar):
        self.bars += 1
        if self.bars == 1:
            self.buy(self.quantity)
        if self.bars == 10:
            raise RuntimeError("enough of this")
"""


@pytest.fixture
def line(
    cli: CommandLine,
    shared_data: Path,
    typed: Callable[[CommandLine], Typed],
    monkeypatch: pytest.MonkeyPatch,
) -> Typed:
    """AAPL is imported; the folder of strategies has one that works and one that cannot."""
    folder = cli.home / "mine"
    folder.mkdir()
    (folder / "gives_up.py").write_text(GIVES_UP)
    (folder / "half_written.py").write_text("class Half(Strategy:\n")
    monkeypatch.setenv("STRATEGIES_DIR", str(folder))
    line = typed(cli)
    line.ok("data", "import-csv", str(shared_data / "stockcharts/us_equity_1m_AAPL_2016.csv.gz"))
    return line


def config(own: str) -> dict:
    strategies = {"mine": (own, {}), "macd": ("macd", {"interval": "5m"})}
    return session_config("AAPL", first="2016-04-18", last="2016-04-19", strategies=strategies)


def test_list_and_show_know_the_folder(line: Typed) -> None:
    listed = line.json("strategy", "list")
    assert [each["name"] for each in listed][-2:] == ["momentum", "gives_up.py:GivesUp"]
    assert "half_written.py, line 1: syntax error: invalid syntax: class Half" in line.ok(
        "strategy", "list"
    )
    about = line.ok("strategy", "show", "gives_up.py:GivesUp")
    assert "Buys, and raises on its tenth bar." in about
    assert "Units to buy." in about


def test_a_strategy_that_gives_up_is_named_by_every_command(line: Typed) -> None:
    said = "mine was ended: RuntimeError: enough of this (raised when the run was at 2016-04-18"
    output = line.ok("system", "start", line.line.write("own.json", config("gives_up.py:GivesUp")))
    assert said in " ".join(output.split())
    (run,) = line.json("run", "list")
    assert run["status"] == "completed"
    assert said in " ".join(line.ok("run", "show", run["id"]).split())
    shown = line.json("run", "show", run["id"])
    assert [each["name"] for each in shown["strategies"] if each["ended"]] == ["mine"]
    assert said in (Path(run["folder"]) / "report.html").read_text()


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ("gives_up.py:GiveUp", "there is no class 'GiveUp' in it; did you mean GivesUp?"),
        ("give_up.py:GivesUp", "there is no file give_up.py in"),
        ("half_written.py:Half", "half_written.py, line 1: syntax error"),
    ],
)
def test_a_mistake_is_told_and_nothing_starts(own: str, told: str, line: Typed) -> None:
    ended = line.run("system", "start", line.line.write("own.json", config(own)))
    assert ended.returncode == 2
    assert told in " ".join(ended.stderr.split())
    assert line.json("run", "list") == []
