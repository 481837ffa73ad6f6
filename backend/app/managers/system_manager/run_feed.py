"""What the deciding thread leaves in the hub: bars that closed, orders that changed."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Any
from uuid import UUID

from app.core.run_record import RunRecord
from app.core.session_data import SeriesKey, SessionData
from app.managers.system_manager.run_ticket import RunTicket
from app.managers.system_manager.session_plan import SessionPlan
from app.managers.system_manager.status import SystemStatus
from app.managers.system_manager.wording import in_words
from app.monitoring.channels import Kind, bars_channel, run_channel
from app.monitoring.hub import Hub
from app.monitoring.values import (
    BarsClosed,
    OrdersChanged,
    OrderState,
    Snapshot,
    utc_text,
)
from app.services.simulation.simulation import Simulation
from app.threads.progress import RunProgress

MOST_ORDERS = 256
"""Orders told at once; of more, those that changed last, and how many more there are."""
_RACING_EVERY_S = 0.05


class RunFeed:
    """Tells of one run what has happened since it told last, if anybody listens.

    Nobody listening costs a few comparisons an instant. Who begins to listen in the middle of a
    session hears what happens from then on: what was before is asked for, not told.
    """

    def __init__(
        self, hub: Hub, simulation: Simulation, plan: SessionPlan, run_id: UUID | None = None
    ) -> None:
        self._hub = hub
        self._run_id = None if run_id is None else str(run_id)
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
                closed = BarsClosed(self._run_id, bars.slice(first, len(bars)))
                self._hub.publish(channel, closed)

    def _tell_orders(self, first: int) -> None:
        exchange = self._simulation.exchange
        ids = exchange.events().ids(first, self._transitions)
        changed = dict.fromkeys(reversed(ids))
        told, orders = sorted(islice(changed, MOST_ORDERS)), exchange.orders
        states = tuple(
            OrderState.of(order, self._strategies[order.strategy], self._symbols[order.symbol])
            for order in (orders[order_id - 1] for order_id in told)
        )
        left_out = len(changed) - len(told)
        self._hub.publish(Kind.ORDERS, OrdersChanged(self._run_id, states, left_out))

    def _tell_failures(self) -> None:
        failures = self._simulation.stepper.failures
        for failure in failures[self._failures :]:
            failed = event(
                "strategy.failed",
                time_ns=failure.time_ns,
                run_id=self._run_id,
                strategy=failure.name,
                message=in_words(failure.error),
            )
            self._hub.publish(Kind.EVENTS, failed)
        self._failures = len(failures)


def event(kind: str, *, time_ns: int, **more: Any) -> Mapping[str, Any]:
    """One thing that happened, for the channel ``events``."""
    return {"kind": kind, "time": utc_text(time_ns), **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSight:
    """The session that runs, or ran last, as it is whenever it is looked at.

    `quality` is per symbol, in percent; None where nothing is known yet. `ticket` is None before
    the first session.
    """

    status: Callable[[], SystemStatus]
    ticket: Callable[[], RunTicket | None]
    quality: Callable[[], Mapping[str, float | None]]


def publish_status(hub: Hub, sight: SessionSight, channels: Collection[str]) -> None:
    """Leave what is now in every channel of snapshots of the session that is in `channels`."""
    version, status = hub.next_version(), sight.status()
    run_id = {"run_id": status.run_id and str(status.run_id)}
    told: Mapping[str, Callable[[], Mapping[str, Any]]] = {
        Kind.SESSION: lambda: run_id | _session_state(status),
        Kind.POSITIONS: lambda: run_id | _positions(status),
        Kind.QUALITY: lambda: run_id | {"quality_pct": sight.quality()},
    }
    for channel, make in told.items():
        if channel in channels:
            hub.publish(channel, Snapshot(version, make()))
    if status.run_id is not None and run_channel(status.run_id) in channels:
        ticket = sight.ticket()
        if ticket is not None:
            publish_ticket(hub, version, ticket, notice=status.notice, speed=status.speed)


def publish_ticket(
    hub: Hub, version: int, ticket: RunTicket, *, notice: str | None = None, speed: float = 0.0
) -> None:
    """Leave how far a run is in its channel; only for who listens to it.

    `version` was drawn before `ticket` was made.
    """
    state = {
        "run_id": str(ticket.id),
        "state": ticket.state,
        "session_name": ticket.session_name,
        "mode": ticket.mode,
        "reason": ticket.reason,
        "notice": notice,
        "speed": speed,
    }
    hub.publish(run_channel(ticket.id), Snapshot(version, state | _how_far(ticket.progress)))


def publish_record(hub: Hub, version: int, record: RunRecord) -> None:
    """Leave what a run that is over came to in its channel; null is what its record has not."""
    state = {
        "run_id": str(record.id),
        "state": record.status,
        "session_name": record.session_name,
        "mode": record.mode,
        "reason": record.reason,
        "notice": None,
        "speed": 0.0,
        "session": record.last_session and record.last_session.isoformat(),
        "now": None,
        "sessions_done": record.sessions,
        "sessions_total": record.sessions if record.status == "completed" else None,
        "bars": record.bars,
        "bars_per_s": None,
        "equity": record.metrics.get("final_equity"),
        "pnl": record.metrics.get("net_profit"),
        "orders": None,
    }
    hub.publish(run_channel(record.id), Snapshot(version, state))


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


def _positions(status: SystemStatus) -> dict[str, Any]:
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
