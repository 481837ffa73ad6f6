"""The session that is on, minute by minute, as its bars come in."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from loguru import logger

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.core.types import MINUTE_NS, SECOND_NS, Int64s
from app.threads.messages import Slab
from app.threads.session_coordinator import BarReader

OVERDUE_S = 60
"""A minute that is played so long after it was to be given up could not be traded on in time."""
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
        if not self._wait_until(lambda: self._source.now_ns() >= self._open_ns):
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
            minutes = arrivals.take(over_ns)
            yield Slab(
                self._number,
                self._number + 1,
                over_ns,
                minutes,
                traded,
                late=arrivals.late(),
                overdue=self._overdue(played_ns, over_ns) if traded else 0,
            )
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
        over_ns = played_ns

        def is_any_over() -> bool:
            nonlocal over_ns
            now_ns = self._source.now_ns()
            arrivals.look()
            over_ns = self._over_ns(arrivals, played_ns, last_ns, now_ns)
            return over_ns > played_ns

        return over_ns if self._wait_until(is_any_over) else None

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

    def _overdue(self, played_ns: int, over_ns: int) -> int:
        """How many of the minutes up to `over_ns` were to be played long ago."""
        due_ns = self._source.now_ns() - self._patience_ns - OVERDUE_S * SECOND_NS
        minutes = (min(over_ns, self._passed_ns(due_ns)) - played_ns) // MINUTE_NS
        if minutes > 0:
            logger.warning("{} minutes are played so late that none could be traded on", minutes)
        return max(0, minutes)

    def _passed_ns(self, moment_ns: int) -> int:
        """The end of the last whole minute of the session that had passed at a moment."""
        since_ns = moment_ns - self._open_ns
        whole_ns = self._open_ns + max(0, since_ns // MINUTE_NS) * MINUTE_NS
        return self._close_ns if since_ns >= self._close_ns - self._open_ns else whole_ns

    def _wait_until(self, holds: Callable[[], bool]) -> bool:
        """Wait until something holds; False if the run is to stop."""
        while not holds():
            if self._wait(_LOOK_EVERY_S):
                return False
        return True


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
        self._taken: dict[str, Int64s] = {symbol: np.empty(0, np.int64) for symbol in symbols}
        self._late: dict[str, int] = {}

    def look(self) -> None:
        """Read what came in since the last look."""
        for symbol in self._bars:
            version = self._version(symbol, *self._span)
            if version != self._versions.get(symbol):
                self._versions[symbol] = version
                self._bars[symbol] = self._read(symbol, *self._span)
                self._notice_late(symbol)

    def has_all(self, start_ns: int) -> bool:
        """Whether every symbol has a bar of the minute that starts then."""
        return all(_has(bars.start_ns, start_ns) for bars in self._bars.values())

    def take(self, until_ns: int) -> Mapping[str, BarColumns]:
        """The bars that start before `until_ns` and were not taken yet."""
        parts = {
            symbol: bars.between(self._taken_ns, until_ns) for symbol, bars in self._bars.items()
        }
        for symbol, part in parts.items():
            self._taken[symbol] = np.concatenate((self._taken[symbol], part.start_ns))
        self._taken_ns = until_ns
        return parts

    def late(self) -> Mapping[str, int]:
        """How many bars of each symbol came too late since this was asked last."""
        late, self._late = self._late, {}
        return late

    def _notice_late(self, symbol: str) -> None:
        starts = self._bars[symbol].start_ns
        late = np.setdiff1d(starts[: starts.searchsorted(self._taken_ns)], self._taken[symbol])
        if not len(late):
            return
        self._late[symbol] = self._late.get(symbol, 0) + len(late)
        self._taken[symbol] = np.union1d(self._taken[symbol], late)
        logger.warning(
            "{}: {} bars came after their minutes had been decided on, the last one that of {} UTC",
            symbol,
            len(late),
            np.datetime64(int(late[-1]), "ns").astype("datetime64[m]"),
        )


def _has(sorted_ns: Int64s, wanted_ns: int) -> bool:
    row = int(sorted_ns.searchsorted(wanted_ns))
    return row < len(sorted_ns) and sorted_ns.item(row) == wanted_ns
