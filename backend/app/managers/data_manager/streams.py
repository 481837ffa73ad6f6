"""Streams of bars: who asked for which, and what each has not seen yet."""

from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from app.core.data_structures import BarColumns
from app.core.exceptions import ConfigurationError
from app.core.intervals import ONE_MINUTE, Interval
from app.core.session_data import SeriesKey, SessionData
from app.threads.sync import StreamSubscription


@dataclass(slots=True)
class _Stream:
    key: SeriesKey
    sent_until_ns: int = -1
    bars: StreamSubscription[BarColumns] = field(
        default_factory=lambda: StreamSubscription("bars", capacity=4_096)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamView:
    """A stream at one moment: how many batches wait to be taken, and how many were lost.

    `sent_until_ns` is the end of the last bar that was passed on; None before the first.
    """

    stream_id: str
    symbol: str
    interval: Interval
    sent_until_ns: int | None
    waiting: int
    dropped: int


class BarStreams:
    """Streams by their id; fed by the thread that decides, read by whoever started them."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._lock = Lock()
        self._count = 0

    def start(self, symbol: str, interval: Interval) -> str:
        """Begin a stream; its id."""
        with self._lock:
            self._count += 1
            stream_id = f"{symbol}:{interval}:{self._count}"
            self._streams[stream_id] = _Stream((symbol, interval))
        return stream_id

    def stop(self, stream_id: str) -> None:
        """End a stream; bars that wait in it can still be taken by who is waiting for them.

        Raises:
            ConfigurationError: for an id that is not a running stream's.
        """
        with self._lock:
            stream = self._streams.pop(stream_id, None)
        if stream is None:
            raise self._unknown(stream_id)
        stream.bars.close()

    def stop_all(self) -> None:
        """End every stream."""
        for stream_id in list(self._streams):
            self.stop(stream_id)

    def take(self, stream_id: str, timeout_s: float | None) -> BarColumns | None:
        """The next bars that closed, as columns; None if none do within `timeout_s`."""
        stream = self._streams.get(stream_id)
        if stream is None:
            raise self._unknown(stream_id)
        return stream.bars.wait_for_notification(timeout_s)

    def wanted_series(self, symbols: tuple[str, ...]) -> tuple[SeriesKey, ...]:
        """Derived series of `symbols` that a session must keep for the streams' sake."""
        keys = dict.fromkeys(stream.key for stream in self._streams.values())
        return tuple(key for key in keys if key[0] in symbols and key[1] != ONE_MINUTE)

    def view(self) -> list[StreamView]:
        """Every stream that is running, in the order they were started."""
        return [
            StreamView(
                stream_id=stream_id,
                symbol=stream.key[0],
                interval=stream.key[1],
                sent_until_ns=stream.sent_until_ns if stream.sent_until_ns >= 0 else None,
                waiting=stream.bars.waiting,
                dropped=stream.bars.dropped,
            )
            for stream_id, stream in list(self._streams.items())
        ]

    def publish(self, data: SessionData) -> None:
        """Pass on what has become visible in `data` since the last time."""
        for stream in list(self._streams.values()):
            bars = data.get_bars(*stream.key)
            fresh = bars.slice(
                int(np.searchsorted(bars.end_ns, stream.sent_until_ns, "right")), len(bars)
            )
            if len(fresh):
                stream.sent_until_ns = int(fresh.end_ns[-1])
                stream.bars.notify(fresh)

    def restart(self) -> None:
        """Begin anew with the next session that is run."""
        for stream in list(self._streams.values()):
            stream.sent_until_ns = -1

    def _unknown(self, stream_id: str) -> ConfigurationError:
        running = ", ".join(self._streams) or "none"
        return ConfigurationError(f"stream {stream_id!r} is not running; running: {running}")
