"""The closed vocabularies of the platform, spelled as users and venues spell them."""

from enum import StrEnum


class SystemState(StrEnum):
    """What the system is doing; FAILED keeps its reason until the next start."""

    STOPPED = "STOPPED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
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
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    """How long, or when, an order works.

    ``day``: to the end of its session; ``gtc``: until cancelled; ``gtd``: until a date and time;
    ``ioc``: in one bar, the rest is cancelled; ``fok``: in one bar and whole, or not at all;
    ``opg`` and ``cls``: in a session's first or last print only.
    """

    DAY = "day"
    GTC = "gtc"
    GTD = "gtd"
    IOC = "ioc"
    FOK = "fok"
    OPG = "opg"
    CLS = "cls"


class OrderStatus(StrEnum):
    """States of an order; `app.core.orders.TRANSITIONS` says which follow which."""

    PENDING_NEW = "pending_new"
    HELD = "held"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    REPLACED = "replaced"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
