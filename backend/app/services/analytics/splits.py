"""Units before and after a split: everything counted in the units of the run's end.

Where a run had no split, every function hands back what it was given.
"""

from dataclasses import replace

import numpy as np

from app.core.run_log import FillColumns, RunLog
from app.core.types import Floats, Int64s

_ONE = np.ones(1)


def later_ratio(
    log: RunLog, index: int, times_ns: Int64s, *, at_once: bool = True
) -> Floats | None:
    """Units at the run's end that one unit of symbol number `index` held at each time becomes.

    A split at the very time counts as over; with ``at_once=False`` as still to come. None if
    the symbol was not split.
    """
    splits = [split for split in log.splits if split.symbol == index]
    if not splits:
        return None
    moments = np.array([split.time_ns for split in splits], np.int64)
    ratios = np.array([split.ratio for split in splits])
    after = np.concatenate((np.cumprod(ratios[::-1])[::-1], _ONE))
    done = np.searchsorted(moments, times_ns, side="right" if at_once else "left")
    factors: Floats = after[done]
    return factors


def in_final_units(log: RunLog, fills: FillColumns) -> FillColumns:
    """`fills` with quantities and prices as if all their units were those of the run's end.

    Their values, and so what they did to cash, stay.
    """
    if not log.splits:
        return fills
    factors = fill_ratios(log, fills.symbol, fills.time_ns)
    return replace(fills, quantity=fills.quantity * factors, price=fills.price / factors)


def fill_ratios(log: RunLog, symbols: Int64s, times_ns: Int64s) -> Floats:
    """`later_ratio` of each pair of a symbol's number and a time; 1.0 where there is none."""
    factors = np.ones(len(times_ns))
    for index in sorted({split.symbol for split in log.splits}):
        own = symbols == index
        ratio = later_ratio(log, index, times_ns[own])
        if ratio is not None:
            factors[own] = ratio
    return factors
