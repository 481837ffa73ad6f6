"""The data-quality gate: what a session does while a symbol's data are not good enough."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

import numpy as np

from app.core.exceptions import ConfigurationError
from app.core.types import Bools, Int64s

REFUSAL: Final = "data quality"
"""What the reason of an order begins with that the gate refused."""


class GateAction(StrEnum):
    """How long entries stay refused; orders that only reduce a position always pass.

    ``block_entries``: while the data are bad; ``exits_only``: to the end of that session;
    ``skip_symbol``: until a whole session has gone by in which they were not.
    """

    BLOCK_ENTRIES = "block_entries"
    EXITS_ONLY = "exits_only"
    SKIP_SYMBOL = "skip_symbol"


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityGate:
    """When the data of a symbol are bad, and what follows.

    They are bad while fewer than `min_quality_pct` percent of the session's minutes so far are
    there, asked once `after_minutes` minutes of it were expected, and while more than
    `max_gap_minutes` minutes in a row are missing. Minutes of a market-wide halt are not expected.
    """

    min_quality_pct: float
    max_gap_minutes: int
    action: GateAction
    after_minutes: int = 30

    def __post_init__(self) -> None:
        if not (math.isfinite(self.min_quality_pct) and 0 <= self.min_quality_pct <= 100):
            raise ConfigurationError(
                f"QualityGate.min_quality_pct: {self.min_quality_pct!r} must be from 0 to 100"
            )
        for name, least in (("max_gap_minutes", 1), ("after_minutes", 1)):
            if getattr(self, name) < least:
                raise ConfigurationError(
                    f"QualityGate.{name}: {getattr(self, name)!r} must be {least} or more"
                )


@dataclass(frozen=True, slots=True, eq=False)
class RestrictionColumns:
    """Changes of one symbol's restriction in time order, as columns of equal length.

    A session that begins restricted is told anew.

    From ``from_ns`` (UTC nanoseconds, included) on entries are refused where ``blocked`` is
    True, until the next change. Each is decided by bars that had ended at ``from_ns``: an order
    sent then is under it, and so is a fill in a bar that starts then.
    """

    from_ns: Int64s
    blocked: Bools

    @classmethod
    def none(cls) -> Self:
        """No change."""
        return cls(np.empty(0, np.int64), np.empty(0, np.bool_))

    def __len__(self) -> int:
        return len(self.from_ns)
