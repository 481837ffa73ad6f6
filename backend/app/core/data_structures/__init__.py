"""Market data as values (`Bar`, `Quote`, `Tick`) and as columns (`BarColumns`, `BarSeries`)."""

from app.core.data_structures.columns import BarColumns
from app.core.data_structures.series import BarSeries
from app.core.data_structures.values import Bar, Quote, Tick

__all__ = ["Bar", "BarColumns", "BarSeries", "Quote", "Tick"]
