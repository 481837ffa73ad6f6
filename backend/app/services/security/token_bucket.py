"""How often somebody may ask: a bucket of tokens each, filled again at a steady rate."""

from collections import OrderedDict
from threading import Lock

from app.core.types import SECOND_NS

MOST_KEYS = 10_000
"""Who asked longest ago is forgotten first; a forgotten bucket is a full one."""


class TokenBuckets:
    """At most `per_minute` at once, and `per_minute` a minute on average, for each key.

    The bucket is Turner's (ITU-T I.371): a request takes one token, a token comes back every
    ``60 / per_minute`` seconds. Any thread may take; times must not decrease by much.
    """

    def __init__(self, per_minute: int) -> None:
        self._capacity = float(per_minute)
        self._per_ns = per_minute / (60.0 * SECOND_NS)
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = Lock()

    def take(self, key: str, now_ns: int) -> float:
        """Take a token of `key`: 0.0, or the seconds until there is one, and none was taken."""
        with self._lock:
            tokens, seen_ns = self._held(key, now_ns)
            enough = tokens >= 1.0
            self._buckets[key] = (tokens - enough, max(now_ns, seen_ns))
            self._buckets.move_to_end(key)
            if len(self._buckets) > MOST_KEYS:
                self._buckets.popitem(last=False)
        return self._wait_s(tokens)

    def wait_s(self, key: str, now_ns: int) -> float:
        """What `take` would answer, and nothing is taken."""
        with self._lock:
            return self._wait_s(self._held(key, now_ns)[0])

    def _held(self, key: str, now_ns: int) -> tuple[float, int]:
        tokens, seen_ns = self._buckets.get(key, (self._capacity, now_ns))
        refill = max(0, now_ns - seen_ns) * self._per_ns
        return min(self._capacity, tokens + refill), seen_ns

    def _wait_s(self, tokens: float) -> float:
        return 0.0 if tokens >= 1.0 else (1.0 - tokens) / self._per_ns / SECOND_NS
