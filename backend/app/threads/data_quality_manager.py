"""DataQualityManager: how complete the bars of each session are, told beside the stream."""

from collections.abc import Mapping, Sequence
from threading import Event

import numpy as np
from loguru import logger

from app.core.intervals import ONE_MINUTE
from app.core.session_data import SessionData
from app.core.sessions import SessionGrid
from app.core.types import Floats
from app.services.market_data.gap_detection import GapColumns
from app.services.market_data.quality_scoring import QualityColumns, session_quality
from app.threads.messages import Slab
from app.threads.sync import RunControl, StreamSubscription
from app.threads.worker import Worker


class DataQualityManager(Worker):
    """Scores whole sessions as their bars arrive; never holds the stream up.

    A derived bar has the score of the minutes it is made of, which
    `quality_scoring.derived_quality` works out when somebody asks.
    """

    def __init__(
        self,
        control: RunControl,
        *,
        data: SessionData,
        symbols: Sequence[str],
        sessions: SessionGrid,
        arrivals: StreamSubscription[Slab],
        enabled: bool,
    ) -> None:
        super().__init__("DataQualityManager", control)
        self._data = data
        self._symbols = tuple(symbols)
        self._sessions = sessions
        self._arrivals = arrivals
        self._enabled = enabled
        self._percentages = {symbol: np.full(len(sessions), np.nan) for symbol in symbols}
        self._scored: dict[str, list[tuple[int, QualityColumns]]] = {s: [] for s in symbols}
        self.finished = Event()

    def run(self) -> None:
        """Work, and say so when it is over, however it ended."""
        super().run()
        self.finished.set()

    def work(self) -> None:
        """Score until no more bars will arrive."""
        while not (self._arrivals.closed or self.control.stopping):
            slab = self._arrivals.wait_for_notification(timeout=0.1)
            if slab is not None and self._enabled:
                self._score(slab)
        if self._arrivals.dropped:
            logger.warning("{} arrivals were not scored for quality", self._arrivals.dropped)

    @property
    def percentages(self) -> Mapping[str, Floats]:
        """Per symbol, the score of each session of the grid; NaN where none was made."""
        return self._percentages

    def summary(self, last: int) -> dict[str, dict[str, object]]:
        """Per symbol: minutes expected and present, gaps, the score.

        Over the sessions traded: those before number `last`, of which more may have been read.
        """
        return {
            symbol: _summary([_before(last - first, quality) for first, quality in scored])
            for symbol, scored in self._scored.items()
            if scored
        }

    def _score(self, slab: Slab) -> None:
        sessions = self._sessions.slice(slab.first, slab.last)
        for symbol in self._symbols:
            quality = session_quality(slab.minutes[symbol], sessions)
            self._percentages[symbol][slab.first : slab.last] = quality.percentage
            if not slab.is_history:
                self._scored[symbol].append((slab.first, quality))
            self._data.set_quality(symbol, ONE_MINUTE, float(quality.percentage[-1]))


def _before(count: int, quality: QualityColumns) -> QualityColumns:
    """The first `count` sessions; all if there are fewer, none if it is below zero."""
    count = max(0, count)
    gaps, within = quality.gaps, quality.gaps.session < count
    return QualityColumns(
        quality.dates[:count],
        quality.expected[:count],
        quality.present[:count],
        GapColumns(gaps.session[within], gaps.start_ns[within], gaps.end_ns[within]),
    )


def _summary(scored: Sequence[QualityColumns]) -> dict[str, object]:
    expected = sum(int(quality.expected.sum()) for quality in scored)
    present = sum(int(quality.present.sum()) for quality in scored)
    return {
        "quality_pct": 100.0 * present / expected if expected else None,
        "expected_minutes": expected,
        "present_minutes": present,
        "gaps": sum(len(quality.gaps) for quality in scored),
        "incomplete_sessions": sum(int((q.present < q.expected).sum()) for q in scored),
    }
