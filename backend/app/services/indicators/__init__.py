"""Indicators, stepped batch by batch: every TA-Lib function, session VWAP, trailing, custom.

Importing this package does not import TA-Lib; the first TA-Lib indicator created does.
"""

from app.services.indicators.catalogue import IndicatorInfo, available
from app.services.indicators.custom import IndicatorBar
from app.services.indicators.factory import create_indicator, create_trailing
from app.services.indicators.trailing import TrailingState, current_values

__all__ = [
    "IndicatorBar",
    "IndicatorInfo",
    "TrailingState",
    "available",
    "create_indicator",
    "create_trailing",
    "current_values",
]
