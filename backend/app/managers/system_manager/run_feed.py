"""What the deciding thread leaves in the hub: bars that closed, orders that changed."""

from collections.abc import Callable, Collection, Mapping
from time import perf_counter
from typing import Any
from uuid import UUID

from app.core.session_data import SeriesKey, SessionData
from app.managers.system_manager.run_ticket import RunTicket
from app.managers.system_manager.session_plan import SessionPlan
from app.managers.system_manager.status import SystemStatus
from app.managers.system_manager.wording import in_words
from app.monitoring.channels import Kind, bars_channel, run_channel
from app.monitoring.hub import Hub
from app.monitoring.values import OrderState, utc_text
from app.services.simulation.simulation import Simulation
from app.threads.progress import RunProgress

MOST_ORDERS = 256
"""Orders told at once; of more, those that changed last."""
_RACING_EVERY_S = 0.05


class RunFeed:
    """Tells of one run what has happened since it told last, if anybody listens.

    Nobody listening costs a few comparisons an instant. Who begins to listen in the middle of a
    session hears what happens from then on: what was before is asked for, not told.
    """

    def __init__(self, hub: Hub, simulation: Simulation, plan: SessionPlan) -> None:
        self._hub = hub
        self._simulation = simulation
        self._symbols = plan.symbols
        self._strategies = tuple(entry.name for entry in plan.entries)
        self._told_ns = int(plan.sessions.open_ns[plan.first_session])
        self._transitions = 0
        self._told_s = 0.0
        self._failures = 0
        self._wanted: frozenset[str] = frozenset()
        self._kept: dict[str, SeriesKey] = {}
        self._bars: tuple[tuple[str, SeriesKey], ...] = ()

    def publish(self, data: SessionData, *, is_racing: bool = False) -> None:
        """Tell of everything up to the present of `data`.

        Of a run that races, now and then only: what was not told is told the next time.
        """
        wanted = self._hub.wanted
        if is_racing and wanted and perf_counter() - self._told_s < _RACING_EVERY_S:
            return
        since_ns, self._told_ns = self._told_ns, data.visible_ns
        first, self._transitions = self._transitions, len(self._simulation.exchange.events())
        self._hub.is_racing = is_racing
        if not wanted:
            return
        self._told_s = perf_counter()
        self._tell_bars(data, since_ns, wanted)
        if self._transitions > first and Kind.ORDERS in wanted:
            self._tell_orders(first)
        if len(self._simulation.stepper.failures) > self._failures:
            self._tell_failures()

    def _tell_bars(self, data: SessionData, since_ns: int, wanted: frozenset[str]) -> None:
        """Of the series that are kept, those that are wanted: others cost nothing."""
        series = data.series()
        if wanted is not self._wanted or len(series) != len(self._kept):
            self._kept = {bars_channel(*key): key for key in series}
            self._bars = tuple(item for item in self._kept.items() if item[0] in wanted)
            self._wanted = wanted
        for channel, key in self._bars:
            bars = data.get_bars(*key)
            first = int(bars.end_ns.searchsorted(since_ns, "right"))
            if first < len(bars):
                self._hub.publish(channel, bars.slice(first, len(bars)))

    def _tell_orders(self, first: int) -> None:
        exchange = self._simulation.exchange
        events, changed = exchange.events(), set[int]()
        for row in range(self._transitions - 1, first - 1, -1):
            changed.add(events[row].order_id)
            if len(changed) == MOST_ORDERS:
                break
        orders = exchange.orders
        self._hub.publish(
            Kind.ORDERS,
            tuple(
                OrderState.of(order, self._strategies[order.strategy], self._symbols[order.symbol])
                for order in (orders[order_id - 1] for order_id in sorted(changed))
            ),
        )

    def _tell_failures(self) -> None:
        failures = self._simulation.stepper.failures
        for failure in failures[self._failures :]:
            failed = event(
                "strategy.failed",
                time_ns=failure.time_ns,
                strategy=failure.name,
                message=in_words(failure.error),
            )
            self._hub.publish(Kind.EVENTS, failed)
        self._failures = len(failures)


def event(kind: str, *, time_ns: int, **more: Any) -> Mapping[str, Any]:
    """One thing that happened, for the channel ``events``."""
    return {"kind": kind, "time": utc_text(time_ns), **more}


def publish_status(
    hub: Hub,
    status: SystemStatus,
    quality: Callable[[], Mapping[str, float | None]],
    run_id: UUID | None,
    channels: Collection[str],
) -> None:
    """Leave what is now in every channel of snapshots of the session that is in `channels`.

    `quality` tells per symbol the percent of the expected minutes that are there, None if not yet
    known. `run_id` is that of the session that runs or ran last; None before the first.
    """
    run = {"run_id": run_id and str(run_id), **_session_state(status)}
    told: Mapping[str, Callable[[], Mapping[str, Any]]] = {
        Kind.SESSION: lambda: run,
        run_channel(run_id) if run_id else "": lambda: run,
        Kind.POSITIONS: lambda: _positions(status),
        Kind.QUALITY: lambda: {"quality_pct": quality()},
    }
    for channel, make in told.items():
        if channel in channels:
            hub.publish(channel, make())


def publish_ticket(hub: Hub, ticket: RunTicket) -> None:
    """Leave how far a run of the queue is in its channel; only for who listens to it."""
    state = {
        "run_id": str(ticket.id),
        "state": ticket.state,
        "session_name": ticket.session_name,
        "mode": ticket.mode,
        "reason": ticket.reason,
        "notice": None,
        "speed": 0.0,
    }
    hub.publish(run_channel(ticket.id), state | _how_far(ticket.progress))


def _session_state(status: SystemStatus) -> dict[str, Any]:
    state = {
        "state": status.state,
        "session_name": status.session_name,
        "mode": status.mode,
        "reason": status.reason,
        "notice": status.notice,
        "speed": status.speed,
    }
    return state if status.progress is None else state | _how_far(status.progress)


def _how_far(progress: RunProgress) -> dict[str, Any]:
    return {
        "session": progress.session and progress.session.isoformat(),
        "now": utc_text(progress.now_ns) if progress.now_ns else None,
        "sessions_done": progress.sessions_done,
        "sessions_total": progress.sessions_total,
        "bars": progress.bars,
        "bars_per_s": progress.bars_per_s,
        "equity": progress.equity,
        "pnl": progress.pnl,
        "orders": progress.orders,
    }


def _positions(status: SystemStatus) -> Mapping[str, Any]:
    progress = status.progress
    if progress is None:
        return {"time": None, "equity": None, "pnl": None, "positions": []}
    return {
        "time": utc_text(progress.now_ns) if progress.now_ns else None,
        "equity": progress.equity,
        "pnl": progress.pnl,
        "positions": [
            {"symbol": symbol, "quantity": held} for symbol, held in progress.positions.items()
        ],
    }
