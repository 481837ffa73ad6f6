"""How much of a bar an order may take, how soon it acts, and what a touch of a limit is worth."""

import math
from dataclasses import dataclass

from app.core.exceptions import ConfigurationError

ALL_PCT = 100.0
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRules:
    """What the simulated exchange assumes beyond prices; the defaults assume nothing.

    Attributes:
        participation_pct: most percent of a minute bar's volume that the run's orders may fill
            in it together, first come first served; the rest waits for the next bar. An order
            over whole units fills in whole units. 0: no cap, every order fills whole.
        latency_ns: how long an order, a cancel or a replacement is under way, in nanoseconds: it
            acts from the first bar that starts no earlier than the instant it was sent at plus
            this. 0: the bar that starts at the instant it was sent.
        latency_bars: how many bars of the symbol it misses on top of that.
        touch_fills: whether a limit that the bar only touches fills; otherwise the price has to
            trade through it.
    """

    participation_pct: float = 0.0
    latency_ns: int = 0
    latency_bars: int = 0
    touch_fills: bool = False

    def __post_init__(self) -> None:
        """Refuse what no market does.

        Raises:
            ConfigurationError: for a share outside 0 to 100, or a latency below zero.
        """
        if not (math.isfinite(self.participation_pct) and 0 <= self.participation_pct <= ALL_PCT):
            raise ConfigurationError(
                f"FillRules.participation_pct: {self.participation_pct!r} is not a share of a "
                "bar's volume; give percent, above 0 to 100, or 0 for no cap"
            )
        for name, value in (("latency_ns", self.latency_ns), ("latency_bars", self.latency_bars)):
            if value < 0:
                raise ConfigurationError(
                    f"FillRules.{name}: {value!r} must be zero or more; "
                    "an order cannot arrive before it is sent"
                )
