"""What passes between the threads of a run: slices of bars and what was derived from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.core.data_structures import BarColumns
from app.core.types import Floats
from app.services.simulation.derivation import Batch

NamedValues = Mapping[str, Mapping[str, float | Floats]]
"""Historical indicators of one session: name in the config, then symbol."""


@dataclass(frozen=True, slots=True)
class Slab:
    """Sessions of all symbols: numbers ``first`` to ``last`` (exclusive) of the run's grid.

    They are whole and ``until_ns`` is the close of the last one, unless it is still going on:
    then these are its minutes that ended since the slab before. What is not ``traded`` is derived
    from all the same: history, and what was missed of a session that was entered late. ``counted``
    says, per symbol, what has happened to bars after they were decided on or should have been.
    """

    first: int
    last: int
    until_ns: int
    minutes: Mapping[str, BarColumns]
    traded: bool
    counted: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DerivedSlab:
    """A slab derived from: its rows in SessionData, and what each session starts with."""

    slab: Slab
    batch: Batch
    historical: Sequence[NamedValues]
