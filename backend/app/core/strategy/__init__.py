"""The strategy API: everything a strategy imports."""

from app.core.strategy.account import Account, Position
from app.core.strategy.base import OrderDesk, Strategy
from app.core.strategy.conditions import (
    Condition,
    above,
    below,
    crosses,
    crosses_above,
    crosses_below,
)
from app.core.strategy.declarations import Bars, Indicator
from app.core.strategy.parameters import BarInterval, Bool, Choice, Float, Int, Parameter
from app.core.strategy.views import (
    BarCursor,
    BarsView,
    Clock,
    IndicatorValue,
    Slice,
    SliceIndicator,
)

__all__ = [
    "Account",
    "BarCursor",
    "BarInterval",
    "Bars",
    "BarsView",
    "Bool",
    "Choice",
    "Clock",
    "Condition",
    "Float",
    "Indicator",
    "IndicatorValue",
    "Int",
    "OrderDesk",
    "Parameter",
    "Position",
    "Slice",
    "SliceIndicator",
    "Strategy",
    "above",
    "below",
    "crosses",
    "crosses_above",
    "crosses_below",
]
