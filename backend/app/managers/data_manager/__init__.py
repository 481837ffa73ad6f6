"""`DataManager`: bars, ticks and quotes that are stored, by symbol and market time."""

from app.managers.data_manager.api import DataManager
from app.managers.data_manager.bars import Bars, MarketBar

__all__ = ["Bars", "DataManager", "MarketBar"]
