"""How many connections there may be, and what becomes of those beyond."""

import asyncio  # noqa: TID251  # app/api is where the event loop lives
import errno
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from time import monotonic
from typing import Any, Final

from loguru import logger

from app.services.security.addresses import Network, limit_key

try:
    import resource
except ImportError:  # where there are no such limits
    HAS_LIMITS = False
else:
    HAS_LIMITS = True

CONNECTIONS: Final = 1_024
"""At most in all, those of WebSockets included; fewer where the process may open few files."""
CONNECTIONS_OF_ADDRESS: Final = 256
"""At most of one address, or one /64 of IPv6, that is not a trusted proxy's."""
MOST_FILES: Final = 8_192
"""Files and sockets the process asks to be allowed; it gets what the hard limit allows."""
_FILES_PER_CONNECTION: Final = 2
"""So many files there must be for each: databases, bars and logs take the others."""
_TOLD_EVERY_S: Final = 60.0
_OUT_OF: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass(slots=True)
class Rarely:
    """Says whether it is time to tell again what happens too often to be told each time."""

    every_s: float = _TOLD_EVERY_S
    passed_over: int = 0
    _next_s: float = 0.0

    def due(self) -> int:
        """How often it has happened since it was told, this time included; 0: do not tell."""
        self.passed_over += 1
        now_s = monotonic()
        if now_s < self._next_s:
            return 0
        self._next_s = now_s + self.every_s
        count, self.passed_over = self.passed_over, 0
        return count


@dataclass(slots=True)
class Doors:
    """Lets connections in until there are too many.

    A connection that sends nothing costs a file, of which a process has few, and is ended only
    after seconds: whoever opens hundreds would leave none for others.
    """

    proxies: Sequence[Network] = ()
    most: int = CONNECTIONS
    most_of_address: int = CONNECTIONS_OF_ADDRESS
    _telling: Rarely = field(default_factory=Rarely)

    def admits(self, host: str | None, others: Collection[Any]) -> bool:
        """Whether one from `host` may come to `others`; that it may not is logged now and then.

        `others` are uvicorn's: each has `client`, address and port, or None.
        """
        refusal = self._refusal(host, others)
        if refusal is not None and (times := self._telling.due()):
            logger.warning("{} connections were turned away: {}", times, refusal)
        return refusal is None

    def _refusal(self, host: str | None, others: Collection[Any]) -> str | None:
        if len(others) >= self.most:
            return f"there are {len(others)}, the most there may be"
        if host is None or len(others) < self.most_of_address or self._is_proxy(host):
            return None
        own = limit_key(host)
        same = sum(each.client is not None and _key(each.client[0]) == own for each in others)
        return f"{host} has {same}" if same >= self.most_of_address else None

    def _is_proxy(self, host: str) -> bool:
        return any(ip_address(host) in network for network in self.proxies)


def _key(host: str) -> str:
    return limit_key(host) if ":" in host else host


def doors_for(proxies: Sequence[Network], files: int) -> Doors:
    """Doors of a process that may have `files` files open."""
    most = max(1, min(CONNECTIONS, files // _FILES_PER_CONNECTION))
    return Doors(proxies, most, min(CONNECTIONS_OF_ADDRESS, max(1, most // 2)))


def allow_many_files() -> int:
    """Ask for `MOST_FILES` open files, as far as the hard limit goes; how many there may be."""
    if not HAS_LIMITS:
        return MOST_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= allowed:
        return MOST_FILES if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # a container may forbid what the limits allow
        return soft
    return allowed


class LoopErrors:
    """What the event loop cannot hand to anybody: as asyncio tells it, but for what floods.

    Where no connection can be taken for want of files, asyncio tries again and again, and writes
    a traceback each time: gigabytes in an hour.
    """

    def __init__(self) -> None:
        self._telling = Rarely()

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell of one error; to be a loop's exception handler."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _OUT_OF or "socket" not in context:
            loop.default_exception_handler(context)
        elif times := self._telling.due():
            logger.error("no connection can be taken ({} times): {}", times, error)
