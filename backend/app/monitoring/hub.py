"""Where the engine leaves what others may want to see, without ever waiting for them.

A publisher pays for a look into a dictionary, and for two appends if somebody listens. No lock
is taken: `deque.append`, `deque.popleft` and `next` are each one step under the interpreter's
lock, so a publisher never waits for a listener.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from threading import Lock
from typing import Any

CAPACITY = 256
"""Payloads that wait in a channel of one listener; the oldest give way."""


@dataclass(slots=True)
class Figures:
    """What the doors of the platform count, for whoever measures: plain numbers.

    `connections` and `subscriptions` are of now, `queued` the messages that wait for clients;
    the others only grow. `lost` are messages a client was too slow for, `overrun` payloads
    that came faster than they could be sent to anybody, `wakes` how often the listener was
    woken, `refused` connections and messages that were not let in, were above a cap, or could
    not be read.
    """

    connections: int = 0
    subscriptions: int = 0
    queued: int = 0
    sent: int = 0
    lost: int = 0
    overrun: int = 0
    wakes: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """What has come in one channel since the last time, oldest first; `lost` gave way before."""

    channel: str
    payloads: tuple[Any, ...]
    lost: int


class Hub:
    """Publishers on one side, listeners on the other; any thread may be either.

    `wanted` are the channels somebody listens to: who would have to work for a payload asks
    first. Payloads are values that never change after they were published. `is_racing` is set
    by a publisher that goes as fast as it can: whatever listeners do is taken from it then.
    """

    def __init__(self) -> None:
        self.wanted: frozenset[str] = frozenset()
        self.is_racing = False
        self.figures = Figures()
        self._outlets: tuple[Outlet, ...] = ()
        self._lock = Lock()
        self._versions = count(1)

    def next_version(self) -> int:
        """A number for a `Snapshot`, drawn before what it shows is looked at."""
        return next(self._versions)

    def publish(self, channel: str, payload: Any) -> None:
        """Leave `payload` for those who listen to `channel`; never waits."""
        if channel in self.wanted:
            for outlet in self._outlets:
                outlet.put(channel, payload)

    def open(self, wake: Callable[[], None]) -> "Outlet":
        """A new listener.

        `wake` is called in the publisher's thread when something has come, and not again
        before it has been taken; it must return at once.
        """
        with self._lock:
            outlet = Outlet(self, wake)
            self._outlets = (*self._outlets, outlet)
        return outlet

    def close(self, outlet: "Outlet") -> None:
        """Let a listener go."""
        with self._lock:
            self._outlets = tuple(each for each in self._outlets if each is not outlet)
        self.note_wishes()

    def note_wishes(self) -> None:
        """Ask the listeners anew what they want."""
        with self._lock:
            self.wanted = frozenset[str]().union(*(each.channels for each in self._outlets))


class Outlet:
    """One listener's end of the hub: at most `CAPACITY` payloads wait per channel.

    `want` and `take` are called in the listener's own thread.
    """

    def __init__(self, hub: Hub, wake: Callable[[], None]) -> None:
        self._hub = hub
        self._wake = wake
        self._is_awake = False
        self._lanes: Mapping[str, _Lane] = {}

    @property
    def channels(self) -> Iterable[str]:
        """The channels it listens to."""
        return self._lanes.keys()

    def want(self, channels: Iterable[str]) -> None:
        """Listen to these from now on and to no others; what waits in the others is forgotten.

        They are taken in this order: what was published in a later one before anything that is
        taken of an earlier one is taken with it.
        """
        self._lanes = {name: self._lanes.get(name, _Lane()) for name in channels}
        self._hub.note_wishes()

    def put(self, channel: str, payload: Any) -> None:
        """Leave a payload and wake the listener, unless it is awake already."""
        lane = self._lanes.get(channel)
        if lane is None:
            return
        lane.put(payload)
        if not self._is_awake:
            self._is_awake = True
            self._wake()

    def take(self) -> Iterator[Batch]:
        """Everything that has come, channel by channel; later payloads wake anew."""
        self._is_awake = False
        for name, lane in self._lanes.items():
            payloads, lost = lane.take()
            if payloads:
                yield Batch(name, payloads, lost)

    def close(self) -> None:
        """Listen no more."""
        self._lanes = {}
        self._hub.close(self)


class _Lane:
    """What waits in one channel; every payload has a number, so that missing ones show."""

    __slots__ = ("_forgotten", "_items", "_numbers", "_taken")

    def __init__(self) -> None:
        self._items: deque[tuple[int, Any]] = deque(maxlen=CAPACITY)
        self._numbers = count(1)
        self._taken = 0
        self._forgotten = 0

    def put(self, payload: Any) -> None:
        self._items.append((next(self._numbers), payload))

    def take(self) -> tuple[tuple[Any, ...], int]:
        """The payloads that wait, and how many gave way since the last time.

        Only as many as wait now: a publisher that never rests cannot keep us here. Two
        publishers may append in another order than they numbered: that is not taken for a loss.
        """
        taken = [self._items.popleft() for _ in range(len(self._items))]
        if not taken:
            return (), 0
        self._taken += len(taken)
        missing = max(number for number, _ in taken) - self._taken - self._forgotten
        lost = max(0, missing)
        self._forgotten += lost
        return tuple(payload for _, payload in taken), lost
