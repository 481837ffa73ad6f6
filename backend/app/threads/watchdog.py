"""Watchdog: notices a thread that does not get on, and ends what it holds up."""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from app.core.exceptions import StageFailedError, StrategyHungError
from app.threads.sync import RunControl
from app.threads.worker import Worker

_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a thread may stand still before it counts as hung, in seconds of looking.

    `call_s`: one call of a strategy; long, since a slow one holds up nothing but the run: a
    backtest's time is not the world's, and a session by the clock counts what it decides late.
    `notice_s`: before the status mentions it. `waiting_s`: a worker that neither gets on nor
    computes, so waits for what does not come: with a look it must stay under five seconds.
    `computing_s`: a worker that computes without end. `stopping_s`: any of them, once the run
    is to stop. `grace_s`: an interrupted call.
    """

    call_s: float = 30.0
    notice_s: float = 4.0
    waiting_s: float = 4.0
    computing_s: float = 300.0
    stopping_s: float = 1.0
    grace_s: float = 2.0


class Player(Protocol):
    """The thread that calls the strategies."""

    name: str
    control: RunControl
    finished: Event

    @property
    def ident(self) -> int | None:
        """What Python knows the thread by, once it runs."""

    @property
    def is_playing(self) -> bool:
        """Whether it decides now, instead of waiting for bars or for its time."""


class Watchdog(Worker):
    """Looks several times a second at every thread of a run, until `ended`.

    If a call of a strategy takes too long, `StrategyHungError` is raised inside that call, as
    if the strategy had raised it. A call that does not even react to that, since it waits in
    foreign code, fails the run, and so does a worker that hangs: Python has no way to end such
    a thread. A failed run enters nothing any more; `end` concludes it if the thread that hangs
    was to do that.
    """

    def __init__(
        self,
        control: RunControl,
        *,
        analysis: Player,
        workers: Sequence[Worker],
        heartbeat: Callable[[], object],
        patience: Patience,
        end: Callable[[], None],
        ended: Event,
    ) -> None:
        super().__init__("Watchdog", control)
        self._ends = [analysis.finished, *(worker.finished for worker in workers)]
        self._calls = _CallWatch(analysis, heartbeat, patience)
        self._workers = [_WorkerWatch(worker, patience) for worker in workers]
        self._end = end
        self._ended = ended

    def work(self) -> None:
        """Watch until the run is over."""
        while not self._ended.wait(_LOOK_EVERY_S):
            self._calls.look()
            for watch in self._workers:
                if watch.hangs():
                    self.control.fail(watch.worker.name, StageFailedError(watch.what_is_wrong()))
                    watch.worker.finished.set()
            if all(end.is_set() for end in self._ends):
                self._end()


class _CallWatch:
    """Whether a call of a strategy comes back."""

    def __init__(
        self, analysis: Player, heartbeat: Callable[[], object], patience: Patience
    ) -> None:
        self._analysis = analysis
        self._control = analysis.control
        self._heartbeat = heartbeat
        self._patience = patience
        self._last_beat = heartbeat()
        self._still_s = 0.0
        self._interrupted_s = 0.0

    def look(self) -> None:
        """Notice, interrupt, or give up a call that takes too long."""
        beat = self._heartbeat()
        if not self._analysis.is_playing or beat != self._last_beat:
            self._last_beat, self._still_s, self._interrupted_s = beat, 0.0, 0.0
            self._control.notice = None
            return
        self._still_s += _LOOK_EVERY_S
        patience = self._patience
        if self._still_s >= patience.notice_s:
            self._control.notice = self._in_words()
        if self._interrupted_s:
            if self._still_s - self._interrupted_s >= patience.grace_s:
                self._give_up()
        elif self._still_s >= self._patience_s():
            self._interrupted_s = self._still_s
            self._interrupt()

    def _patience_s(self) -> float:
        patience = self._patience
        return patience.stopping_s if self._control.stopping else patience.call_s

    def _interrupt(self) -> None:
        """Raise `StrategyHungError` in the deciding thread at its next Python instruction."""
        thread_id = ctypes.c_ulong(self._analysis.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread_id, ctypes.py_object(StrategyHungError))

    def _in_words(self) -> str:
        return f"a strategy has not come back from a call for {self._still_s:.0f} s"

    def _give_up(self) -> None:
        error = StageFailedError(
            f"{self._in_words()} and does not react; look for a wait without a timeout in it"
        )
        if not self._analysis.finished.is_set():
            self._control.fail(self._analysis.name, error)
            self._analysis.finished.set()


class _WorkerWatch:
    """Whether a worker gets on with the item it works on."""

    def __init__(self, worker: Worker, patience: Patience) -> None:
        self.worker = worker
        self._patience = patience
        self._beats = 0
        self._cpu_s = 0.0
        self._still_s = 0.0
        self._idle_s = 0.0

    def hangs(self) -> bool:
        """Look once; whether it hangs, said only once."""
        worker, beats, cpu_s = self.worker, self.worker.beats, self.worker.cpu_s()
        computes = cpu_s - self._cpu_s > 0.02 * _LOOK_EVERY_S
        stands = worker.is_working and beats == self._beats and not worker.finished.is_set()
        self._still_s = self._still_s + _LOOK_EVERY_S if stands else 0.0
        self._idle_s = self._idle_s + _LOOK_EVERY_S if stands and not computes else 0.0
        self._beats, self._cpu_s = beats, cpu_s
        return self._idle_s >= self._waiting_s() or self._still_s >= self._patience.computing_s

    def what_is_wrong(self) -> str:
        """In a sentence for the reason of the run."""
        if self._idle_s >= self._waiting_s():
            return f"it has waited {self._idle_s:.0f} s for something that does not come"
        return f"it has computed for {self._still_s:.0f} s without getting on"

    def _waiting_s(self) -> float:
        patience = self._patience
        return patience.stopping_s if self.worker.control.stopping else patience.waiting_s
