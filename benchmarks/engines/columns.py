"""A digest of rows, so that engines can be held to the same ones."""

import hashlib
from collections.abc import Iterable

import numpy as np


def digest(columns: Iterable[np.ndarray]) -> str:
    """A short hash of `columns` as int64 or float64, in row order."""
    total = hashlib.sha256()
    for column in columns:
        kind = np.int64 if column.dtype.kind in "iuM" else np.float64
        total.update(np.ascontiguousarray(column).astype(kind, copy=False).tobytes())
    return total.hexdigest()[:16]
