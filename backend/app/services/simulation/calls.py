"""The calls of a batch: the feeds' events in time order, played piece by piece."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import length_hint
from typing import Any

import numpy as np

from app.core.strategy import BarCursor, Clock, IndicatorValue, Strategy
from app.core.strategy.views import NAN
from app.core.types import Int64s
from app.services.execution.exchange import SimulatedExchange
from app.services.execution.overnight import Overnight
from app.services.simulation.feeds import Events, Feed
from app.services.simulation.loops import CallFailed, merged_feeds_loop, single_feed_loop

_CALLS_AT_A_TIME = 512
"""Rows turned into Python numbers at once: few enough to stay in the cache."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part in a run: strategy objects with their number in `names`, and their feeds.

    Both are in the order in which they are called within one instant.
    """

    names: tuple[str, ...]
    strategies: Sequence[tuple[int, Strategy]]
    feeds: Sequence[Feed]
    exchange: SimulatedExchange
    overnight: Overnight
    clock: Clock


class Calls:
    """The calls of one batch, merged over the feeds in time order, played piece by piece.

    `on_failure` is told the number of a strategy that raised, and its error; if it returns,
    the other calls go on. `cut` may be called from any thread.
    """

    def __init__(
        self, cast: Cast, events: Sequence[Events], on_failure: Callable[[int, BaseException], None]
    ) -> None:
        self._clock = cast.clock
        self._exchange = cast.exchange
        self._feeds = cast.feeds
        self._on_failure = on_failure
        self._next = 0
        self._chunk: list[list[Any]] = []
        self._fields = tuple(sorted(frozenset().union(*(feed.fields for feed in cast.feeds))))
        self._feed_of: Int64s = np.empty(0, np.int64)
        self._objects: list[np.typing.NDArray[np.object_]] = []
        if len(cast.feeds) == 1:
            self._columns = _single(events[0], self._fields)
            self._loop = self._single_loop
        else:
            width = max((len(feed.handles) for feed in cast.feeds), default=0)
            self._feed_of, self._columns = _merged(events, self._fields, width)
            self._objects = _objects(cast.feeds, width, cast.clock)
            self._loop = self._merged_loop

    def play(self, until_ns: int, is_cut: Callable[[], bool]) -> bool:
        """Make the calls up to `until_ns`; False if they were cut before.

        `is_cut` is asked every few hundred calls. Who makes it true calls `cut` afterwards, and
        the next call is not begun.
        """
        last = int(self._columns[0].searchsorted(until_ns, side="right"))
        while self._next < last:
            rows = slice(self._next, min(last, self._next + _CALLS_AT_A_TIME))
            self._chunk = []  # let go of first, so that the new ones find its memory in the cache
            self._chunk = self._rows_as_lists(rows)
            if is_cut():
                return False
            self._play()
        return True

    def _rows_as_lists(self, rows: slice) -> list[list[Any]]:
        """The columns of some calls as the loops take them: the time, what is called, the rest."""
        times, *others = (column[rows].tolist() for column in self._columns)
        feeds = self._feed_of[rows]
        return [times, *(column[feeds].tolist() for column in self._objects), *others]

    def cut(self) -> None:
        """Begin no further call of the chunk at hand.

        The rows are a ``zip`` of lists, which ends where the first list does: emptying that
        costs the loop nothing until it happens.
        """
        if self._chunk:
            self._chunk[0].clear()

    def end(self) -> None:
        """Make no call any more, and let go of who would be called.

        From them it leads back here, through arrays, into which Python's garbage collector does
        not look: all of the run would stay in memory.
        """
        self._next = len(self._columns[0])
        self._objects = []

    def mute(self, strategy: int) -> None:
        """Leave out the calls of a strategy that are still to come."""
        for number, feed in enumerate(self._feeds):
            if feed.number == strategy:
                feed.is_muted = True
                if self._objects:
                    calls = self._chunk[1] if self._chunk else []
                    self._objects[0][number] = _ignore
                    calls[:] = [_ignore if call == feed.on_event else call for call in calls]

    def _play(self) -> None:
        """Play the chunk, going on behind a call that failed; count the calls made."""
        columns = [iter(column) for column in self._chunk]
        made, calls = len(self._chunk[1]), columns[1]
        rows = zip(*columns, strict=False)
        try:
            while True:
                try:
                    self._loop(rows)
                except CallFailed as failure:
                    feed = next(feed for feed in self._feeds if feed.cursor is failure.cursor)
                    self._on_failure(feed.number, failure.error)
                else:
                    return
        finally:
            self._next += made - length_hint(calls)

    def _single_loop(self, rows: Iterator[tuple[Any, ...]]) -> None:
        feed, exchange = self._feeds[0], self._exchange
        loop = single_feed_loop(self._fields, len(feed.handles), heard=exchange.is_heard)
        loop(
            rows,
            self._clock,
            exchange.book,
            exchange.match_until,
            feed.on_event,
            feed.cursor,
            *feed.handles,
        )

    def _merged_loop(self, rows: Iterator[tuple[Any, ...]]) -> None:
        width = max(len(feed.handles) for feed in self._feeds)
        loop = merged_feeds_loop(self._fields, width, heard=self._exchange.is_heard)
        loop(rows, self._clock, self._exchange.book, self._exchange.match_until)


def _ignore(_bar: BarCursor) -> None:
    """What a muted call does."""


def _single(events: Events, fields: Sequence[str]) -> list[Any]:
    return [events.end_ns, events.rows, *(events.bars[field] for field in fields), *events.values]


def _merged(
    events: Sequence[Events], fields: Sequence[str], width: int
) -> tuple[Int64s, list[Any]]:
    """Which feed each call is for, and the columns of all of them, in time order.

    Within an instant calls go in the order of the feeds. Each has values for `width` handles.
    """
    if not events:
        return np.empty(0, np.int64), [np.empty(0, np.int64)]
    end_ns = np.concatenate([event.end_ns for event in events])
    order = np.argsort(end_ns, kind="stable")
    feed_of = np.repeat(np.arange(len(events)), [len(event.end_ns) for event in events])[order]
    parts: list[list[Any]] = [
        [event.rows for event in events],
        *([event.bars[field] for event in events] for field in fields),
        *([_value_column(event, k) for event in events] for k in range(width)),
    ]
    return feed_of, [end_ns[order], *(np.concatenate(part)[order] for part in parts)]


def _objects(
    feeds: Sequence[Feed], width: int, clock: Clock
) -> list[np.typing.NDArray[np.object_]]:
    """What a merged row has of its feed, each as a column with one entry a feed.

    They are the call, the cursor and the handles; a spare handle stands in for one it has not.
    """
    spare = IndicatorValue(clock, lambda: np.empty(0, np.int64), lambda: np.empty(0))
    rows = [
        [feed.on_event, feed.cursor, *feed.handles, *[spare] * (width - len(feed.handles))]
        for feed in feeds
    ]
    columns = []
    for k in range(2 + width):
        column = np.empty(len(feeds), np.object_)
        column[:] = [row[k] for row in rows]
        columns.append(column)
    return columns


def _value_column(events: Events, k: int) -> Any:
    return events.values[k] if k < len(events.values) else np.full(len(events.end_ns), NAN)
