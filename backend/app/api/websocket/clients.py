"""One client of the WebSocket: what waits for it, and the task that sends it.

A client that reads slowly loses the oldest of what waits; nobody else notices.
"""

import asyncio  # noqa: TID251  # app/api is where the event loop lives
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, Protocol

from app.api.schemas.errors import ErrorBody
from app.api.websocket import protocol
from app.api.websocket.limits import Limits
from app.api.websocket.protocol import CloseCode
from app.core.users import Principal
from app.monitoring.hub import Figures

_REPLIES = 32
"""Answers that wait for a client; it is not read from while there are more."""
_TURN = 16
"""Messages sent to one client before others get their turn."""


class Message(NamedTuple):
    """A message of a channel, encoded once for all who hear it."""

    channel: str
    seq: int
    text: str
    is_snapshot: bool = False


class Socket(Protocol):
    """What a client is written to."""

    async def send_text(self, data: str) -> None:
        """Send one message, waiting for room."""

    async def close(self, code: int, reason: str | None) -> None:
        """Say goodbye."""


class Client:
    """What one connection hears, and what waits for it.

    `heard` maps each channel to the ``seq`` of its last message that was sent, or that had been
    made when it was subscribed to: a message that does not follow it tells how many are lost.
    A snapshot takes the place of the one that waits in its channel, and gives way to no other
    channel's messages. `_unfollowed` are the last lost of channels in which nothing waits: no
    message tells of these, so they are told themselves.
    Replies and other messages without a channel have a ``seq`` of their own and are never lost.
    `farewell` is set with the goodbye, which may take long to be sent.
    """

    def __init__(
        self,
        socket: Socket,
        principal: Principal,
        *,
        now_ns: Callable[[], int],
        limits: Limits,
        figures: Figures,
    ) -> None:
        self.principal = principal
        self.heard: dict[str, int] = {}
        self.lost = 0
        self._socket = socket
        self._now_ns = now_ns
        self._limits = limits
        self._figures = figures
        self._replies: deque[str] = deque()
        self._queue: deque[Message] = deque()
        self._waiting: Counter[str] = Counter()
        self._unfollowed: dict[str, int] = {}
        self._chars = 0
        self._reply_chars = 0
        self._seq = 0
        self._goodbye: tuple[int, str] | None = None
        self.farewell = asyncio.Event()
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def queued(self) -> int:
        """Messages that wait."""
        return len(self._queue)

    @property
    def _has_room(self) -> bool:
        return len(self._replies) < _REPLIES and self._reply_chars < self._limits.reply_chars

    # ── what is to be sent ───────────────────────────────────────────────────

    def put(self, message: Message) -> None:
        """Let a message of a channel wait to be sent; the oldest give way to it."""
        waits = self._waiting[message.channel]
        if waits and message.is_snapshot:
            self._replace(message)
        else:
            self._queue.append(message)
            self._waiting[message.channel] = waits + 1
            self._figures.queued += 1
            self._unfollowed.pop(message.channel, None)
        self._chars += len(message.text)
        while self._is_too_full():
            self._push_out()
        self._work.set()

    def _replace(self, message: Message) -> None:
        """Put a snapshot where the last one of its channel waits."""
        place = next(n for n, old in enumerate(self._queue) if old.channel == message.channel)
        self._chars -= len(self._queue[place].text)
        self._queue[place] = message
        self._figures.lost += 1

    def _is_too_full(self) -> bool:
        limits, count = self._limits, len(self._queue)
        return count > limits.queue_messages or (self._chars > limits.queue_chars and count > 1)

    def _push_out(self) -> None:
        """Let go of the oldest that is no snapshot; of the oldest if all are."""
        queue = self._queue
        place = next((n for n, each in enumerate(queue) if not each.is_snapshot), 0)
        message = queue[place]
        del queue[place]
        self._took_out(message)
        self._figures.lost += 1
        if not self._waiting[message.channel]:
            self._unfollowed[message.channel] = message.seq

    def _took_out(self, message: Message) -> None:
        self._chars -= len(message.text)
        self._waiting[message.channel] -= 1
        self._figures.queued -= 1

    def forget(self, channels: Collection[str]) -> None:
        """Hear these no more, and nothing that waits in them: their numbers may begin anew."""
        for name in channels:
            del self.heard[name]
            self._unfollowed.pop(name, None)
        if any(self._waiting[name] for name in channels):
            kept = [each for each in self._queue if each.channel in self.heard]
            for message in self._queue:
                if message.channel not in self.heard:
                    self._took_out(message)
            self._queue = deque(kept)
        for name in channels:
            del self._waiting[name]

    def reply(self, type_: str, payload: Mapping[str, Any]) -> None:
        """Let a message without a channel wait to be sent, before any other."""
        text = self._own(type_, payload)
        self._replies.append(text)
        self._reply_chars += len(text)
        if not self._has_room:
            self._room.clear()
        self._work.set()

    def refuse(self, body: ErrorBody) -> None:
        """Answer with an error."""
        self.reply("error", protocol.error_payload(body))

    def heartbeat(self) -> None:
        """Say that the connection lives, unless the client has not even read its answers."""
        if not self._replies:
            self.reply("heartbeat", {"queued": self.queued, "lost": self.lost})

    def say_goodbye(self, code: CloseCode, reason: str) -> None:
        """Send the replies that wait, and close."""
        self._goodbye = self._goodbye or (code, reason)
        self.farewell.set()
        self._work.set()

    async def room_for_replies(self) -> None:
        """Wait until the client has read enough of its answers."""
        await self._room.wait()

    # ── the task that sends ──────────────────────────────────────────────────

    async def send_all(self) -> None:
        """Send what waits, until there is a goodbye."""
        while self._goodbye is None or self._replies:
            await self._work.wait()
            self._work.clear()
            await self._send_waiting()
        await self._socket.close(*self._goodbye)

    async def _send_waiting(self) -> None:
        sent = 0
        while True:
            if self._replies:
                text = self._replies.popleft()
                self._reply_chars -= len(text)
                await self._send(text)
                if self._has_room:
                    self._room.set()
            elif self._unfollowed and self._goodbye is None:
                await self._tell_unfollowed()
            elif self._queue and self._goodbye is None:
                await self._send_message()
            else:
                return
            sent += 1
            if sent % _TURN == 0:
                await asyncio.sleep(0)

    async def _send_message(self) -> None:
        message = self._queue.popleft()
        self._took_out(message)
        channel, before = message.channel, self.heard[message.channel]
        self.heard[channel] = message.seq  # now: while it is sent, its client may leave the channel
        await self._tell_lost(channel, message.seq - before - 1, next_seq=message.seq)
        await self._send(message.text)

    async def _tell_unfollowed(self) -> None:
        channel, last = self._unfollowed.popitem()
        count, self.heard[channel] = last - self.heard[channel], last
        await self._tell_lost(channel, count, next_seq=last + 1)

    async def _tell_lost(self, channel: str, count: int, *, next_seq: int) -> None:
        if count > 0:
            self.lost += count
            payload = {"channel": channel, "count": count, "next_seq": next_seq}
            await self._send(self._own("lost", payload))

    async def _send(self, text: str) -> None:
        await self._socket.send_text(text)
        self._figures.sent += 1

    def _own(self, type_: str, payload: Mapping[str, Any]) -> str:
        self._seq += 1
        return protocol.message(type_, seq=self._seq, now_ns=self._now_ns(), payload=payload)

    def discard(self) -> None:
        """Forget what waits: the connection is gone."""
        self._figures.queued -= len(self._queue)
        self._queue.clear()
