"""Strategies from files and modules, and what is said for each way of getting it wrong."""

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from app.core.exceptions import ConfigurationError
from app.core.strategy import Strategy
from app.services.simulation.plan import StrategyEntry
from app.strategies.registry import SHIPPED, load_strategy, strategies_in

GOOD = """
from app.strategies import Indicator, Int, Strategy

class Good(Strategy):
    period = Int(10, low=2, high=50)
    average = Indicator("SMA", timeperiod=period)

    def on_bar(self, bar):
        self.buy(1)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path / "mine"


def write(folder: Path, text: str, file: str = "my_file.py") -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")


def refusal(name: str, folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_strategy(name, folder)
    message = str(caught.value)
    assert message.startswith(f"strategy {name!r}")
    assert "\n" not in message
    return message


# ── what works ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_strategies_are_sound(name: str) -> None:
    assert issubclass(load_strategy(name), Strategy)


@pytest.mark.parametrize("file", ["my_file.py", "trend/following-1.py"])
def test_a_file_of_the_folder(file: str, folder: Path) -> None:
    write(folder, GOOD, file)
    found = load_strategy(f"{file}:Good", folder)
    assert found.__name__ == "Good"
    assert load_strategy(f"{file}:Good", folder) is found


def test_a_changed_file_is_read_again(folder: Path) -> None:
    write(folder, GOOD)
    before = load_strategy("my_file.py:Good", folder)
    write(folder, GOOD.replace("Int(10", "Int(11"))  # as long, and within the same second
    after = load_strategy("my_file.py:Good", folder)
    assert (before().period, after().period) == (10, 11)


def test_files_import_what_lies_beside_them(folder: Path) -> None:
    write(folder, "SIZE = 7", "sizes_of_mine.py")
    write(folder, f"from sizes_of_mine import SIZE\n{GOOD}")
    assert load_strategy("my_file.py:Good", folder).on_bar.__globals__["SIZE"] == 7


def test_a_module(folder: Path) -> None:
    assert load_strategy("tests.session_strategies:Idle", folder).__name__ == "Idle"


def test_the_folder_is_made_when_it_is_asked_for(folder: Path) -> None:
    assert "there is no file my_file.py in" in refusal("my_file.py:Good", folder)
    assert folder.is_dir()


def test_everything_in_a_folder(folder: Path) -> None:
    write(folder, GOOD)
    write(folder, GOOD.replace("Good", "Other"), "sub/other.py")
    write(folder, "SIZE = 7", "helpers.py")
    write(folder, "def on_bar(:", "broken.py")
    write(folder, GOOD + "\nclass Both(Good):\n    def on_slice(self, bars): ...", "both.py")
    write(folder, "raise SystemExit", "_private.py")
    found = strategies_in(folder)
    assert list(found.strategies) == ["both.py:Good", "my_file.py:Good", "sub/other.py:Other"]
    assert list(found.problems) == ["both.py:Both", "broken.py"]
    assert strategies_in(folder / "none").strategies == {}


# ── each way of getting it wrong: the place ──────────────────────────────────


def test_no_such_word(folder: Path) -> None:
    assert "is not shipped; did you mean sma_cross?" in refusal("sma_cros", folder)
    assert "is not shipped. There are sma_cross, macd" in refusal("zzz", folder)


def test_no_class_named(folder: Path) -> None:
    assert "names no class: write my_file.py:ClassName" in refusal("my_file.py", folder)


def test_no_such_file(folder: Path) -> None:
    write(folder, GOOD)
    message = refusal("my_fil.py:Good", folder)
    assert f"no file my_fil.py in {folder}; did you mean my_file.py?" in message
    assert "The folder has my_file.py" in message


@pytest.mark.parametrize("file", ["../outside.py", "/outside.py"])
def test_outside_the_folder(file: str, folder: Path) -> None:
    write(folder.parent, GOOD, "outside.py")
    assert "lies outside the strategies folder" in refusal(f"{file}:Good", folder)


def test_a_folder_instead_of_a_file(folder: Path) -> None:
    (folder / "sub.py").mkdir(parents=True)
    assert "sub.py cannot be read: Is a directory" in refusal("sub.py:Good", folder)


@pytest.mark.parametrize(
    ("name", "missing"),
    [("nowhere:Good", "nowhere"), ("nowhere.at.all:Good", "nowhere"), ("app.none:X", "app.none")],
)
def test_no_such_module(name: str, missing: str, folder: Path) -> None:
    assert f"module {missing!r} is not found" in refusal(name, folder)


# ── the code ─────────────────────────────────────────────────────────────────


def test_a_syntax_error_with_its_line(folder: Path) -> None:
    write(folder, "from app.strategies import Strategy\n\nclass Bad(Strategy)\n    pass")
    message = refusal("my_file.py:Bad", folder)
    assert "my_file.py, line 3: syntax error: expected ':': class Bad(Strategy)" in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\nimport nowhere", "my_file.py, line 2: ModuleNotFoundError while importing: No module"),
        ("from app.strategies import Strat", "line 1: ImportError while importing: cannot import"),
        ("x = 1\n\nx / 0", "my_file.py, line 3: ZeroDivisionError while importing: division"),
        ("import sys\nsys.exit('no')", "my_file.py, line 2: SystemExit while importing: no"),
        ("from app.strategies import BarInterval\nBarInterval('7q')", "my_file.py, line 2: "),
    ],
)
def test_an_error_while_importing_with_its_line(text: str, told: str, folder: Path) -> None:
    write(folder, text)
    assert told in refusal("my_file.py:Bad", folder)


def test_an_error_in_a_file_beside(folder: Path) -> None:
    write(folder, "\n1 / 0", "beside_with_error.py")
    write(folder, "import beside_with_error")
    assert "beside_with_error.py, line 2: ZeroDivisionError" in refusal("my_file.py:X", folder)


def test_a_module_that_fails(folder: Path) -> None:
    write(folder, "\n\nimport nowhere", "failing_module.py")
    sys.path.append(str(folder))
    assert "failing_module.py, line 3: ModuleNotFoundError" in refusal("failing_module:X", folder)


def test_no_such_class(folder: Path) -> None:
    write(folder, GOOD)
    message = refusal("my_file.py:Goood", folder)
    assert "no class 'Goood' in it; did you mean Good? its strategies are Good" in message


def test_not_a_strategy(folder: Path) -> None:
    write(folder, GOOD + "\nclass Plain:\n    def on_bar(self, bar): ...")
    message = refusal("my_file.py:Plain", folder)
    assert "'Plain' is not a strategy: derive it from app.strategies.Strategy" in message


# ── the class ────────────────────────────────────────────────────────────────

HEAD = """
from app.strategies import BarInterval, Bars, Choice, Float, Indicator, Int, Strategy

class Bad(Strategy):
"""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("pass", "must override exactly one of on_bar"),
        ("def on_bar(self, bar): ...\ndef on_slice(self, bars): ...", "must override exactly one"),
        ("def on_bar(self): ...", "on_bar must be written as def on_bar(self, bar)"),
        ("on_bar = 3", "on_bar is 3: write it as a method"),
        ("async def on_bar(self, bar): ...", "on_bar must be a plain method"),
        ("def on_bar(self, bar):\n    yield 1", "on_bar must be a plain method"),
        ("def on_order(self): ...", "on_order must be written as def on_order(self, order)"),
        ("def __init__(self, n): ...", "Bad must not replace __init__"),
        ("position = Int(3)", "parameter position has a meaning on every strategy"),
        ("buy = Indicator('SMA', timeperiod=3)", "indicator buy has a meaning on every strategy"),
        ("orders = Bars('1h')", "bars orders has a meaning on every strategy"),
        ("def sell(self): ...", "sell has a meaning on every strategy"),
        ("symbols = ('A',)", "symbols has a meaning on every strategy"),
        ("interval = Indicator('SMA')", "interval is the strategy's bar length"),
        ("n = Int(3)\nn = Float(4.0)", "n is defined twice in Bad, in lines 5 and 6"),
        ("def on_start(self): ...\ndef on_start(self): ...", "on_start is defined twice in Bad"),
        (
            "n = Int(3)\nn = Indicator('SMA', timeperiod=n)",
            "indicator n uses a parameter that has no name: declare it in the class body",
        ),
        ("n = Indicator('SMA', timeperiod=Int(3))", "uses a parameter that has no name"),
        ("n = Int(1, low=2)", "the default of n: 1 is not accepted; give a whole number of 2"),
        ("n = Choice('c', ('a', 'b'))", "the default of n: 'c' is not accepted; give one of a, b"),
    ],
)
def test_a_class_that_is_not_as_it_has_to_be(body: str, told: str, folder: Path) -> None:
    has_call = "on_bar" in body or body == "pass"
    lines = body.splitlines() + ([] if has_call else ["def on_bar(self, bar): ..."])
    write(folder, HEAD + "\n".join(f"    {line}" for line in lines))
    assert told in refusal("my_file.py:Bad", folder)


def test_what_is_allowed(folder: Path) -> None:
    write(
        folder,
        HEAD
        + """
    interval = "5m"
    length = Int(3, low=2)
    average = Indicator("SMA", interval="1h", timeperiod=length)
    size: float = 3.0

    def __init__(self, **parameters):
        super().__init__(**parameters)

    @property
    def double(self):
        return 2 * self.size

    @double.setter
    def double(self, value):
        self.size = value / 2

    def on_bar(self, bar, extra=None): ...

class Shorter(Bad):
    length = Int(2, low=2)
    average = Indicator("EMA", timeperiod=length)
""",
    )
    assert load_strategy("my_file.py:Bad", folder)().double == 6.0
    assert load_strategy("my_file.py:Shorter", folder)().length == 2


def test_all_mistakes_at_once(folder: Path) -> None:
    write(folder, HEAD + "    buy = Int(1)\n    n = Int(1, low=2)")
    with pytest.raises(ConfigurationError) as caught:
        load_strategy("my_file.py:Bad", folder)
    assert len(caught.value.problems) == 3


# ── the parameters ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"period": 1}, "parameters.period: 1 is not accepted; give a whole number from 2 to 50"),
        ({"period": 3.0}, "parameters.period: 3.0 is not accepted"),
        ({"perod": 3}, "parameters.perod: no such parameter; there are interval, period"),
    ],
)
def test_parameters_out_of_bounds(parameters: dict, told: str, folder: Path) -> None:
    write(folder, GOOD)
    good = load_strategy("my_file.py:Good", folder)
    entry = StrategyEntry(name="mine", strategy=good, symbols=("A",), parameters=parameters)
    with pytest.raises(ConfigurationError) as caught:
        entry.instances()
    assert f"strategy mine: {told}" in str(caught.value)
