"""What repositories share: collisions told apart from mistakes."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.exceptions import ConflictError
from app.models.database import Base

_UNIQUE_VIOLATION = "23505"
_SQLITE_UNIQUE = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")


@contextmanager
def refusing_copies(message: str) -> Iterator[None]:
    """Around a write: a ConflictError saying `message` if its business key is taken.

    The unit of work it happens in is lost and must end.
    """
    try:
        yield
    except IntegrityError as error:
        if not _is_collision(error):
            raise
        raise ConflictError(message) from error


def _is_collision(error: IntegrityError) -> bool:
    if getattr(error.orig, "sqlstate", None) == _UNIQUE_VIOLATION:
        return True
    return getattr(error.orig, "sqlite_errorname", None) in _SQLITE_UNIQUE


def adding_unless_known(db: Session, row: type[Base], *key: str) -> Any:
    """An insertion of a `row` that is none if there is one of the same `key`; give it ``values``.

    If another unit of work is adding that row, it waits for what becomes of it.
    """
    dialect = import_module(f"sqlalchemy.dialects.{db.get_bind().dialect.name}")
    return dialect.insert(row).on_conflict_do_nothing(index_elements=key)
