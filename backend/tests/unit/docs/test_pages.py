"""The documentation is true: its code runs, its names exist, its links lead somewhere."""

import importlib
import json
import math
import re
import tomllib

import pytest

from app.core.exceptions import LookAheadError
from app.core.orders import TRANSITIONS
from app.research import run_backtest
from app.strategies import Bars, Indicator, Strategy
from app.strategies.registry import SHIPPED, load_strategy
from tests.unit.docs.conftest import REPOSITORY, blocks

PAGES = (
    "README.md",
    "CHANGELOG.md",
    *sorted(str(page.relative_to(REPOSITORY)) for page in (REPOSITORY / "docs").rglob("*.md")),
)


def text_of(page):
    return (REPOSITORY / page).read_text(encoding="utf-8")


def anchors(page):
    titles = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


# ── every page ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    folder = (REPOSITORY / page).parent
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text_of(page)):
        path, _, anchor = target.partition("#")
        linked = (folder / path).resolve() if path else REPOSITORY / page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.relative_to(REPOSITORY)), target


@pytest.mark.parametrize("page", PAGES)
def test_named_code_exists(page):
    for dotted in set(re.findall(r"`(app(?:\.\w+)+)`", text_of(page))):
        module, _, name = dotted.rpartition(".")
        try:
            importlib.import_module(dotted)
        except ModuleNotFoundError:
            assert hasattr(importlib.import_module(module), name), dotted


@pytest.mark.parametrize("page", PAGES)
def test_named_files_exist(page):
    for path in set(
        re.findall(r"`((?:app|backend|docs|examples|benchmarks)/[\w./-]*)`", text_of(page))
    ):
        root = REPOSITORY / "backend" if path.startswith("app/") else REPOSITORY
        made = (
            "backend/data",
            "backend/validation",
            "backend/.venv",
            "backend/user_strategies",
            "benchmarks/.",
        )
        made_by_running = path.startswith(made)
        assert made_by_running or (root / path).exists(), path


# ── the walk ─────────────────────────────────────────────────────────────────


def test_the_report_of_honesty_is_as_the_page_says(read_page, capsys):
    names = read_page("docs/costs.md")
    assert capsys.readouterr().out.startswith(f"honesty of {names['SmaCross'].__name__}")


def test_a_bar_lives_as_its_page_says(read_page, market_db):
    names = read_page("docs/life_of_a_bar.md", db=market_db)
    assert "after" in names  # the page's own assertions have been passed, to the last


def test_the_walk_names_every_thread_and_stage():
    page = text_of("docs/life_of_a_bar.md")
    for name in (
        *("SessionCoordinator", "DataProcessor", "DataQualityManager", "AnalysisEngine"),
        *("Slab", "Batch", "SessionData", "Stepper", "SimulatedExchange", "Ledger", "RunLog"),
    ):
        assert f".{name}`" in page, name


# ── strategies ───────────────────────────────────────────────────────────────


@pytest.fixture
def strategies_page(read_page):
    return read_page("docs/strategies.md")


def test_every_strategy_of_the_page_trades(strategies_page):
    written = {
        name: value
        for name, value in strategies_page.items()
        if isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy
    }
    assert set(written) >= {"Cross", "WokenCross", "Fader", "Aligned", "Strongest", "Dip"}
    bars = {
        symbol: strategies_page["pl"].read_parquet(f"backend/data/bars/1m/{symbol}/*.parquet")
        for symbol in ("ALPHA", "BRAVO", "CHARLIE")
    }
    for name, strategy in written.items():
        if name != "Rush":
            assert run_backtest(strategy, bars).metrics["fills"] > 1, name


def test_woken_and_per_bar_are_the_same_strategy(strategies_page):
    """The two crosses of the page differ in how they are called, not in what they do."""
    bars, per_bar = strategies_page["bars"], strategies_page["Cross"]
    woken = run_backtest(strategies_page["WokenCross"], bars)
    assert woken.metrics["fills"] == run_backtest(per_bar, bars).metrics["fills"]


def test_asking_for_the_future_is_refused(strategies_page):
    refused = []

    class Peek(Strategy):
        average = Indicator("SMA", timeperiod=5)
        minutes = Bars("1m")

        def on_bar(self, bar):
            for ask in (
                lambda: self.average[0],
                lambda: self.average.last(0),
                lambda: self.minutes.last(-1),
            ):
                with pytest.raises(LookAheadError):
                    ask()
            with pytest.raises(ValueError, match="read-only"):
                self.minutes.close[-1] = 1.0
            with pytest.raises(IndexError):
                self.minutes.close[len(self.minutes)]
            assert self.minutes.close[-1] == bar.close
            refused.append(bar.time)

    run_backtest(Peek, strategies_page["bars"][:400])
    assert len(refused) == 400


def test_order_states_are_those_of_the_table():
    rows = re.findall(r"^\| `(\w+)`[^|]*\| (`.*) \|$", text_of("docs/strategies.md"), re.MULTILINE)
    told = {status: set(re.findall(r"`(\w+)`", following)) for status, following in rows}
    assert told == {s: set(following) for s, following in TRANSITIONS.items() if following}


def test_every_shipped_strategy_says_when_it_loses():
    page = text_of("docs/strategies.md").split("## Shipped strategies")[1]
    for name in SHIPPED:
        assert f"`{name}`" in page
        module = importlib.import_module(load_strategy(name).__module__)
        assert "When it loses:" in module.__doc__


# ── simulation ───────────────────────────────────────────────────────────────


def test_the_cost_example_runs(read_page):
    assert read_page("docs/simulation.md")["real"].metrics["commission"] > 0


def test_costs_in_configs_build_the_models_beside_them():
    from app.core import costs
    from app.models.session_config import read_session_config

    example = json.loads((REPOSITORY / "backend/session_configs/example_session.json").read_text())
    rows = re.findall(r"\| `(\{.*?\})` \| `(\w+\(.*?\))` \|", text_of("docs/costs.md"))
    assert len(rows) == 8 + 7
    for config, python in rows:
        names = {**vars(costs), "math": math, "seed": 0}
        model = eval(python, names)  # noqa: S307  # our own page
        kind = "slippage" if "Slippage" in python else "commission"
        execution = example["execution"] | {kind: json.loads(config)}
        read = read_session_config(example | {"execution": execution})
        assert getattr(read.execution, kind).build() == model


# ── architecture ─────────────────────────────────────────────────────────────


def test_the_layers_are_those_the_contract_checks():
    project = tomllib.loads((REPOSITORY / "backend/pyproject.toml").read_text())
    contract = project["tool"]["importlinter"]["contracts"][0]["layers"]
    drawn = re.findall(
        r"^([a-z_ |]+?)(?: {2,}.*)?$", blocks("docs/architecture.md", "text")[0], re.MULTILINE
    )
    assert drawn == [re.sub(r"[()]", "", layer) for layer in contract]
