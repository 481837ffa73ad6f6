"""The gateway: takes from the hub what was published, once, and gives it to every client."""

import asyncio  # noqa: TID251  # app/api is where the event loop lives
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from operator import attrgetter
from time import thread_time
from typing import Any
from uuid import UUID

from loguru import logger
from pydantic_core import PydanticSerializationError

from app.api.schemas.errors import ErrorCode
from app.api.websocket import protocol
from app.api.websocket.clients import Client, Message
from app.api.websocket.limits import Limits
from app.api.websocket.payloads import Payload, join
from app.api.websocket.protocol import CloseCode, ProtocolError
from app.monitoring.channels import Channel, Kind
from app.monitoring.hub import Batch, Hub, Outlet
from app.monitoring.values import Snapshot
from app.services.security.addresses import limit_key

_GOING = "the server stops"
_GATHER_S = 0.002
"""What is published of one instant comes within this, and goes out together."""

_ORDER: Sequence[Kind] = (
    *(Kind.BARS, Kind.ORDERS, Kind.QUALITY, Kind.POSITIONS, Kind.SESSION, Kind.RUNS, Kind.EVENTS),
)
"""In which what comes together goes out: an event is told when all that led to it has been."""


class Gateway:
    """All clients of one server, the channels they hear, and the pump that feeds them.

    Everything but the waking happens in the event loop. A burst of publications wakes the loop
    once; each channel's message is made once, at most every `Limits.flush_s` and less often if
    that takes too much of the processor, and its text is shared by all. Without a client
    nothing listens to the hub.
    """

    def __init__(self, hub: Hub, now_ns: Callable[[], int], limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.figures = hub.figures
        self.now_ns = now_ns
        self.is_closing = False
        self._hub = hub
        self._outlet: Outlet | None = None
        self._clients: set[Client] = set()
        self._hearers: dict[str, set[Client]] = {}
        self._channels: dict[str, Channel] = {}
        self._seqs: Counter[str] = Counter()
        self._versions: dict[str, int] = {}
        self._per_user: Counter[UUID] = Counter()
        self._user_channels: defaultdict[UUID, Counter[str]] = defaultdict(Counter)
        self._pending: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flushed_s = 0.0
        self._cpu_s = 0.0
        self._empty = asyncio.Event()
        self._empty.set()

    # ── who may come in ──────────────────────────────────────────────────────

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Around a connection, from before it is accepted.

        Raises:
            ProtocolError: there are too many, or the server stops.
        """
        if self.is_closing:
            raise self._refused(_GOING)
        if self.figures.connections >= self.limits.connections:
            raise self._refused("there are too many connections; try again later")
        self.figures.connections += 1
        try:
            yield
        finally:
            self.figures.connections -= 1

    @contextmanager
    def pending(self, address: str | None) -> Iterator[None]:
        """Around the time in which a connection from `address` has not said who it is.

        Raises:
            ProtocolError: too many are about to, from everywhere or from there.
        """
        sender, pending = limit_key(address or ""), self._pending
        is_full = pending.total() >= self.limits.pending
        if is_full or pending[sender] >= self.limits.pending_per_address:
            raise self._refused(
                "too many connections have not logged in; offer the token as a subprotocol"
            )
        pending[sender] += 1
        try:
            yield
        finally:
            pending[sender] -= 1
            if not pending[sender]:
                del pending[sender]

    @contextmanager
    def client(self, client: Client) -> Iterator[None]:
        """Around the life of a client that is known.

        Raises:
            ProtocolError: its user has too many.
        """
        user = client.principal.user_id
        if self._per_user[user] >= self.limits.per_user:
            raise self._refused(f"a user may have {self.limits.per_user} connections")
        self._per_user[user] += 1
        self._clients.add(client)
        self._listen()
        try:
            yield
        finally:
            self._clients.discard(client)
            self.unsubscribe(client, list(client.heard))
            client.discard()
            self._leave(user)
            self._rest()

    def _leave(self, user: UUID) -> None:
        """One connection less; of a user without any nothing is kept."""
        self._per_user[user] -= 1
        if not self._per_user[user]:
            del self._per_user[user]
            self._user_channels.pop(user, None)

    def _refused(self, message: str) -> ProtocolError:
        self.figures.refused += 1
        return ProtocolError(ErrorCode.RATE_LIMITED, message)

    # ── who hears what ───────────────────────────────────────────────────────

    def subscribe(self, client: Client, channels: Sequence[Channel]) -> tuple[Channel, ...]:
        """Let a client hear `channels` too; those that it did not hear before.

        Raises:
            ProtocolError: these would be too many; it hears what it heard before.
        """
        new = {channel.name: channel for channel in channels if channel.name not in client.heard}
        most = self.limits.subscriptions
        if len(client.heard) + len(new) > most:
            raise self._refused(f"a connection may subscribe to {most} channels")
        heard = self._user_channels[client.principal.user_id]
        if len(heard.keys() | new.keys()) > self.limits.user_channels:
            most = self.limits.user_channels
            raise self._refused(f"the connections of a user may subscribe to {most} channels")
        unheard = {name: channel for name, channel in new.items() if name not in self._channels}
        if len(self._channels) + len(unheard) > self.limits.channels:
            raise self._refused("all connections together subscribe to too many channels")
        heard.update(new.keys())
        for name in new:
            self._hearers.setdefault(name, set()).add(client)
            client.heard[name] = self._seqs[name]
        self.figures.subscriptions += len(new)
        if unheard:
            self._channels |= unheard
            self._want()
        return tuple(new.values())

    def unsubscribe(self, client: Client, channels: Iterable[str]) -> None:
        """Let a client hear these no more; a channel nobody hears is forgotten, its count too."""
        forgotten, left = False, [name for name in dict.fromkeys(channels) if name in client.heard]
        client.forget(left)
        self._user_channels[client.principal.user_id] -= Counter(left)
        for name in left:
            self.figures.subscriptions -= 1
            self._hearers[name].discard(client)
            if not self._hearers[name]:
                del self._hearers[name], self._channels[name]
                self._seqs.pop(name, None)
                self._versions.pop(name, None)
                forgotten = True
        if forgotten:
            self._want()

    def _want(self) -> None:
        """What is told last is taken first: what came before it cannot be behind it then."""
        if self._outlet is not None:
            channels = self._channels.values()
            ordered = sorted(channels, key=lambda each: _ORDER.index(each.kind), reverse=True)
            self._outlet.want(channel.name for channel in ordered)

    # ── the pump ─────────────────────────────────────────────────────────────

    def _listen(self) -> None:
        """Begin to listen, with the first client."""
        self._empty.clear()
        if self._outlet is None:
            self._loop = asyncio.get_running_loop()
            self._outlet = self._hub.open(self._wake)
            self._timer = None

    def _rest(self) -> None:
        """Stop listening, with the last client."""
        if not self._clients and self._outlet is not None:
            self._empty.set()
            self._outlet.close()
            self._outlet = None
            if self._timer is not None:
                self._timer.cancel()

    def _wake(self) -> None:
        """In a publisher's thread: have the loop look, if it still turns."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._on_wake)

    def _on_wake(self) -> None:
        self.figures.wakes += 1
        if self._loop is not None and self._timer is None:
            due_s = max(self._loop.time() + _GATHER_S, self._flushed_s + self.limits.flush_s)
            self._timer = self._loop.call_at(due_s, self._on_time)

    def _on_time(self) -> None:
        """Flush what has come, or hold it back a little longer to spare the engine."""
        self._timer = None
        if self._loop is None or self._outlet is None:
            return
        now_s = self._loop.time()
        due_s = self._flushed_s + self._interval_s()
        if now_s < due_s:
            self._timer = self._loop.call_at(due_s, self._on_time)
            return
        self._flushed_s, self._cpu_s = now_s, thread_time()
        for batch in reversed(list(self._outlet.take())):
            self._spread(batch)

    def _interval_s(self) -> float:
        """Seconds between two flushes, so that telling takes no more than its share.

        What telling costs grows with the clients, and while a session is played as fast as it
        can, every moment of it is taken from the engine. Measured is the loop's own CPU time.
        """
        limits = self.limits
        share = limits.share_of_racing if self._hub.is_racing else limits.share
        cost_s = thread_time() - self._cpu_s
        return min(max(limits.flush_s, cost_s / share), limits.most_flush_s)

    def _spread(self, batch: Batch) -> None:
        """Make the messages of a batch and give them to all who hear its channel."""
        channel = self._channels.get(batch.channel)
        if channel is None:
            return
        lost = 0 if channel.kind.is_snapshot else batch.lost
        try:
            for payload, left_out in self._payloads(channel, batch.payloads):
                self._send(channel, payload, lost + left_out)
                lost = 0
        except (PydanticSerializationError, AttributeError, TypeError, ValueError) as error:
            logger.error("what was published in {} cannot be sent: {}", batch.channel, error)

    def _payloads(self, channel: Channel, published: Sequence[Any]) -> Iterable[Payload]:
        """What is to be told; of snapshots the latest, unless a later one has been told."""
        if not channel.kind.is_snapshot:
            return join(channel, published, most_rows=self.limits.rows)
        latest: Snapshot = max(published, key=attrgetter("version"))
        if latest.version <= self._versions.get(channel.name, 0):
            return ()
        self._versions[channel.name] = latest.version
        return (Payload(latest.payload),)

    def _send(self, channel: Channel, payload: Mapping[str, Any], lost: int) -> None:
        """One message, encoded once; what is lost takes numbers too: the gap tells every client."""
        self.figures.overrun += lost
        seq = self._seqs[channel.name] = self._seqs[channel.name] + lost + 1
        text = protocol.message(
            channel.kind, seq=seq, now_ns=self.now_ns(), payload=payload, channel=channel.name
        )
        message = Message(channel.name, seq, text, channel.kind.is_snapshot)
        for client in self._hearers[channel.name]:
            client.put(message)

    # ── the end ──────────────────────────────────────────────────────────────

    async def close(self) -> None:
        """Tell every client that the server stops, and let no more in.

        Returns when all have gone, or after `Limits.goodbye_s`.
        """
        self.is_closing = True
        for client in list(self._clients):
            client.say_goodbye(CloseCode.GOING_AWAY, _GOING)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.limits.goodbye_s):
                await self._empty.wait()
