"""SessionCoordinator: the life cycle of a run, from the first historical bar to its end.

Per run: history → slabs of whole sessions, read ahead of the one being decided → end. What
each session begins with (historical indicators, quality) travels with its slab, so sessions
follow one another without waiting for this thread.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from loguru import logger

from app.core.data_structures import BarColumns
from app.core.sessions import SessionGrid
from app.threads.messages import Slab
from app.threads.sync import Channel, RunControl, StreamSubscription
from app.threads.worker import Worker

BarReader = Callable[[str, int, int], BarColumns]
"""Bars of a symbol that start in ``[first_ns, last_ns)``, and lie in sessions."""

_FIRST_SLAB_BARS = 131_072
_LARGEST_SLAB_BARS = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class Itinerary:
    """Which sessions to play: those of `sessions` from number `first_session` on, after history.

    `prefetch_days` sessions at least are read at a time.
    """

    symbols: Sequence[str]
    sessions: SessionGrid
    first_session: int
    prefetch_days: int

    def slabs(self, read: BarReader) -> Iterator[Slab]:
        """History, then slabs of whole sessions, each read when it is asked for."""
        if self.first_session:
            yield self._slab(read, 0, self.first_session, traded=False)
        first, bars = self.first_session, _FIRST_SLAB_BARS
        while first < len(self.sessions):
            last = min(len(self.sessions), first + self._sessions_of(first, bars))
            yield self._slab(read, first, last, traded=True)
            first, bars = last, min(2 * bars, _LARGEST_SLAB_BARS)

    def _sessions_of(self, first: int, bars: int) -> int:
        """How many sessions have about so many bars, going by the length of the first."""
        grid = self.sessions
        minutes = int(grid.close_ns[first] - grid.open_ns[first]) // 60_000_000_000
        return max(self.prefetch_days, bars // max(1, minutes * len(self.symbols)))

    def _slab(self, read: BarReader, first: int, last: int, *, traded: bool) -> Slab:
        grid = self.sessions
        begin_ns, end_ns = int(grid.open_ns[first]), int(grid.close_ns[last - 1])
        minutes = {symbol: read(symbol, begin_ns, end_ns) for symbol in self.symbols}
        return Slab(first, last, end_ns, minutes, traded)


class Route(Protocol):
    """Says what is played, in which pieces, and when there is one."""

    def slabs(self, read: BarReader) -> Iterator[Slab]:
        """History, then what is traded; asked for the next, it may wait for it."""


class SessionCoordinator(Worker):
    """Reads history and sessions from the store and sends them on their way."""

    def __init__(
        self,
        control: RunControl,
        *,
        route: Route,
        read: BarReader,
        slabs: Channel[Slab],
        arrivals: StreamSubscription[Slab],
        end: Callable[[], None],
    ) -> None:
        super().__init__("SessionCoordinator", control)
        self._route = route
        self._read = read
        self._slabs = slabs
        self._arrivals = arrivals
        self._end = end

    def work(self) -> None:
        """Send every slab, then end the run when all of it has been decided on."""
        try:
            self._send_slabs()
        except BaseException as error:
            self.control.fail(self.name, error)
            raise
        finally:
            self._arrivals.close()
            self._end()

    def _send_slabs(self) -> None:
        slabs = self._route.slabs(self._read_one)
        while not self.control.stopping and (slab := next(slabs, None)) is not None:
            logger.debug("sessions {} to {} read", slab.first, slab.last - 1)
            if not self._slabs.put(slab):
                break
            self._arrivals.notify(slab)
        self._slabs.close()

    def _read_one(self, symbol: str, first_ns: int, last_ns: int) -> BarColumns:
        with self.working():
            return self._read(symbol, first_ns, last_ns)
