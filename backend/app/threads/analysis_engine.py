"""AnalysisEngine: plays each session to the strategies and matches their orders."""

from app.core.exceptions import StrategyHungError
from app.core.run_log import RunLog
from app.services.simulation.simulation import Simulation
from app.threads.conductor import SessionConductor
from app.threads.messages import DerivedSlab
from app.threads.pace import Pace
from app.threads.sync import Channel, RunControl
from app.threads.worker import Worker


class AnalysisEngine(Worker):
    """The deciding thread: plays what was derived, at the pace it is given.

    `log` is there once `finished` is set, unless the thread died.
    """

    def __init__(
        self,
        control: RunControl,
        *,
        simulation: Simulation,
        conductor: SessionConductor,
        pace: Pace,
        derived: Channel[DerivedSlab],
    ) -> None:
        super().__init__("AnalysisEngine", control)
        self._simulation = simulation
        self._conductor = conductor
        self._pace = pace
        self._derived = derived
        self.log: RunLog | None = None

    @property
    def is_playing(self) -> bool:
        """Whether it decides now, instead of waiting for bars or for its time."""
        return not self._pace.is_at_rest

    def work(self) -> None:
        """Play every slab; what happened is handed over even if a strategy raised."""
        try:
            while (derived := self._derived.get()) is not None:
                self._play(derived)
        except StrategyHungError:
            if not self.control.stopped_by_user:
                raise
        finally:
            self.log = self._simulation.stepper.finish()
            self._pace.finish()

    def _play(self, derived: DerivedSlab) -> None:
        slab = derived.slab
        if not slab.traded:
            self._simulation.stepper.pass_over(derived.batch)
            return
        numbers = range(slab.first, slab.last)
        self._conductor.expect(dict(zip(numbers, derived.historical, strict=False)))
        with self._pace.playing():
            self._simulation.stepper.step(derived.batch, self._conductor)
        self._conductor.show()
