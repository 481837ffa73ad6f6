"""Several strategies on one account: their own files, their own ledgers, their own ends."""

import json
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from app.cli.run_tables import render_run
from app.core.exceptions import ConfigurationError
from app.managers.system_manager.session_run import SessionRun
from app.threads.watchdog import Patience
from tests.system_fixtures import Installation, minutes, session_config

DAYS = [date(2024, 3, day) for day in (4, 5)]
COSTS = {
    "starting_cash": 10_000,
    "commission": {"model": "per_order", "rate": 2.0},
    "slippage": {"model": "none"},
}
DIP = """
from app.core.exceptions import StrategyError
from app.strategies import Int, Strategy


class Dip(Strategy):
    on = Int(3, low=1)

    def on_start(self):
        self.bars = 0

    def on_bar(self, bar):
        self.bars += 1
        if self.bars == 1:
            self.buy(20)
        if self.bars == self.on:
            raise StrategyError("no <idea> what to do")
"""


@pytest.fixture
def market(installation: Installation) -> Installation:
    """Minute m of day d closes at 100 + d + m / 1000; each bar opens at the close before."""
    installation.store("AAA", minutes(*DAYS))
    folder = installation.settings.data_dir.parent / "mine"
    folder.mkdir()
    (folder / "dip.py").write_text(DIP)
    installation.settings.strategies_dir = folder
    return installation


def config(**strategies: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return session_config(
        "AAA", first="2024-03-04", last="2024-03-05", strategies=strategies, execution=COSTS
    )


def buyer(**parameters: Any) -> tuple[str, dict[str, Any]]:
    return "tests.session_strategies:Buyer", parameters


def shown(record: Any, width: int = 80) -> str:
    text = StringIO()
    Console(file=text, width=width).print(render_run(record))
    return text.getvalue()


# ── ledgers ──────────────────────────────────────────────────────────────────


def test_each_strategy_has_its_ledger(market: Installation) -> None:
    """Bought 10 at the second bar's open, 100.000, and 5 at the fourth's, 100.002.

    The last close is 101.389, each order costs 2.
    """
    system = market.run(config(early=buyer(on=1), late=buyer(on=3, quantity=5.0)))
    early, late = system.result.strategy_ledgers.values()
    assert early.profit == pytest.approx(10 * 1.389 - 2)
    assert late.profit == pytest.approx(5 * 1.387 - 2)
    assert (early.cash_used, late.cash_used) == pytest.approx((1_002.0, 502.01))
    assert (early.cash_change, late.cash_change) == pytest.approx((-1_002.0, -502.01))
    assert [each.open_trades for each in (early, late)] == [1, 1]
    assert early.open_profit == pytest.approx(early.profit)
    assert early.realised == early.carry == 0.0
    assert early.profit + late.profit == pytest.approx(system.result.metrics["net_profit"])
    by_strategy = system.result.strategy_metrics
    assert by_strategy["early"]["net_profit"] == pytest.approx(early.profit)
    assert by_strategy["late"]["commission"] == 2.0
    table = pl.read_parquet(Path(system.record.folder) / "strategy_equity.parquet")
    assert table.columns == ["time", "early", "late"]
    # The first bar ends with nothing held, the second with 10 bought at its open and 0.001 up.
    assert table["early"].head(2).to_list() == pytest.approx([0.0, 0.01 - 2.0])
    assert table.select(pl.sum_horizontal("early", "late"))[:, 0].to_numpy() == pytest.approx(
        system.result.equity_curve.equity - 10_000
    )


def test_ledgers_show_in_files_record_and_terminal(market: Installation) -> None:
    record = market.run(config(early=buyer(on=1), late=buyer(on=3, quantity=4.0))).record
    written = json.loads((Path(record.folder) / "metrics.json").read_text())
    for strategy in record.strategies:
        assert strategy["ledger"] == written["strategy_ledgers"][strategy["name"]]
        assert strategy["ended"] is None
    assert written["strategy_metrics"]["early"]["fills"] == 1
    report = (Path(record.folder) / "report.html").read_text()
    assert "<h2>Strategies</h2>" in report
    lines = [line.split() for line in shown(record).splitlines()]
    assert ["early", "11.89", "11.89", "2.00", "1,002.00", "1", "0"] in lines
    assert ["late", "3.55", "3.55", "2.00", "402.01", "1", "0"] in lines
    assert ["account", "15.44", "4.00", "2", "0"] in lines


# ── one is ended, the others run on ──────────────────────────────────────────


def test_one_that_raises_and_one_that_loops_are_ended_and_the_run_says_so(
    market: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SessionRun.__init__.__kwdefaults__, "patience", Patience(call_s=0.5))
    system = market.run(
        config(
            dip=("dip.py:Dip", {}),
            loops=("tests.session_strategies:Loops", {}),
            late=buyer(on=400),
        )
    )
    record = system.record
    assert (system.state, record.status) == ("STOPPED", "completed")
    assert record.bars == 780
    ended = {each["name"]: each["ended"] for each in record.strategies}
    raised = "StrategyError: no <idea> what to do (raised when the run was at 2024-03-04 09:33:00"
    assert ended["dip"].startswith(raised)
    assert "StrategyHungError" in ended["loops"]
    assert ended["late"] is None
    assert system.result.info.ended == {name: ended[name] for name in ("dip", "loops")}
    for name in ("dip", "loops"):
        assert f"strategy {name} was ended: {ended[name]}" in record.reason
        assert f"Strategy {name} was ended: {ended[name]}" in repr(system.result)
    assert market.records()[0].strategies == record.strategies
    report = (Path(record.folder) / "report.html").read_text()
    assert "Strategy dip was ended: StrategyError: no &lt;idea&gt; what to do" in report
    assert json.loads((Path(record.folder) / "metrics.json").read_text())["ended"] == {
        name: ended[name] for name in ("dip", "loops")
    }
    text = " ".join(shown(record, 200).split())
    assert f"dip was ended: {ended['dip']}" in text
    # what the ended one held is still the account's, and in its own ledger
    ledgers = system.result.strategy_ledgers
    assert [ledgers[name].fills for name in ("dip", "loops", "late")] == [1, 0, 1]
    assert ledgers["dip"].profit == pytest.approx(20 * 1.389 - 2)


def test_the_only_one_that_raises_fails_the_run(market: Installation) -> None:
    system = market.run(config(dip=("dip.py:Dip", {})))
    assert (system.state, system.record.status) == ("FAILED", "failed")
    assert "no <idea> what to do" in system.record.reason
    assert system.record.strategies[0]["ended"].startswith("StrategyError: no <idea>")
    report = (Path(system.record.folder) / "report.html").read_text()
    assert "Strategy dip was ended: StrategyError" in report


# ── from the folder ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("class_", "parameters", "told"),
    [
        ("dip.py:Dipp", {}, "class: strategy 'dip.py:Dipp': there is no class 'Dipp' in it"),
        ("dop.py:Dip", {}, "there is no file dop.py in"),
        ("sub/../dip.py:Dip", {}, "strategies[0].class"),
        ("dip.py:Dip", {"on": 0}, "strategies[0]: strategy it: parameters.on: 0 is not accepted"),
    ],
)
def test_a_mistake_starts_nothing(
    class_: str, parameters: dict[str, Any], told: str, market: Installation
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        market.run(config(it=(class_, parameters)))
    assert told in str(caught.value)
    assert market.records() == ()


def test_a_file_further_down_in_the_folder(market: Installation) -> None:
    folder = market.settings.strategies_dir
    (folder / "dips").mkdir()
    (folder / "dips" / "first-dip.py").write_text(DIP)
    record = market.run(config(dip=("dips/first-dip.py:Dip", {"on": 999}))).record
    assert (record.status, record.strategies[0]["class"]) == ("completed", "dips/first-dip.py:Dip")


def test_a_changed_file_is_what_the_next_session_runs(market: Installation) -> None:
    path = market.settings.strategies_dir / "dip.py"
    system = market.run(config(dip=("dip.py:Dip", {"on": 999})))
    assert system.result.strategy_ledgers["dip"].cash_used == pytest.approx(20 * 100.0 + 2)
    path.write_text(DIP.replace("self.buy(20)", "self.buy(30)"))
    system.start(config(dip=("dip.py:Dip", {"on": 999})))
    assert system.wait(30)
    assert system.result.strategy_ledgers["dip"].cash_used == pytest.approx(30 * 100.0 + 2)
