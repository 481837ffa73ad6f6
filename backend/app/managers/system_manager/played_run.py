"""What is asked of a run that is over, whoever played it."""

from typing import Protocol

from app.managers.system_manager.session_plan import SessionPlan
from app.services.simulation.simulation import Simulation
from app.threads.data_quality_manager import SessionScores
from app.threads.sync import RunControl


class PlayedRun(Protocol):
    """A run: in four threads or in one, nothing in what it leaves tells which."""

    @property
    def plan(self) -> SessionPlan:
        """What was to be run."""

    @property
    def control(self) -> RunControl:
        """How it ended."""

    @property
    def simulation(self) -> Simulation:
        """Everything that was derived and decided."""

    @property
    def overdue_minutes(self) -> int:
        """Minutes decided on so late that nobody could have traded so; 0 in a backtest."""

    @property
    def scores(self) -> SessionScores:
        """How complete the data were."""
