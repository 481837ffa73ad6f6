"""Whole sessions over Apple's split of August 2020, in raw and in adjusted prices."""

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from app.core.exceptions import DataError
from app.core.intervals import ONE_MINUTE
from app.repositories.trading_repository import TradingRepository
from app.services.market_data.corporate_actions import ActionStorage, import_actions
from tests.system_fixtures import Installation, minutes, session_config

DAYS = [date(2020, 8, 27), date(2020, 8, 28), date(2020, 8, 31), date(2020, 9, 1)]
CLOSES = (500.04, 499.23, 129.04, 134.18)
# four for one on the Monday; a dividend on the Tuesday, made up
ACTIONS = "symbol,date,kind,value\nAAPL,2020-08-31,split,4\nAAPL,2020-09-01,dividend,0.25\n"


@pytest.fixture
def apple(installation: Installation, tmp_path: Any) -> Installation:
    for day, price in zip(DAYS, CLOSES, strict=True):
        installation.store("AAPL", minutes(day, close=lambda _day, _minute, p=price: p))
    file = tmp_path / "actions.csv"
    file.write_text(ACTIONS, encoding="utf-8")
    import_actions(file, ActionStorage(installation.settings.bars_dir))
    return installation


def config(**session_data: Any) -> dict[str, Any]:
    """Buys 10 in the first minute of the Friday, after a day of history, and holds."""
    return session_config(
        "AAPL",
        first="2020-08-28",
        last="2020-09-01",
        strategies={"hold": ("tests.session_strategies:Hooked", {})},
        historical={"data": [{"intervals": ["1m"], "trailing_days": 1}]},
        **session_data,
    )


def buy_once(strategy: Any, _bar: Any) -> None:
    if not strategy.orders and not strategy.position.quantity:
        strategy.buy(10)


@pytest.mark.parametrize(
    ("adjustment", "dividends", "held", "closes"),
    [
        # 40 units are paid 0.25 each
        ("raw", 10.0, 40.0, CLOSES),
        # one carried unit is four: paid 4 × 0.25
        ("split", 10.0, 10.0, (500.04, 499.23, 4 * 129.04, 4 * 134.18)),
        ("dividend", 0.0, 40.0, (*CLOSES[:3], 134.18 / (1 - 0.25 / 129.04))),
        ("all", 0.0, 10.0, (*CLOSES[:2], 4 * 129.04, 4 * 134.18 / (1 - 0.25 / 129.04))),
    ],
)
def test_a_holder_has_the_same_money_in_whatever_prices(
    apple: Installation,
    hooks: dict[str, object],
    adjustment: str,
    dividends: float,
    held: float,
    closes: tuple[float, ...],
) -> None:
    hooks["on_bar"] = buy_once
    system = apple.run(config(adjustment=adjustment))
    result = system.result
    assert result is not None
    seen = result.log.bars["AAPL"].close[389::390]
    assert seen == pytest.approx(closes[1:], rel=1e-12)
    assert result.metrics["dividends"] == pytest.approx(dividends)
    (trade,) = result.trade_columns.quantity.tolist()
    assert trade == held
    money = 40 * 134.18 - 10 * 499.23 + 10.0
    if dividends == 0.0:  # reinvested in the price instead of paid
        money = 40 * 134.18 / (1 - 0.25 / 129.04) - 10 * 499.23
    assert result.metrics["net_profit"] == pytest.approx(money, abs=1e-6)


def test_history_is_as_traded_in_the_prices_of_the_first_session(
    apple: Installation, hooks: dict[str, object]
) -> None:
    hooks["on_bar"] = buy_once
    raw, carried = (apple.run(config(adjustment=each)) for each in ("raw", "all"))

    def history(system: Any) -> np.ndarray:
        return system._run.simulation.data.all_bars("AAPL", ONE_MINUTE).close[:390]

    assert history(raw).tolist() == history(carried).tolist() == [500.04] * 390


def test_raw_is_the_default_and_damaged_actions_stop_the_start(
    apple: Installation, hooks: dict[str, object]
) -> None:
    hooks["on_bar"] = buy_once
    result = apple.run(config()).result
    assert result is not None
    assert [split.ratio for split in result.log.splits] == [4.0]
    (apple.settings.bars_dir / "actions" / "AAPL" / "actions.parquet").write_bytes(b"")
    with pytest.raises(DataError, match="Import them again"):
        apple.run(config())


def test_what_a_split_does_to_the_record(apple: Installation, hooks: dict[str, object]) -> None:
    """On the Friday 10 are bought with exits at 450 and 600; 10 more are wanted above 536.

    Those with an exit at 440. Four for one on the Monday: sold there at 129.04 are 40, bought at
    124.8075, with exits at 112.5 and 150. On the Tuesday the others are bought at 134.18, above
    134, with an exit at 110. What was wanted and seen on the Friday was 10, and 499.23.
    """

    def trade(strategy: Any, _bar: Any) -> None:
        if f"{strategy.now:%d %H:%M}" == "28 09:31":
            strategy.buy(10, stop_loss=450.0, take_profit=600.0)
            strategy.buy(10, stop=536.0, stop_loss=440.0, time_in_force="gtc")
        elif f"{strategy.now:%d %H:%M}" == "31 10:00":
            strategy.close()

    hooks["on_bar"] = trade
    record = apple.run(config()).record
    assert record is not None
    with apple.database() as db:
        recorded = TradingRepository(db)
        account = recorded.account_of_run(record.id)
        sold, held = recorded.trades(account.id)
        signals = recorded.signals(record.id)
        orders = {order.id: order for order in recorded.orders(account.id)}
        fills = recorded.fills(account.id)
    assert [
        sold.quantity,
        sold.entry_price,
        sold.exit_price,
        sold.stop_price,
        sold.target_price,
    ] == [*(40, Decimal("124.8075"), Decimal("129.04"), Decimal("112.5"), 150)]
    assert (held.quantity, held.entry_price, held.stop_price) == (40, Decimal("134.18"), 110)
    assert [trade.market_context["close"] for trade in (sold, held)] == [499.23, 499.23]
    assert [(signal.quantity, signal.price) for signal in signals] == [
        *((10, Decimal("499.23")), (10, Decimal("499.23")), (40, Decimal("129.04")))
    ]
    # an order is in the units of its end: the first had ended before the split
    first, second, closing = (orders[signal.order_id] for signal in signals)
    assert (first.quantity, first.stop_loss, first.take_profit) == (10, 450, 600)
    assert (second.quantity, second.stop_price, second.stop_loss) == (40, 134, 110)
    assert closing.quantity == 40
    assert [fill.quantity for fill in fills] == [10, 40, 40]
