"""Where sessions begin within a batch."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from app.core.types import Int64s


def session_segments(sessions: Int64s) -> Iterator[tuple[int, int, int]]:
    """Session number, first row and row after the last, for each session in the batch."""
    count = len(sessions)
    if not count:
        return
    if sessions[0] == sessions[-1]:
        yield int(sessions[0]), 0, count
        return
    starts = np.flatnonzero(np.diff(sessions)) + 1
    edges = [0, *starts.tolist(), count]
    for first, last in pairwise(edges):
        yield int(sessions[first]), first, last
