"""Positions, cash, equity and buying power as a strategy sees them, against arithmetic."""

import pytest

from app.core.costs import PerOrder
from app.research import run_backtest
from tests.engine_bars import closes, grid, play, scripted


def seen_positions(actions: dict, prices: list[float]) -> list[tuple[float, float]]:
    """Quantity and average price at the close of each minute, before the minute's action."""
    seen = []

    def at(minute: int) -> object:
        def act(strategy: object) -> object:
            seen.append((strategy.position.quantity, strategy.position.average_price))
            return actions[minute](strategy) if minute in actions else None

        return act

    rows = [(price,) * 4 for price in prices]
    play(rows, {minute: at(minute) for minute in range(len(prices))}, cash=1_000_000.0)
    return seen


def test_adding_averages_the_price_and_reducing_keeps_it() -> None:
    actions = {0: lambda s: s.buy(10), 1: lambda s: s.buy(30), 2: lambda s: s.sell(25)}
    assert seen_positions(actions, [10.0, 10.0, 20.0, 30.0]) == [
        (0.0, 0.0),
        (10.0, 10.0),
        (40.0, 17.5),  # (10 × 10 + 30 × 20) / 40
        (15.0, 17.5),
    ]


def test_a_short_averages_likewise() -> None:
    actions = {0: lambda s: s.sell(10), 1: lambda s: s.sell(10), 2: lambda s: s.buy(5)}
    assert seen_positions(actions, [10.0, 10.0, 20.0, 30.0]) == [
        (0.0, 0.0),
        (-10.0, 10.0),
        (-20.0, 15.0),
        (-15.0, 15.0),
    ]


def test_a_flip_starts_anew_at_its_own_price() -> None:
    actions = {0: lambda s: s.buy(10), 1: lambda s: s.sell(25), 2: lambda s: s.buy(40)}
    assert seen_positions(actions, [10.0, 10.0, 20.0, 30.0]) == [
        (0.0, 0.0),
        (10.0, 10.0),
        (-15.0, 20.0),
        (25.0, 30.0),
    ]


def test_a_closed_position_has_no_price() -> None:
    actions = {0: lambda s: s.buy(10), 1: lambda s: s.close()}
    assert seen_positions(actions, [10.0, 11.0, 12.0])[-1] == (0.0, 0.0)


def test_fractions_that_add_up_to_nothing_are_flat() -> None:
    actions = {0: lambda s: s.buy(0.1), 1: lambda s: s.buy(0.2), 2: lambda s: s.sell(0.3)}
    assert seen_positions(actions, [10.0] * 4)[-1] == (0.0, 0.0)


def test_a_position_is_true_when_there_is_one_and_says_what_it_is() -> None:
    seen = []
    script = {m: lambda s: seen.append((bool(s.position), repr(s.position))) for m in (0, 2)}
    script[1] = lambda s: s.sell(3)
    play([(10.0,) * 4] * 4, script)
    assert seen == [(False, "Position(SYMBOL 0 @ 0)"), (True, "Position(SYMBOL -3 @ 10)")]


def test_cash_equity_and_buying_power() -> None:
    """1,000 of cash, leverage 2, one dollar a fill; long 4 A from 100, short 2 B from 50."""
    seen = []

    def look(strategy: object) -> None:
        account = strategy.account
        seen.append((account.cash, account.equity, account.buying_power))

    rows = {
        "A": closes([100.0, 100.0, 110.0, 120.0]),
        "B": closes([50.0, 50.0, 40.0, None]),
    }
    script = {
        "start": lambda s: look(s) if s.symbol == "A" else None,
        ("A", 0): lambda s: s.buy(4),
        ("B", 0): lambda s: s.sell(2),
        ("A", 1): look,
        ("A", 2): look,
        ("A", 3): look,
    }
    run_backtest(
        scripted(script), rows, sessions=grid(1), cash=1_000.0, leverage=2.0, commission=PerOrder(1)
    )
    # Cash 1,000 − 400 + 100 − 2 = 698. Holdings +400 − 100; exposure 500.
    # Then +440 − 80 and 520; last B has no bar, so that its 40 stands: +480 − 80 and 560.
    assert seen == [
        (1_000.0, 1_000.0, 2_000.0),
        (698.0, 998.0, 2 * 998.0 - 500.0),
        (698.0, 1_058.0, 2 * 1_058.0 - 520.0),
        (698.0, 1_098.0, 2 * 1_098.0 - 560.0),
    ]


def test_equity_is_marked_at_closes_known_by_now_and_no_later() -> None:
    seen = []
    script = {0: lambda s: s.buy(1)}
    script |= {m: lambda s: seen.append(s.account.equity) for m in range(1, 6)}
    play([(p,) * 4 for p in (10.0, 10.0, 11.0, 13.0, 17.0, 2.0)], script, cash=100.0)
    assert seen == [100.0, 101.0, 103.0, 107.0, 92.0]


def test_a_strategy_trades_its_own_position_and_sees_all_of_its_symbols() -> None:
    seen = {}

    def look(strategy: object) -> None:
        seen[strategy.symbol] = {n: p.quantity for n, p in strategy.positions.items()}
        assert strategy.positions[strategy.symbol] is strategy.position
        with pytest.raises(TypeError):
            strategy.positions["A"] = None

    rows = {"A": [(10.0,) * 4] * 4, "B": [(10.0,) * 4] * 4}
    script = {("A", 0): lambda s: s.buy(1), ("B", 0): lambda s: s.sell(2), 2: look}
    play(rows, script)
    assert seen == {"A": {"A": 1.0, "B": -2.0}, "B": {"A": 1.0, "B": -2.0}}
