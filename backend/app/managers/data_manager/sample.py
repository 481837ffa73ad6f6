"""Sample minute bars to try the platform on: synthetic, and labelled so wherever they show."""

from datetime import date

from app.config.settings import Settings
from app.managers.time_manager import TimeManager
from app.models.database import session_factory
from app.services.market_data.parquet_storage import ParquetStorage, WriteSummary
from app.services.market_data.synthetic import write_sample

SAMPLE_WINDOW = (date(2025, 11, 3), date(2025, 12, 15))
"""30 sessions of the US market, of which 2025-11-28 is a half day."""


def make_sample(settings: Settings) -> list[WriteSummary]:
    """Store the sample bars of three symbols; the same ones every time."""
    with session_factory(settings.database_url)() as db:
        sessions = TimeManager().session_grid(db, *SAMPLE_WINDOW)
    return write_sample(ParquetStorage(settings.bars_dir), sessions)
