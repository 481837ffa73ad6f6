"""Watchdog: notices a strategy that never comes back from a call, and ends it."""

import ctypes
from collections.abc import Callable

from app.core.exceptions import StageFailedError, StrategyHungError
from app.threads.analysis_engine import AnalysisEngine
from app.threads.sync import RunControl
from app.threads.worker import Worker

_LOOK_EVERY_S = 0.25
_PATIENCE_TO_STOP_S = 1.0
_GRACE_S = 2.0


class Watchdog(Worker):
    """Looks several times a second whether the deciding thread still gets on.

    If one call of a strategy takes longer than `patience_s` (or than a second, once the run is
    to stop), `StrategyHungError` is raised inside that call, as if the strategy had raised it.
    A call that does not even react to that, since it waits in foreign code, fails the run:
    Python has no way to end such a thread.
    """

    def __init__(
        self,
        control: RunControl,
        *,
        analysis: AnalysisEngine,
        heartbeat: Callable[[], object],
        patience_s: float,
    ) -> None:
        super().__init__("Watchdog", control)
        self._analysis = analysis
        self._heartbeat = heartbeat
        self._patience_s = patience_s

    def work(self) -> None:
        """Watch until the deciding thread is over."""
        last_beat, still_s, interrupted_s = self._heartbeat(), 0.0, 0.0
        while not self._analysis.finished.wait(_LOOK_EVERY_S):
            beat = self._heartbeat()
            stuck = self._analysis.is_playing and beat == last_beat
            still_s = still_s + _LOOK_EVERY_S if stuck else 0.0
            interrupted_s = interrupted_s if stuck else 0.0
            last_beat = beat
            patience_s = _PATIENCE_TO_STOP_S if self.control.stopping else self._patience_s
            if interrupted_s and still_s - interrupted_s >= _GRACE_S:
                self._give_up(still_s)
                return
            if still_s >= patience_s and not interrupted_s:
                interrupted_s = still_s
                self._interrupt()

    def _interrupt(self) -> None:
        """Raise `StrategyHungError` in the deciding thread at its next Python instruction."""
        thread_id = ctypes.c_ulong(self._analysis.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread_id, ctypes.py_object(StrategyHungError))

    def _give_up(self, still_s: float) -> None:
        self.control.fail(
            self._analysis.name,
            StageFailedError(
                f"a strategy has not come back from a call for {still_s:g} s "
                "and does not react; look for a wait without a timeout in it"
            ),
        )
        self._analysis.finished.set()
