"""Whole sessions over Apple's split of August 2020, in raw and in adjusted prices."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from app.core.exceptions import DataError
from app.core.intervals import ONE_MINUTE
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
