"""Array types and constants used throughout."""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
"""Prices, volumes, indicator values; NaN means "not known yet"."""

Int64s: TypeAlias = npt.NDArray[np.int64]
"""UTC nanoseconds since 1970, or row numbers."""

Bools: TypeAlias = npt.NDArray[np.bool_]

MAX_SYMBOL_LENGTH: Final = 64
"""Characters, wherever a symbol is stored or asked for."""

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
