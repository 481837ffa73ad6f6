"""A split overnight with a position and open orders; dividends on long and short positions."""

from datetime import date

import pytest

from app.core.corporate_actions import ActionKind, CorporateAction
from tests.engine_bars import FLAT, Row, fills, play, start_of, statuses

QUARTER = (25.0, 25.0, 25.0, 25.0)
SECOND = date(2024, 7, 2)
NAME = "SYMBOL"


def split(ratio: float, day: date = SECOND) -> CorporateAction:
    return CorporateAction(symbol=NAME, ex_date=day, kind=ActionKind.SPLIT, value=ratio)


def dividend(amount: float, day: date = SECOND) -> CorporateAction:
    return CorporateAction(symbol=NAME, ex_date=day, kind=ActionKind.DIVIDEND, value=amount)


def test_a_position_and_its_equity_go_through_a_split() -> None:
    seen = {}

    def look(strategy) -> None:
        seen["position"] = strategy.position.quantity, strategy.position.average_price
        seen["cash"] = strategy.account.cash

    script = {0: lambda s: s.buy(10), 10: look, 12: lambda s: s.sell(40)}
    result = play([FLAT] * 10 + [QUARTER] * 10, script, actions=[split(4.0)], cash=5_000.0)
    # 10 at 100 are 40 at 25
    assert seen == {"position": (40.0, 25.0), "cash": 4_000.0}
    assert set(result.equity_curve.equity.tolist()) == {5_000.0}
    (trade,) = result.trades.to_dicts()
    assert (trade["quantity"], trade["entry_price"], trade["exit_price"]) == (40, 25, 25)
    assert trade["net_pnl"] == 0
    assert result.metrics["benchmark_return_pct"] == 0


def test_open_orders_are_expressed_in_new_units() -> None:
    """Limit 96 for 5 is limit 24 for 20, stop 88 on 10 is stop 22 on 40; both fill at them."""
    dip: Row = (25.0, 25.0, 23.5, 25.0)
    fall: Row = (23.0, 23.0, 21.0, 22.0)
    script = {
        0: lambda s: s.buy(10),
        1: lambda s: s.buy(5, limit=96.0, time_in_force="gtc"),
        2: lambda s: s.sell(10, stop=88.0, time_in_force="gtc"),
    }
    rows = [FLAT] * 10 + [QUARTER, dip, fall, QUARTER]
    result = play(rows, script, actions=[split(4.0)], cash=5_000.0)
    assert statuses(result) == ["filled"] * 3
    assert [(quantity, price) for _, quantity, price in fills(result)] == [
        (10.0, 100.0),
        (20.0, 24.0),
        (-40.0, 22.0),
    ]
    notes = [event for event in result.log.events if "split" in event.cause]
    assert sorted(event.order_id for event in notes) == [2, 3]


@pytest.mark.parametrize(("side", "sign"), [("buy", 1.0), ("sell", -1.0)])
def test_dividends_are_paid_to_long_and_by_short_positions(side: str, sign: float) -> None:
    script = {0: lambda s: getattr(s, side)(10)}
    after = (98.0, 98.0, 98.0, 98.0)
    result = play([FLAT] * 10 + [after] * 10, script, actions=[dividend(2.0)], cash=5_000.0)
    assert result.metrics["dividends"] == sign * 20.0
    (flow,) = result.log.cash_flows
    assert (flow.time_ns, flow.kind, flow.strategy, flow.symbol) == (start_of(10), "dividend", 0, 0)
    # the price falls by what is paid
    assert set(result.equity_curve.equity.tolist()) == {5_000.0}
    assert result.log.final_cash == pytest.approx(float(result.equity_curve.cash[-1]))
    assert result.metrics["benchmark_return_pct"] == pytest.approx(0.0)


def test_what_was_sold_the_day_before_is_paid_nothing() -> None:
    script = {0: lambda s: s.buy(10), 5: lambda s: s.sell(10), 10: lambda s: s.buy(10)}
    result = play([FLAT] * 20, script, actions=[dividend(2.0)], cash=5_000.0)
    assert result.metrics["dividends"] == 0


def test_a_dividend_on_the_day_of_a_split_is_per_new_unit() -> None:
    actions = [dividend(0.25), split(4.0)]
    result = play([FLAT] * 10 + [QUARTER] * 10, {0: lambda s: s.buy(10)}, actions=actions)
    assert result.metrics["dividends"] == 40 * 0.25


def test_actions_of_the_first_session_and_of_strangers_change_nothing() -> None:
    stranger = CorporateAction(symbol="OTHER", ex_date=SECOND, kind=ActionKind.SPLIT, value=2.0)
    actions = [stranger, split(4.0, date(2024, 7, 1)), dividend(1.0, date(2024, 7, 1))]
    result = play([FLAT] * 20, {0: lambda s: s.buy(10)}, actions=actions)
    assert fills(result)[0][1:] == (10.0, 100.0)
    assert result.metrics["net_profit"] == 0
    assert result.metrics["benchmark_return_pct"] == 0


@pytest.mark.parametrize("ratio", [20.0, 0.1])
def test_a_large_split_is_no_jump_of_the_price(ratio: float) -> None:
    """Twenty for one: an order at the close of its first minute fills at the next open."""
    new = (100.0 / ratio,) * 4
    script = {0: lambda s: s.buy(10), 10: lambda s: s.close()}
    result = play([FLAT] * 10 + [new] * 10, script, actions=[split(ratio)])
    assert fills(result)[-1] == (start_of(11), -10 * ratio, pytest.approx(100 / ratio))


def test_raw_bars_with_actions_are_worth_what_adjusted_bars_are() -> None:
    """Free of costs and in fractions, a split makes no difference to anybody's money."""
    prices = [100.0 + minute for minute in range(10)]
    after = [109.0 + minute for minute in range(10)]
    raw = [(p,) * 4 for p in prices] + [(p / 4,) * 4 for p in after]
    whole = [(p,) * 4 for p in prices + after]
    script = {0: lambda s: s.buy(500.25), 14: lambda s: s.sell(s.position.quantity * 0.4)}
    split_run = play(raw, script, actions=[split(4.0)])
    whole_run = play(whole, script)
    assert split_run.equity_curve.equity == pytest.approx(whole_run.equity_curve.equity, rel=1e-12)
    assert split_run.metrics["benchmark_return_pct"] == pytest.approx(
        whole_run.metrics["benchmark_return_pct"]
    )
