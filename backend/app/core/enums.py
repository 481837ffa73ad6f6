"""The closed vocabularies of the platform, spelled as users and venues spell them."""

from enum import StrEnum


class SystemState(StrEnum):
    """What the system is doing; FAILED keeps its reason until the next start."""

    STOPPED = "STOPPED"
    RUNNING = "RUNNING"
    FAILED = "FAILED"


class OperationMode(StrEnum):
    """Where bars come from and where orders go."""

    BACKTEST = "backtest"
    PAPER = "paper"
    LIVE = "live"


class MarketSession(StrEnum):
    """Which part of the trading day an instant lies in."""

    PRE_MARKET = "pre_market"
    REGULAR = "regular"
    POST_MARKET = "post_market"
    CLOSED = "closed"


class Side(StrEnum):
    """Direction of an order or a fill."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """How an order asks to be priced."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


class TimeInForce(StrEnum):
    """How long an order works: to the end of its session, or until cancelled."""

    DAY = "day"
    GTC = "gtc"


class OrderStatus(StrEnum):
    """States of an order; `app.core.orders.TRANSITIONS` says which follow which."""

    PENDING_NEW = "pending_new"
    NEW = "new"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
