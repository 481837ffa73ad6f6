"""Market data by exchange, on the real clock: also of markets that no session is about."""

from collections.abc import Callable
from threading import Lock

from sqlalchemy.orm import Session

from app.managers.data_manager.api import DataManager
from app.managers.time_manager import TimeManager
from app.managers.time_manager.clock import Clock
from app.services.market_data.parquet_storage import ParquetStorage


class Markets:
    """A `DataManager` per exchange group over one store, each made when it is first asked for.

    Their present is the clock's, whatever time a backtest has.
    """

    def __init__(
        self, storage: ParquetStorage, *, open_database: Callable[[], Session], clock: Clock
    ) -> None:
        self.storage = storage
        self._open_database = open_database
        self._clock = clock
        self._managers: dict[str, DataManager] = {}
        self._lock = Lock()

    def of(self, exchange_group: str) -> DataManager:
        """The data of one exchange group.

        Raises:
            ConfigurationError: it is unknown, or the database has no calendar of it.
        """
        with self._lock:
            if exchange_group not in self._managers:
                self._managers[exchange_group] = self._made(exchange_group)
            return self._managers[exchange_group]

    def _made(self, exchange_group: str) -> DataManager:
        with self._open_database() as db:
            market = TimeManager.for_exchange(db, exchange_group, clock=self._clock)
        return DataManager(self.storage, market, open_database=self._open_database)
