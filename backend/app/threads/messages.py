"""What passes between the threads of a run: slices of bars and what was derived from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.data_structures import BarColumns
from app.core.types import Floats
from app.services.simulation.derivation import Batch

NamedValues = Mapping[str, Mapping[str, float | Floats]]
"""Historical indicators of one session: name in the config, then symbol."""


@dataclass(frozen=True, slots=True)
class Slab:
    """Whole sessions of all symbols: numbers ``first`` to ``last`` (exclusive) of the run's grid.

    ``until_ns`` is the close of the last one. History is derived from but not traded.
    """

    first: int
    last: int
    until_ns: int
    minutes: Mapping[str, BarColumns]
    is_history: bool


@dataclass(frozen=True, slots=True)
class DerivedSlab:
    """A slab derived from: its rows in SessionData, and what each session starts with."""

    slab: Slab
    batch: Batch
    historical: Sequence[NamedValues]
