"""DataQualityManager: how complete the bars of each session are, told beside the stream."""

from collections.abc import Mapping, Sequence

import numpy as np
from loguru import logger

from app.core.intervals import ONE_MINUTE
from app.core.market_halts import MarketHalt, halted_minutes
from app.core.session_data import SessionData
from app.core.sessions import SessionGrid
from app.core.types import Floats
from app.services.market_data.quality_scoring import QualityColumns, session_quality
from app.threads.messages import Slab
from app.threads.sync import RunControl, StreamSubscription
from app.threads.worker import Worker


class SessionScores:
    """Scores of whole sessions, slab by slab; SessionData is told the latest.

    A derived bar has the score of the minutes it is made of, which
    `quality_scoring.derived_quality` works out when somebody asks.
    """

    def __init__(
        self,
        data: SessionData,
        *,
        symbols: Sequence[str],
        sessions: SessionGrid,
        halts: Sequence[MarketHalt],
        enabled: bool,
    ) -> None:
        self._data = data
        self._symbols = tuple(symbols)
        self._sessions = sessions
        self._halted = halted_minutes(halts)
        self._enabled = enabled
        self._percentages = {symbol: np.full(len(sessions), np.nan) for symbol in symbols}
        self._scored: dict[str, list[QualityColumns]] = {symbol: [] for symbol in symbols}

    @property
    def percentages(self) -> Mapping[str, Floats]:
        """Per symbol, the score of each session of the grid; NaN where none was made."""
        return self._percentages

    def summary(self, traded: int) -> dict[str, dict[str, object]]:
        """Per symbol, over the first `traded` sessions behind history: minutes, gaps, score."""
        return {
            symbol: _summary(scored, traded) for symbol, scored in self._scored.items() if scored
        }

    def step(self, slab: Slab) -> None:
        """Score the sessions of `slab`, if they are to be scored."""
        if not self._enabled:
            return
        sessions = self._sessions.slice(slab.first, slab.last)
        for symbol in self._symbols:
            quality = session_quality(slab.minutes[symbol], sessions, halted=self._halted)
            self._percentages[symbol][slab.first : slab.last] = quality.percentage
            if not slab.is_history:
                self._scored[symbol].append(quality)
            self._data.set_quality(symbol, ONE_MINUTE, float(quality.percentage[-1]))


class DataQualityManager(Worker):
    """Scores sessions as their bars arrive; never holds the stream up."""

    def __init__(
        self,
        control: RunControl,
        *,
        scores: SessionScores,
        arrivals: StreamSubscription[Slab],
    ) -> None:
        super().__init__("DataQualityManager", control)
        self._arrivals = arrivals
        self.scores = scores

    def work(self) -> None:
        """Score until no more bars will arrive."""
        while not (self._arrivals.closed or self.control.failure):
            slab = self._arrivals.wait_for_notification(timeout=0.1)
            if slab is not None:
                with self.working():
                    self.scores.step(slab)
        if self._arrivals.dropped:
            logger.warning("{} arrivals were not scored for quality", self._arrivals.dropped)

    @property
    def percentages(self) -> Mapping[str, Floats]:
        """Per symbol, the score of each session of the grid; NaN where none was made."""
        return self.scores.percentages


def _summary(scored: Sequence[QualityColumns], traded: int) -> dict[str, object]:
    expected = present = gaps = incomplete = 0
    for quality in scored:
        due, there = quality.expected[:traded], quality.present[:traded]
        expected += int(due.sum())
        present += int(there.sum())
        gaps += int((quality.gaps.session < traded).sum())
        incomplete += int((there < due).sum())
        traded = max(0, traded - len(quality))
    return {
        "quality_pct": 100.0 * present / expected if expected else None,
        "expected_minutes": expected,
        "present_minutes": present,
        "gaps": gaps,
        "incomplete_sessions": incomplete,
    }
