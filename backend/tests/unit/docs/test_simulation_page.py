"""The tables of the page on simulation, executed line by line."""

import re
from typing import Any

import pytest

from app.core.orders import Order
from app.core.strategy import Strategy
from tests.engine_bars import FLAT, play
from tests.unit.docs.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs/simulation.md").read_text(encoding="utf-8")
NUMBERS = r"([\d.]+) \| " * 3 + r"([\d.]+)"
ONE_ORDER = re.findall(rf"^\| `(.*?)` \| {NUMBERS} \| ([\d.]+|–) \|$", PAGE, re.MULTILINE)
ONE_BAR = re.findall(
    r"^\| (-?\d) \| (`.*`) \| ([\d. ]+) \| ([\d. ]*)\| (.*) \|$", PAGE, re.MULTILINE
)


def send(strategy: Strategy, calls: list[str]) -> None:
    """Make the calls of a line of the page, with the strategy's own words."""

    def oco(*orders: Order) -> None:
        strategy.one_cancels_other(*orders)

    words: dict[str, Any] = {"buy": strategy.buy, "sell": strategy.sell, "oco": oco}
    for call in calls:
        eval(call, words)  # noqa: S307  # our own page


def traded(held: int, calls: list[str], bars: list[tuple[float, ...]]) -> list[list[str]]:
    """What the calls trade in each of `bars`, in the words of the page."""
    script = {1: lambda s: send(s, calls)}
    if held:
        script[0] = lambda s: (s.buy if held > 0 else s.sell)(abs(held))
    log = play([FLAT, FLAT, *bars], script, sessions=1).log.fills
    columns = zip(log.bar_end_ns.tolist(), log.quantity.tolist(), log.price.tolist(), strict=True)
    ends = play([FLAT, FLAT, *bars], {}, sessions=1).log.bars["SYMBOL"].end_ns.tolist()
    told: list[list[str]] = [[] for _ in ends]
    for end_ns, quantity, price in columns:
        units = "" if abs(quantity) == 1 else f"{abs(quantity):g} "
        word = "buy" if quantity > 0 else "sell"
        told[ends.index(end_ns)].append(f"{word} {units}at {price:g}")
    return told[2:]


def test_all_lines_are_read() -> None:
    assert len(ONE_ORDER) == 53
    assert len(ONE_BAR) == 29


@pytest.mark.parametrize("line", ONE_ORDER, ids=lambda line: f"{line[0]} in {' '.join(line[1:5])}")
def test_an_order_trades_as_the_page_says(line: tuple[str, ...]) -> None:
    call, *bar, price = line
    side = call.partition("(")[0]
    expected = [] if price == "–" else [f"{side} at {price}"]
    assert traded(0, [call], [tuple(map(float, bar))]) == [expected]


@pytest.mark.parametrize("line", ONE_BAR, ids=lambda line: " ".join(line[:4]))
def test_a_bar_goes_as_the_page_says(line: tuple[str, ...]) -> None:
    held, calls, first, second, trades = line
    bars = [tuple(map(float, bar.split())) for bar in (first, second) if bar.strip()]
    expected = [
        [] if one.strip() == "–" else [trade.strip() for trade in one.split(",")]
        for one in trades.split(";")
    ]
    given = traded(int(held), re.findall(r"`(.*?)`", calls), bars)
    assert given[: len(expected)] == expected
    assert not any(given[len(expected) :])
