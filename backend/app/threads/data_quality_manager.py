"""DataQualityManager: how complete the bars of each session are, told beside the stream."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from loguru import logger

from app.core.data_structures import BarColumns
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
    """Scores of sessions, slab by slab; SessionData is told the latest.

    A session that is still going on is scored by the minutes that are over, anew with each slab.

    A derived bar has the score of the minutes it is made of, which
    `quality_scoring.derived_quality` works out when somebody asks.
    """

    def __init__(
        self,
        data: SessionData,
        *,
        symbols: Sequence[str],
        sessions: SessionGrid,
        first_session: int,
        halts: Sequence[MarketHalt],
        enabled: bool,
    ) -> None:
        self._data = data
        self._first_session = first_session
        self._symbols = tuple(symbols)
        self._sessions = sessions
        self._halted = halted_minutes(halts)
        self._enabled = enabled
        self._percentages = {symbol: np.full(len(sessions), np.nan) for symbol in symbols}
        self._scored: dict[str, list[QualityColumns]] = {symbol: [] for symbol in symbols}
        self._begun: Mapping[str, BarColumns] = {}
        self._counted: dict[str, Counter[str]] = {symbol: Counter() for symbol in symbols}

    @property
    def percentages(self) -> Mapping[str, Floats]:
        """Per symbol, the score of each session of the grid; NaN where none was made."""
        return self._percentages

    def summary(self, traded: int) -> dict[str, dict[str, object]]:
        """Per symbol, over the first `traded` sessions behind history: minutes, gaps, score.

        And what was counted of bars that came or changed too late.
        """
        found = {
            symbol: (_summary(scored, traded) if scored else {}) | self._counted[symbol]
            for symbol, scored in self._scored.items()
        }
        return {symbol: facts for symbol, facts in found.items() if facts}

    def step(self, slab: Slab) -> None:
        """Score the sessions of `slab`, if they are to be scored."""
        for symbol, counted in slab.counted.items():
            self._counted[symbol].update(counted)
        if not self._enabled:
            return
        sessions = self._sessions.slice(slab.first, slab.last)
        minutes = self._since_their_opens(slab)
        for symbol in self._symbols:
            quality = session_quality(
                minutes[symbol], sessions, until_ns=slab.until_ns, halted=self._halted
            )
            self._percentages[symbol][slab.first : slab.last] = quality.percentage
            if slab.first >= self._first_session:
                if symbol in self._begun:
                    self._scored[symbol].pop()
                self._scored[symbol].append(quality)
            self._data.set_quality(symbol, ONE_MINUTE, float(quality.percentage[-1]))
        self._begun = minutes if slab.until_ns < sessions.close_ns[-1] else {}

    def _since_their_opens(self, slab: Slab) -> Mapping[str, BarColumns]:
        """The minutes of the slab, and before them those of the session it goes on with."""
        if not self._begun:
            return slab.minutes
        return {
            symbol: BarColumns.concatenate([begun, slab.minutes[symbol]])
            for symbol, begun in self._begun.items()
        }


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
