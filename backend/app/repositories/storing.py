"""What repositories share: collisions told apart from mistakes."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError

from app.core.exceptions import ConflictError

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
