"""The published answer of W3, from the exchange and from the reference exchange.

W3: always in, by five types of entry in turn; out at a target or a stop half a dollar away.
"""

import sys
from pathlib import Path

import pytest

from app.core.costs import NoSlippage, PerShare
from app.core.enums import OrderType, TimeInForce
from app.core.fill_rules import FillRules
from app.core.orders import PLAIN, Instructions
from app.research import run_backtest
from tests.reference_exchange import Bar, ReferenceExchange

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
SESSION = 390
CASH, SHARES, FAR, STEP = 1_000_000.0, 100.0, 0.50, 0.02
EXPECTED = (1_423, 980_257.50)
CLOSING = Instructions(reduce_only=True)


@pytest.fixture(scope="module")
def d1(monkeypatch_module: pytest.MonkeyPatch) -> dict:
    monkeypatch_module.syspath_prepend(str(BENCHMARKS))
    import data

    return data.make_d1()


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        before = set(sys.modules)
        yield patch
        for name in set(sys.modules) - before:
            if name in ("data", "workloads") or name.startswith("engines"):
                del sys.modules[name]


def send(exchange: ReferenceExchange, entries: int, close: float) -> int:
    """What the strategy does at a close; how often it has entered by then."""

    def order(quantity: float, type_: OrderType, limit=0.0, stop=0.0, terms=PLAIN):
        return exchange.submit(0, 0, quantity, type_, TimeInForce.GTC, limit, stop, terms)

    if exchange.working[0]:
        return entries
    target = round(close + FAR, 2)
    if exchange.held[0][0]:
        trail = Instructions(reduce_only=True, trail=FAR)
        exchange.link(
            [
                order(-SHARES, OrderType.LIMIT, target, 0.0, CLOSING),
                order(-SHARES, OrderType.TRAILING_STOP, 0.0, 0.0, trail),
            ]
        )
        return entries
    exits = Instructions(take_profit=target, stop_loss=round(close - FAR, 2))
    above = round(close + STEP, 2)
    match entries % 5:
        case 0:
            order(SHARES, OrderType.MARKET, terms=exits)
        case 1:
            order(SHARES, OrderType.LIMIT, round(close - STEP, 2), terms=exits)
        case 2:
            order(SHARES, OrderType.STOP, 0.0, above, exits)
        case 3:
            order(SHARES, OrderType.STOP_LIMIT, round(above + STEP, 2), above, exits)
        case 4:
            order(SHARES, OrderType.MARKET)
    return entries + 1


def test_w3_by_the_reference(d1: dict) -> None:
    exchange = ReferenceExchange(
        symbols=1,
        strategies=1,
        cash=CASH,
        leverage=1.0,
        commission=PerShare(0.005),
        slippage=NoSlippage(),
        rules=FillRules(),
    )
    columns = [d1[name].tolist() for name in ("ts", "open", "high", "low", "close", "volume")]
    entries, minute_ns = 0, 60 * 10**9
    for row, (start_ns, *prices) in enumerate(zip(*columns, strict=True)):
        if row % SESSION == 0:
            exchange.begin_session(start_ns, start_ns + SESSION * minute_ns)
        end_ns = start_ns + minute_ns
        exchange.play_minute(end_ns, [Bar(start_ns, end_ns, *prices, is_suspect=False)])
        entries = send(exchange, entries, prices[3])
        if row % SESSION == SESSION - 1:
            exchange.end_session()
    assert (len(exchange.fills), round(exchange.cash, 2)) == EXPECTED


def test_w3(d1: dict) -> None:
    from engines.mismartera_orders import Exits

    log = run_backtest(Exits, d1, cash=CASH, commission=PerShare(0.005)).log
    assert (len(log.fills), round(log.final_cash, 2)) == EXPECTED
    filled = {order.type for order in log.orders if order.status == "filled"}
    assert filled == set(OrderType)
