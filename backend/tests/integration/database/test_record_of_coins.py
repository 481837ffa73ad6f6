"""Coins that cost billionths, and what is left of one after a sale in lots, on both databases."""

from decimal import Decimal

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.core.exceptions import DatabaseError
from app.core.trading_record import Columns, RunTrading, StrategyDefinition
from app.repositories.run_repository import RunRepository
from app.repositories.run_trading_repository import RunTradingRepository
from app.repositories.trading_repository import TradingRepository
from tests.integration.database.test_run_repository import RECORD
from tests.system_fixtures import utc, utc_ns

NOON_NS = utc_ns(utc(2025, 11, 6, 12))
PRICE, UNITS, DUST = 1.234e-9, 150_000_000_000.5, 1.40544278992571e-9
NOTHING: Columns = {"symbol": []}


def trading(price: float = PRICE, units: float = UNITS, dust: float = DUST) -> RunTrading:
    """One coin bought at the market, and `dust` of another that is left over."""
    return RunTrading(
        mode="backtest",
        price_step=0.0001,
        starting_cash=0.5,
        final_cash=0.49999999,
        final_equity=0.51234567,
        strategies=[StrategyDefinition(name="s", class_="S", parameters={}, timeframe="1m")],
        ended=(),
        orders={
            "strategy": [0], "client_order_id": ["1"], "symbol": ["BABY"], "side": ["buy"],
            "quantity": [units], "type": ["market"], "time_in_force": ["gtc"],
            "reduce_only": [False], "tag": [""], "submitted_ns": [NOON_NS], "status": ["filled"],
            "filled_quantity": [units], "filled_ns": [NOON_NS], "average_fill_price": [price],
        },
        order_events=NOTHING,
        fills={
            "order": [1], "execution_id": ["1"], "symbol": ["BABY"], "side": ["buy"],
            "quantity": [units], "price": [price], "commission": [3.3e-7], "slippage": [0.0],
            "time_ns": [NOON_NS],
        },
        trades=NOTHING,
        positions={
            "strategy": [0, 0], "symbol": ["BABY", "BTC"], "quantity": [units, dust],
            "average_price": [price, 100_000.0], "last_price": [price, 100_000.0],
            "unrealized_pnl": [0.0, 0.0], "time_ns": [NOON_NS] * 2,
        },
        equity_points=NOTHING,
        signals=NOTHING,
        indicator_snapshots=NOTHING,
    )  # fmt: skip


def record(sessions: sessionmaker[Session], did: RunTrading) -> None:
    with sessions.begin() as db:
        RunRepository(db).add(RECORD)
        RunTradingRepository(db).add(RECORD.id, did, finished=RECORD.finished_at)


def test_prices_and_quantities_come_back_as_they_were(
    database_sessions: sessionmaker[Session],
) -> None:
    record(database_sessions, trading())
    with database_sessions() as db:
        read = TradingRepository(db)
        account = read.account_of_run(RECORD.id)
        (fill,) = read.fills(account.id)
        assert (fill.price, fill.quantity) == (Decimal("1.234E-9"), Decimal("150000000000.5"))
        assert fill.commission == Decimal("3.3E-7")
        assert (account.cash, account.equity) == (Decimal("0.49999999"), Decimal("0.51234567"))
        assert read.orders(account.id)[0].average_fill_price == Decimal("1.234E-9")


def test_dust_is_kept(database_sessions: sessionmaker[Session]) -> None:
    record(database_sessions, trading())
    with database_sessions() as db:
        read = TradingRepository(db)
        held = {
            each.symbol: each.quantity for each in read.positions(read.account_of_run(RECORD.id).id)
        }
    assert held == {"BABY": Decimal("150000000000.5"), "BTC": Decimal("1.40544278993E-9")}


def test_a_number_that_is_none_of_trading_is_named(
    database_sessions: sessionmaker[Session],
) -> None:
    with pytest.raises(DatabaseError, match=r"orders\.quantity: 1e\+31 is not below 1e\+30"):
        record(database_sessions, trading(units=1e31))
    with database_sessions() as db:
        assert RunRepository(db).list() == ()
