"""What monitoring is told of the engine: how it is now, and what it has done since it was made."""

from dataclasses import dataclass, replace
from typing import Protocol, Self

from app.core.enums import OrderStatus
from app.managers.system_manager.session_run import SessionRun
from app.monitoring.metrics import EngineFigures
from app.services.simulation.simulation import Simulation


class Played(Protocol):
    """A run of any kind, in four threads or in one."""

    @property
    def simulation(self) -> Simulation:
        """What decides, and knows what it has done."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRuns:
    """Sums over the runs that are over, with the `last` of them.

    A value, exchanged in one assignment: whoever reads it meanwhile sees a sum that never falls.
    """

    runs: int = 0
    bars: int = 0
    orders: int = 0
    rejections: int = 0
    last: Played | None = None

    def and_of(self, run: Played) -> Self:
        """With `run`, in which nothing will be decided any more."""
        bars, orders, rejections = _done(run)
        return replace(
            self,
            runs=self.runs + 1,
            bars=self.bars + bars,
            orders=self.orders + orders,
            rejections=self.rejections + rejections,
            last=run,
        )


def session_figures(run: SessionRun | None, ended: EndedRuns) -> EngineFigures:
    """Of sessions, with `run` the last one begun.

    A thread that was given up counts as ended, one that is about to start as alive. Threads are
    asked before the run: one that ends with its run is never missing in a run that goes on. What
    a run that was stopped or has failed leaves in its queues waits for nobody: they count as empty.
    """
    if run is None:
        return EngineFigures()
    threads = {thread.name: not thread.finished.is_set() for thread in run.threads}
    is_running = not run.ended.is_set()
    return replace(
        done_figures(run, ended),
        is_running=is_running,
        threads=threads,
        queues={name: len(queue) if is_running else 0 for name, queue in run.queues.items()},
    )


def done_figures(run: Played | None, ended: EndedRuns) -> EngineFigures:
    """What was done in the runs that are over and in `run`, the last one begun."""
    bars, orders, rejections = (0, 0, 0) if run is None or run is ended.last else _done(run)
    return EngineFigures(
        runs=ended.runs,
        bars=ended.bars + bars,
        orders=ended.orders + orders,
        rejections=ended.rejections + rejections,
    )


def _done(run: Played) -> tuple[int, int, int]:
    """Bars, orders and rejections of a run, which may go on meanwhile."""
    orders = run.simulation.exchange.orders
    rejections = sum(order.status is OrderStatus.REJECTED for order in orders)
    return run.simulation.stepper.bars_played, len(orders), rejections
