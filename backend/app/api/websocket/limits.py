"""How much one client, one user and all of them together may ask of the WebSocket."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The caps of one server.

    Attributes:
        connections: connections in all.
        pending: those among them that have not said who they are yet.
        pending_per_address: the same of one address, or of one /64 of IPv6.
        per_user: connections of one user.
        subscriptions: channels of one connection.
        user_channels: different channels of all connections of one user.
        channels: different channels of all connections together.
        message_bytes: size of a client's message.
        messages_per_s: messages a client may send in the long run; twice as many at once.
        strikes: refused messages until a connection is closed.
        queue_messages: messages that wait for a slow client; the oldest give way.
        queue_chars: their length together.
        reply_chars: characters of answers that wait; a client is not read from while there are
            more.
        rows: bars or orders in one message; of more, the latest.
        flush_s: least seconds between two messages of a channel.
        most_flush_s: most seconds a message is held back to spare the engine.
        share: part of one processor that telling may take.
        share_of_racing: the same while a session is played as fast as it can.
        login_s: seconds a connection has to say who it is.
        heartbeat_s: seconds between two heartbeats.
        key_check_s: seconds after which an API key is looked up again.
        key_checks: heartbeats in a row at which a key could not be looked up until its connection
            is closed.
        goodbye_s: seconds in which clients are told that the server stops.
    """

    connections: int = 512
    pending: int = 64
    pending_per_address: int = 8
    per_user: int = 32
    subscriptions: int = 64
    user_channels: int = 512
    channels: int = 4_096
    message_bytes: int = 16 * 1024
    messages_per_s: float = 20.0
    strikes: int = 100
    queue_messages: int = 256
    queue_chars: int = 4 * 1024 * 1024
    reply_chars: int = 128 * 1024
    rows: int = 500
    flush_s: float = 0.1
    most_flush_s: float = 1.0
    share: float = 0.25
    share_of_racing: float = 0.03
    login_s: float = 5.0
    heartbeat_s: float = 15.0
    key_check_s: float = 300.0
    key_checks: int = 20
    goodbye_s: float = 1.0


class Allowance:
    """Messages a client may still send: filled steadily, emptied by use.

    Times are seconds of any clock that only goes forward.
    """

    def __init__(self, per_s: float, now_s: float) -> None:
        self._per_s = per_s
        self._most = 2.0 * per_s
        self._left = self._most
        self._at_s = now_s

    def take(self, now_s: float) -> bool:
        """Use one up; False if there is none."""
        self._left = min(self._most, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
