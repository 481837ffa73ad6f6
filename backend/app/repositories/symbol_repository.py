"""Known symbols, to and from the database."""

from collections.abc import Iterable
from dataclasses import asdict, fields

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.exceptions import DataNotFoundError
from app.core.instruments import Instrument
from app.models.instrument import SymbolRow

_FIELDS = tuple(field.name for field in fields(Instrument))


class SymbolRepository:
    """Reads and writes instruments in the caller's unit of work."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def put(self, instruments: Iterable[Instrument]) -> None:
        """Store each instrument, in place of what was known of its symbol."""
        rows = {
            (row.symbol, row.exchange_group): row for row in self._db.scalars(select(SymbolRow))
        }
        for instrument in instruments:
            key = (instrument.symbol, instrument.exchange_group)
            row = rows.get(key)
            if row is None:
                row = rows[key] = SymbolRow(**asdict(instrument))
                self._db.add(row)
                continue
            for name, value in asdict(instrument).items():
                setattr(row, name, value)
        self._db.flush()

    def get(self, symbol: str, exchange_group: str) -> Instrument:
        """One instrument.

        Raises:
            DataNotFoundError: it is not known.
        """
        named = (SymbolRow.symbol == symbol, SymbolRow.exchange_group == exchange_group)
        row = self._db.scalar(select(SymbolRow).where(*named))
        if row is None:
            raise DataNotFoundError(f"symbol {symbol} of {exchange_group} is not known")
        return _instrument(row)

    def list(
        self,
        limit: int = 1_000,
        *,
        exchange_group: str | None = None,
        asset_class: str | None = None,
        after: str = "",
    ) -> tuple[Instrument, ...]:
        """Instruments by symbol: of one group, of one class, those that come after `after`."""
        query = select(SymbolRow).where(SymbolRow.symbol > after)
        if exchange_group is not None:
            query = query.where(SymbolRow.exchange_group == exchange_group)
        if asset_class is not None:
            query = query.where(SymbolRow.asset_class == asset_class)
        order = (SymbolRow.symbol, SymbolRow.exchange_group)
        return tuple(
            _instrument(row) for row in self._db.scalars(query.order_by(*order).limit(limit))
        )


def _instrument(row: SymbolRow) -> Instrument:
    return Instrument(**{name: getattr(row, name) for name in _FIELDS})
