"""What the models with many fields are shown with in the OpenAPI document: one small run."""

from typing import Any, Final

Example = dict[str, Any]

_RUN_ID: Final = "4d805789-5f0c-7a31-8d52-0b7c1e6f9a20"
_ACCOUNT_ID: Final = "4d805789-5f0c-7a31-8d52-0b7c1e6f9a21"
_STRATEGY_ID: Final = "9b1d6a54-2f7e-4c0b-a3c8-6f1f2d7e5b10"
_ORDER_ID: Final = "4d805789-5f0c-7a31-8d52-0b7c1e6f9a30"
_CONFIG: Final = {"session_name": "example_session", "mode": "backtest"}
_HASH: Final = "b7e2c1f09d5a4e38"

# ── the record ───────────────────────────────────────────────────────────────

STRATEGY: Final[Example] = {
    "id": _STRATEGY_ID,
    "name": "sma_cross",
    "class": "sma_cross",
    "parameters": {"fast": 10, "slow": 30},
    "timeframe": "5m",
    "lifecycle": "RESEARCH",
    "regime_notes": None,
}
STRATEGY_EVENT: Final[Example] = {
    "id": "9b1d6a54-2f7e-4c0b-a3c8-6f1f2d7e5b11",
    "of": "strategies",
    "time": "2026-11-20T15:00:00Z",
    "kind": "lifecycle",
    "message": "RESEARCH to PAPER",
    "strategy_id": _STRATEGY_ID,
    "run_id": None,
    "order_id": None,
    "sequence": None,
}
ORDER_EVENT: Final[Example] = {
    "id": "4d805789-5f0c-7a31-8d52-0b7c1e6f9a31",
    "of": "orders",
    "time": "2025-11-06T15:00:00Z",
    "kind": "filled",
    "message": None,
    "strategy_id": None,
    "run_id": None,
    "order_id": _ORDER_ID,
    "sequence": 2,
}
SIGNAL: Final[Example] = {
    "id": "4d805789-5f0c-7a31-8d52-0b7c1e6f9a40",
    "run_id": _RUN_ID,
    "strategy_id": _STRATEGY_ID,
    "order_id": _ORDER_ID,
    "symbol": "ALPHA",
    "time": "2025-11-06T15:00:00Z",
    "action": "BUY",
    "quantity": "100.00000000",
    "price": "100.31000000",
    "reasons": ["fast above slow"],
    "indicators": {"SMA(10)": 100.12, "SMA(30)": 100.08},
    "executed": True,
    "refusal": None,
}
ORDER: Final[Example] = {
    "id": _ORDER_ID,
    "account_id": _ACCOUNT_ID,
    "strategy_id": _STRATEGY_ID,
    "client_order_id": "sma_cross-1",
    "symbol": "ALPHA",
    "side": "buy",
    "quantity": "100.00000000",
    "type": "market",
    "time_in_force": "day",
    "limit_price": None,
    "stop_price": None,
    "trail": None,
    "trail_pct": None,
    "take_profit": None,
    "stop_loss": "99.30000000",
    "good_till": None,
    "reduce_only": False,
    "tag": "entry",
    "submitted": "2025-11-06T15:00:00Z",
    "status": "filled",
    "reason": None,
    "filled_quantity": "100.00000000",
    "filled": "2025-11-06T15:00:00Z",
    "average_fill_price": "100.32000000",
    "parent_order_id": None,
    "replaces_order_id": None,
    "exclusive_group": None,
}
FILL: Final[Example] = {
    "id": "4d805789-5f0c-7a31-8d52-0b7c1e6f9a50",
    "account_id": _ACCOUNT_ID,
    "order_id": _ORDER_ID,
    "execution_id": "sma_cross-1-1",
    "symbol": "ALPHA",
    "side": "buy",
    "quantity": "100.00000000",
    "price": "100.32000000",
    "commission": "1.000000",
    "slippage": "1.000000",
    "time": "2025-11-06T15:00:00Z",
}
TRADE: Final[Example] = {
    "id": "4d805789-5f0c-7a31-8d52-0b7c1e6f9a60",
    "account_id": _ACCOUNT_ID,
    "strategy_id": _STRATEGY_ID,
    "number": 1,
    "symbol": "ALPHA",
    "direction": "long",
    "quantity": "100.00000000",
    "entry_order_id": _ORDER_ID,
    "entry": "2025-11-06T15:00:00Z",
    "entry_price": "100.32000000",
    "exit_order_id": "4d805789-5f0c-7a31-8d52-0b7c1e6f9a32",
    "exit": "2025-11-06T16:30:00Z",
    "exit_price": "100.92000000",
    "stop_price": "99.30000000",
    "target_price": None,
    "gross_pnl": "60.000000",
    "commission": "2.000000",
    "slippage": "2.000000",
    "net_pnl": "58.000000",
    "return_pct": 0.578,
    "bars_held": 18,
    "market_context": {},
}
POSITION: Final[Example] = {
    "id": "4d805789-5f0c-7a31-8d52-0b7c1e6f9a70",
    "account_id": _ACCOUNT_ID,
    "strategy_id": _STRATEGY_ID,
    "symbol": "ALPHA",
    "quantity": "100.00000000",
    "average_price": "100.10000000",
    "last_price": "100.32000000",
    "unrealized_pnl": "22.000000",
    "time": "2025-11-06T21:00:00Z",
}
EQUITY: Final[Example] = {
    "time": "2025-11-06T21:00:00Z",
    "is_session_close": True,
    "cash": "89990.420000",
    "position_value": "10032.000000",
    "gross_exposure": "10032.000000",
    "equity": "100022.420000",
    "drawdown_pct": 0.031,
}

# ── runs ─────────────────────────────────────────────────────────────────────

_METRICS: Final = {
    "final_equity": 100_022.42,
    "net_profit": 22.42,
    "return_pct": 0.02242,
    "sharpe": 1.31,
    "max_drawdown_pct": 0.31,
    "trades": 4.0,
}
_FACTS: Final[Example] = {
    "id": _RUN_ID,
    "session_name": "example_session",
    "mode": "backtest",
    "status": "completed",
    "reason": None,
    "strategies": ["sma_cross"],
    "symbols": ["ALPHA"],
    "started_at": "2026-11-20T15:00:00Z",
    "finished_at": "2026-11-20T15:00:00.184Z",
    "first_session": "2025-11-06",
    "last_session": "2025-11-21",
    "bars": 4_680,
    "sessions": 12,
    "synthetic": True,
    "metrics": _METRICS,
}
_LEDGER: Final = {"net_profit": 22.42, "trades": 4}
RUN_SUMMARY: Final = _FACTS
RUN: Final[Example] = _FACTS | {
    "position": None,
    "progress": None,
    "submitted_at": None,
    "config": _CONFIG,
    "ledgers": [{"name": "sma_cross", "parameters": STRATEGY["parameters"], "ledger": _LEDGER}],
    "data_quality": {"ALPHA": 100.0},
    "data_fingerprint": _HASH,
    "code_version": "0.1.0",
    "order_hash": _HASH,
}
RUN_METRICS: Final[Example] = {
    "run_id": _RUN_ID,
    "metrics": _METRICS,
    "strategies": {"sma_cross": _LEDGER},
}
_SIDE: Final = {
    "name": "example_session",
    "order_hash": _HASH,
    "data_fingerprint": _HASH,
    "code_version": "0.1.0",
}
_SAME: Final = {"is_equal": True, "rows_a": 8, "rows_b": 8, "different_rows": 0, "first": None}
_FIRST: Final = {
    "row": 3,
    "named": {"symbol": "ALPHA"},
    "column": "price",
    "a": "100.32",
    "b": "100.33",
}
COMPARISON: Final[Example] = {
    "same_orders": True,
    "same_data": True,
    "a": _SIDE,
    "b": _SIDE,
    "settings": [{"path": "execution.slippage_bps", "a": 1, "b": 2}],
    "figures": [{"key": "net_profit", "a": 22.42, "b": 18.42, "delta": -4.0}],
    "tables": {
        "orders": _SAME,
        "fills": _SAME | {"is_equal": False, "different_rows": 5, "first": _FIRST},
    },
}

# ── the session that runs ────────────────────────────────────────────────────

PRESENT: Final[Example] = {
    "session_name": "example_session",
    "state": "RUNNING",
    "session": "2025-11-06",
    "market_time": "2025-11-06T15:00:00Z",
}
INDICATORS: Final = [{"name": "SMA(10)", "values": [100.12]}]
SERIES: Final[Example] = {
    "interval": "5m",
    "derived": True,
    "bars": 6,
    "history": 78,
    "last": {
        "end": "2025-11-06T15:00:00Z",
        "open": 100.02,
        "high": 100.35,
        "low": 99.98,
        "close": 100.31,
        "volume": 61_200.0,
    },
    "quality_pct": 100.0,
    "indicators": INDICATORS,
}
STATUS: Final[Example] = {
    "state": "RUNNING",
    "run_id": _RUN_ID,
    "session_name": "example_session",
    "mode": "backtest",
    "reason": None,
    "notice": None,
    "speed": 60.0,
    "progress": {
        "session": "2025-11-06",
        "market_time": "2025-11-06T15:00:00Z",
        "sessions_done": 0,
        "sessions_total": 12,
        "bars": 30,
        "bars_per_s": 1.0,
        "equity": 100_022.42,
        "pnl": 22.42,
        "positions": {"ALPHA": 100.0},
        "orders": 1,
    },
    "threads": {"SessionCoordinator": True},
}
