"""The configuration kept in the database."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core.administration import ConfigEntry, ValueType
from app.core.exceptions import ConfigurationError
from app.models.administration import ConfigRow


class ConfigRepository:
    """Reads and writes configuration values in the caller's unit of work."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def get(self, key: str) -> ConfigEntry | None:
        """The entry of that key, or None."""
        row = self._row(key)
        return None if row is None else _entry(row)

    def list(self, *, prefix: str = "") -> tuple[ConfigEntry, ...]:
        """The entries whose key begins with `prefix`, by key."""
        query = select(ConfigRow).where(ConfigRow.key.startswith(prefix, autoescape=True))
        return tuple(_entry(row) for row in self._db.scalars(query.order_by(ConfigRow.key)))

    def put(self, key: str, value: Any, *, changed_by: UUID | None = None) -> ConfigEntry:
        """Set a value, which is plain JSON; its kind is fixed by the first one.

        Raises:
            ConfigurationError: the entry holds another kind of value.
        """
        kind, row = _type_of(value), self._row(key)
        if row is None:
            row = ConfigRow(key=key, value_type=kind.value)
            self._db.add(row)
        elif row.value_type == ValueType.NUMBER and kind is ValueType.INTEGER:
            value = float(value)
        elif row.value_type != kind:
            raise ConfigurationError(f"{key} holds a {row.value_type}, {value!r} is a {kind}")
        row.value, row.changed_by = value, changed_by
        self._db.flush()
        self._db.refresh(row)
        return _entry(row)

    def remove(self, key: str) -> bool:
        """Forget a value; False if there was none."""
        gone = delete(ConfigRow).where(ConfigRow.key == key).returning(ConfigRow.id)
        return self._db.scalar(gone) is not None

    def _row(self, key: str) -> ConfigRow | None:
        return self._db.scalar(select(ConfigRow).where(ConfigRow.key == key))


def _type_of(value: object) -> ValueType:
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    kinds = {int: ValueType.INTEGER, float: ValueType.NUMBER, str: ValueType.STRING}
    return kinds.get(type(value), ValueType.JSON)


def _entry(row: ConfigRow) -> ConfigEntry:
    return ConfigEntry(
        key=row.key,
        value=row.value,
        value_type=ValueType(row.value_type),
        changed_by=row.changed_by,
        updated_at=row.updated_at,
    )
