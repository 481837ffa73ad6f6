"""How far a run is and how fast it goes, published by the deciding thread for any reader."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from time import perf_counter


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """A snapshot of a run; immutable, so readers never see half of one.

    `pnl` is equity less starting cash in the quote currency; `positions` are units held per
    symbol, those that are not zero.
    """

    session: date | None = None
    now_ns: int = 0
    sessions_done: int = 0
    sessions_total: int = 0
    bars: int = 0
    bars_per_s: float = 0.0
    equity: float = 0.0
    pnl: float = 0.0
    positions: dict[str, float] = field(default_factory=dict)
    orders: int = 0


class ProgressBoard:
    """Where the latest snapshot is pinned; `on_publish` is called after each."""

    def __init__(self, sessions_total: int) -> None:
        self.on_publish: Callable[[], None] = _nothing
        self.latest = RunProgress(sessions_total=sessions_total)
        self._started_s = perf_counter()

    def restart_clock(self) -> None:
        """Count bars per second from now on."""
        self._started_s = perf_counter()

    def rate(self, bars: int) -> float:
        """Bars per second since the clock was started."""
        return bars / max(perf_counter() - self._started_s, 1e-9)

    def publish(self, progress: RunProgress) -> None:
        """Pin a snapshot."""
        self.latest = progress
        self.on_publish()


def _nothing() -> None:
    """Nobody wants to know."""
