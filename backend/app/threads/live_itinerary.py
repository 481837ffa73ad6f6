"""The session that is on, minute by minute, as its bars come in."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from loguru import logger

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.core.types import MINUTE_NS, Bools, Int64s
from app.threads.messages import Slab
from app.threads.session_coordinator import BarReader

_LOOK_EVERY_S = 0.05
"""How often it looks for bars that came; what nothing has happened to is not read."""

BarVersion = Callable[[str, int, int], Hashable]
"""Something that changes whenever the bars of a symbol in ``[first_ns, last_ns)`` do."""


@dataclass(frozen=True, slots=True)
class LiveSource:
    """What is asked again and again while a session is on: for news, and for the time."""

    version: BarVersion
    now_ns: Callable[[], int]


class LiveItinerary:
    """History when the session opens, then the session's minutes, each when it is over.

    A minute is over when it has passed and the bars of all symbols are there, at the latest
    `patience_s` after it has passed. What comes later is counted, and not played: no decision
    can have known of it. Of a session that is on already when this is made, the minutes that have
    passed are derived from and not traded.

    `wait` sleeps for some seconds and says whether the run is to stop.
    """

    def __init__(
        self,
        *,
        symbols: Sequence[str],
        sessions: SessionGrid,
        first_session: int,
        patience_s: float,
        source: LiveSource,
        wait: Callable[[float], bool],
    ) -> None:
        self._symbols = symbols
        self._sessions = sessions
        self._number = first_session
        self._open_ns = sessions.open_ns.item(first_session)
        self._close_ns = sessions.close_ns.item(first_session)
        self._patience_ns = int(patience_s * 1e9)
        self._source = source
        self._wait = wait
        self._begun_ns = self._passed_ns(source.now_ns())

    def slabs(self, read: BarReader) -> Iterator[Slab]:
        """History, what was missed, then one or several minutes at a time, up to the close."""
        logger.info("following the session that opens at {} UTC", _shown(self._open_ns))
        while self._source.now_ns() < self._open_ns:
            if self._wait(_LOOK_EVERY_S):
                return
        if self._number:
            yield self._history(read)
        span = self._open_ns, self._close_ns
        arrivals = Arrivals(self._symbols, *span, version=self._source.version, read=read)
        played_ns = self._open_ns
        while played_ns < self._close_ns:
            traded = played_ns >= self._begun_ns
            last_ns = self._close_ns if traded else self._begun_ns
            over_ns = self._next_over_ns(arrivals, played_ns, last_ns)
            if over_ns is None:
                return
            minutes, counted = arrivals.take(over_ns), arrivals.counted()
            yield Slab(self._number, self._number + 1, over_ns, minutes, traded, counted)
            played_ns = over_ns

    def _history(self, read: BarReader) -> Slab:
        begin_ns = self._sessions.open_ns.item(0)
        end_ns = self._sessions.close_ns.item(self._number - 1)
        minutes = {symbol: read(symbol, begin_ns, end_ns) for symbol in self._symbols}
        return Slab(0, self._number, end_ns, minutes, traded=False)

    def _next_over_ns(self, arrivals: "Arrivals", played_ns: int, last_ns: int) -> int | None:
        """Wait for a minute after `played_ns` to be over; the end of the last one up to `last_ns`.

        None if the run is to stop instead.
        """
        while True:
            now_ns = self._source.now_ns()
            arrivals.look()
            over_ns = self._over_ns(arrivals, played_ns, last_ns, now_ns)
            if over_ns > played_ns:
                return over_ns
            if self._wait(_LOOK_EVERY_S):
                return None

    def _over_ns(self, arrivals: "Arrivals", played_ns: int, last_ns: int, now_ns: int) -> int:
        """The end of the last minute that is over, and all before it.

        `now_ns` is before the last look for arrivals, so that none is given up unseen.
        """
        passed_ns = min(self._passed_ns(now_ns), last_ns)
        given_up_ns = min(self._passed_ns(now_ns - self._patience_ns), last_ns)
        over_ns = max(played_ns, given_up_ns)
        while over_ns < passed_ns and arrivals.has_all(over_ns):
            over_ns = min(over_ns + MINUTE_NS, self._close_ns)
        return over_ns

    def _passed_ns(self, moment_ns: int) -> int:
        """The end of the last whole minute of the session that had passed at a moment."""
        since_ns = moment_ns - self._open_ns
        whole_ns = self._open_ns + max(0, since_ns // MINUTE_NS) * MINUTE_NS
        return self._close_ns if since_ns >= self._close_ns - self._open_ns else whole_ns


class Arrivals:
    """The bars of one session as they come into the store, for each symbol."""

    def __init__(
        self,
        symbols: Sequence[str],
        open_ns: int,
        close_ns: int,
        *,
        version: BarVersion,
        read: BarReader,
    ) -> None:
        self._span = open_ns, close_ns
        self._taken_ns = open_ns
        self._version = version
        self._read = read
        self._versions: dict[str, Hashable] = {}
        self._bars = {symbol: BarColumns.empty() for symbol in symbols}
        self._played = {symbol: BarColumns.empty() for symbol in symbols}
        self._noticed: dict[str, set[int]] = {symbol: set() for symbol in symbols}
        self._counted: dict[str, Counter[str]] = {}

    def look(self) -> None:
        """Read what came in since the last look."""
        for symbol in self._bars:
            version = self._version(symbol, *self._span)
            if version != self._versions.get(symbol):
                self._versions[symbol] = version
                self._bars[symbol] = self._read(symbol, *self._span)
                self._look_back(symbol)

    def has_all(self, start_ns: int) -> bool:
        """Whether every symbol has a bar of the minute that starts then."""
        return all(_has(bars.start_ns, start_ns) for bars in self._bars.values())

    def take(self, until_ns: int) -> Mapping[str, BarColumns]:
        """The bars that start before `until_ns` and were not taken yet."""
        parts = {
            symbol: bars.between(self._taken_ns, until_ns) for symbol, bars in self._bars.items()
        }
        for symbol, part in parts.items():
            self._played[symbol] = BarColumns.concatenate([self._played[symbol], part])
        self._taken_ns = until_ns
        return parts

    def counted(self) -> Mapping[str, Mapping[str, int]]:
        """Bars of each symbol that came or changed too late, since this was asked last."""
        counted, self._counted = self._counted, {}
        return counted

    def _look_back(self, symbol: str) -> None:
        """Compare what is stored now of the minutes that were taken with what was taken."""
        played = self._played[symbol]
        stored = self._bars[symbol].between(self._span[0], self._taken_ns)
        late = np.setdiff1d(stored.start_ns, played.start_ns)
        self._notice(symbol, "late_bars", late, "came after their minutes had been decided on")
        changed = played.start_ns[~_is_among(played, stored)]
        self._notice(symbol, "changed_bars", changed, "changed after they had been decided on")

    def _notice(self, symbol: str, name: str, starts_ns: Int64s, what: str) -> None:
        """Count the minutes that were not noticed before, and say so in the log."""
        new = sorted(set(starts_ns.tolist()) - self._noticed[symbol])
        if not new:
            return
        self._noticed[symbol].update(new)
        self._counted.setdefault(symbol, Counter())[name] += len(new)
        last = _shown(new[-1])
        logger.warning("{}: {} bars {}, the last one that of {} UTC", symbol, len(new), what, last)


def _shown(moment_ns: int) -> str:
    return str(np.datetime64(moment_ns, "ns").astype("datetime64[m]")).replace("T", " ")


def _has(sorted_ns: Int64s, wanted_ns: int) -> bool:
    row = int(sorted_ns.searchsorted(wanted_ns))
    return row < len(sorted_ns) and sorted_ns.item(row) == wanted_ns


def _is_among(bars: BarColumns, others: BarColumns) -> Bools:
    """Which of `bars` are in `others` too, with the same prices and volume."""
    if not len(others):
        return np.zeros(len(bars), np.bool_)
    rows = np.minimum(others.start_ns.searchsorted(bars.start_ns), len(others) - 1)
    same = [ours == theirs[rows] for ours, theirs in zip(bars, others, strict=True)]
    among: Bools = np.logical_and.reduce(same)
    return among
