"""What every cost model refuses."""

import math
from dataclasses import fields

from app.core.exceptions import ConfigurationError


class NotNegative:
    """Refuses numbers that are negative or infinite, naming the field."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not (math.isfinite(value) and value >= 0):
                raise ConfigurationError(
                    f"{type(self).__name__}.{field.name}: {value!r} must be a finite number, "
                    "zero or more"
                )
