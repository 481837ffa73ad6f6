"""Figures for Prometheus: requests, the engine, its threads and queues, the process.

Nothing here has a label that outsiders choose: a path is a route's template, a method and a
status are among the known ones. So the number of series is bounded by the program.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"}
)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFigures:
    """What the engine has done since the process began, and how it is now.

    `threads` says by name which are alive and not given up; `queues` how many items wait in each.
    """

    is_running: bool = False
    runs: int = 0
    bars: int = 0
    orders: int = 0
    rejections: int = 0
    threads: Mapping[str, bool] = field(default_factory=dict)
    queues: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Self) -> Self:
        """Of two parts of the engine together; their threads and queues have different names."""
        return replace(
            self,
            is_running=self.is_running or other.is_running,
            runs=self.runs + other.runs,
            bars=self.bars + other.bars,
            orders=self.orders + other.orders,
            rejections=self.rejections + other.rejections,
            threads={**self.threads, **other.threads},
            queues={**self.queues, **other.queues},
        )


class Metrics:
    """The figures of one application, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mismartera_requests",
            "Requests answered; a status of 0 is no answer.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._latency = Histogram(
            "mismartera_request_seconds",
            "From the first byte of a request to the last of its answer; without WebSockets.",
            ("method", "route"),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram | None]] = {}
        if os.name == "posix":
            ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def note_request(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Count one request; `route` is a template, never the path itself.

        `seconds` None: how long it took says nothing, as of a WebSocket.
        """
        place = (method if method in METHODS else "other", route, status)
        found = self._children.get(place)
        if found is None:
            counter = self._requests.labels(place[0], route, str(status))
            latency = None if seconds is None else self._latency.labels(place[0], route)
            found = self._children[place] = (counter, latency)
        counter, latency = found
        counter.inc()
        if latency is not None and seconds is not None:
            latency.observe(seconds)

    def watch_engine(self, read: Callable[[], EngineFigures]) -> None:
        """Ask `read` for the engine's figures whenever the figures are shown."""
        self._registry.register(_EngineCollector(read))

    def watch_hub(self, read: Callable[[], Mapping[str, float]]) -> None:
        """Ask `read` for the numbers of the WebSocket hub, the fields of its `Figures`."""
        self._registry.register(_HubCollector(read))

    def text(self) -> bytes:
        """Everything, in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)


class _EngineCollector(Collector):
    def __init__(self, read: Callable[[], EngineFigures]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: the engine is not asked before somebody looks."""
        return ()

    def collect(self) -> Iterable[Metric]:
        figures = self._read()
        yield _gauge("session_running", "1 while a session runs.", figures.is_running)
        yield _counter("runs", "Runs that have ended.", figures.runs)
        yield _counter("bars_processed", "Minute bars played.", figures.bars)
        yield _counter("orders", "Orders placed.", figures.orders)
        yield _counter("order_rejections", "Orders refused.", figures.rejections)
        yield _by(
            "thread_alive", "1 while a thread of the session lives.", "thread", figures.threads
        )
        yield _by("queue_depth", "Items that wait between two threads.", "queue", figures.queues)


_HUB_NOW: Final = {
    "connections": "WebSockets that are open.",
    "subscriptions": "Channels that clients hear, counted for each of them.",
    "queued": "Messages that wait for clients.",
}
_HUB_EVER: Final = {
    "sent": "Messages sent to clients.",
    "lost": "Messages a client was too slow for.",
    "overrun": "Payloads that came faster than they could be sent to anybody.",
    "wakes": "Times the listener was woken.",
    "refused": "Connections and messages that were refused.",
}


class _HubCollector(Collector):
    def __init__(self, read: Callable[[], Mapping[str, float]]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance, as of the engine."""
        return ()

    def collect(self) -> Iterable[Metric]:
        for name, value in self._read().items():
            if name in _HUB_NOW:
                yield _gauge(f"websocket_{name}", _HUB_NOW[name], value)
            else:
                yield _counter(f"websocket_{name}", _HUB_EVER[name], value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"mismartera_{name}", text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"mismartera_{name}", text, value=float(value))


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"mismartera_{name}", text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), float(value))
    return family
