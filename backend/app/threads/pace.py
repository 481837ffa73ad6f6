"""How fast a session goes, whether it is held, and how far it may be stepped."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Protocol

from app.threads.sync import RunControl, wait_in_looks

_LOOK_EVERY_S = 0.2
"""While it waits for its time, the deciding thread tells the present at least so often."""


class Stopwatch(Protocol):
    """Real time for pacing: seconds that only grow, and a way to wait."""

    def now_s(self) -> float:
        """Seconds since any fixed moment."""

    def wait(self, changed: Condition, timeout_s: float | None) -> None:
        """Wait until `changed` is notified, at most `timeout_s`; its lock is held."""


class MonotonicStopwatch:
    """The computer's monotonic clock."""

    def now_s(self) -> float:
        """Seconds since any fixed moment."""
        return time.monotonic()

    def wait(self, changed: Condition, timeout_s: float | None) -> None:
        """Wait until `changed` is notified, at most `timeout_s`."""
        changed.wait(timeout_s)


class Pace:
    """Asked by the deciding thread before each instant; told by any other thread what to do.

    At speed s > 0 the instant t of a session is due (t − open)/s seconds after the session
    began; a late one is due at once, so delays do not add up. Speed 0: always due. A change of
    speed or a pause counts from where the session's time is then. The nights between sessions
    take no time. `one_by_one`, each instant is asked for although none is waited for.
    """

    def __init__(
        self,
        control: RunControl,
        *,
        speed: float = 0.0,
        paused: bool = False,
        one_by_one: bool = False,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._control = control
        self._stopwatch = stopwatch or MonotonicStopwatch()
        self._changed = Condition()
        self._speed = speed
        self._is_paused = paused
        self._one_by_one = one_by_one
        self._steps = 0
        self._from_ns = 0
        self._from_s = 0.0
        self._asked_ns = 0
        self._is_held = False
        self.is_over = False
        self.is_at_rest = True
        self.is_free = not (speed or paused or one_by_one)
        self.interrupt: Callable[[], None] = _nothing
        control.on_stop(self._wake)

    # ── from any thread ──────────────────────────────────────────────────────

    @property
    def speed(self) -> float:
        """Seconds of the market in one real second; 0.0: no waiting."""
        return self._speed

    @property
    def is_paused(self) -> bool:
        """Whether no instant is played unless stepped."""
        return self._is_paused

    def pause(self) -> bool:
        """Hold before the next instant; the one being played is finished. False if it held."""
        with self._changed:
            was_going = not self._is_paused
            self._keep_time()
            self._is_paused = True
        self._wake()
        return was_going

    def resume(self) -> bool:
        """Go on at the present speed; steps not yet taken are dropped. False if it was going."""
        with self._changed:
            was_paused = self._is_paused
            if was_paused:
                self._is_paused, self._steps = False, 0
                self._from_s = self._stopwatch.now_s()
        self._wake()
        return was_paused

    def set_speed(self, speed: float) -> None:
        """Change the speed from now on; a paused session stays paused."""
        with self._changed:
            self._keep_time()
            self._speed = speed
        self._wake()

    def step(self) -> bool:
        """Let one more instant be played; False, and nothing happens, unless paused."""
        with self._changed:
            self._steps += self._is_paused
            stepped = self._is_paused
        self._wake()
        return stepped

    def wait_for_rest(self, timeout_s: float) -> bool:
        """Wait until nothing is being played; False if that takes longer than `timeout_s`."""
        with self._changed:
            return wait_in_looks(
                lambda look_s: self._changed.wait_for(lambda: self.is_at_rest, look_s), timeout_s
            )

    def wait_for_steps(self, timeout_s: float) -> bool:
        """Wait until every step has been played and it holds again, or all has been played."""
        with self._changed:
            return wait_in_looks(
                lambda look_s: self._changed.wait_for(lambda: self._is_stepped, look_s), timeout_s
            )

    @property
    def _is_stepped(self) -> bool:
        return self.is_over or (self._is_held and not self._steps)

    # ── in the deciding thread ───────────────────────────────────────────────

    @contextmanager
    def playing(self) -> Iterator[None]:
        """Around the playing of a batch: outside, the thread rests."""
        self._rest(at_rest=False)
        try:
            yield
        finally:
            self._rest(at_rest=True)

    def finish(self) -> None:
        """Nothing will be played any more."""
        with self._changed:
            self.is_over = True
            self._changed.notify_all()

    def begin(self, open_ns: int, on_wait: Callable[[int], None]) -> bool:
        """Wait until a session may begin, and start its time; False if the run is to end.

        A paused one begins with the step that plays its first instant.
        """
        with self._changed:
            while not self._control.stopping:
                if not self._is_paused or self._steps:
                    self._from_ns = self._asked_ns = open_ns
                    self._from_s = self._stopwatch.now_s()
                    return True
                self._wait(None, on_wait)
        return False

    def admit(self, instant_ns: int, present_ns: int, on_wait: Callable[[int], None]) -> bool:
        """Wait until `instant_ns` may be played; False if the run is to end instead.

        `present_ns` is how far the session has been played. `on_wait` is told where its time
        is, several times a second while waiting.
        """
        with self._changed:
            if present_ns > self._asked_ns:
                self._from_ns, self._from_s = present_ns, self._stopwatch.now_s()
            self._asked_ns = instant_ns
            while not self._control.stopping:
                if self._is_paused and not self._steps:
                    self._wait(None, on_wait)
                elif self._is_paused:
                    self._steps -= 1
                    self._from_ns = instant_ns
                    return True
                elif (wait_s := self._seconds_until(instant_ns)) > 0.0:
                    self._wait(min(wait_s, _LOOK_EVERY_S), on_wait)
                else:
                    self._from_ns = self._from_ns if self._speed else instant_ns
                    return True
        return False

    # ── insides ──────────────────────────────────────────────────────────────

    def _seconds_until(self, instant_ns: int) -> float:
        if not self._speed:
            return 0.0
        due_s = self._from_s + (instant_ns - self._from_ns) / 1e9 / self._speed
        return due_s - self._stopwatch.now_s()

    def _now_ns(self) -> int:
        """Where the session's time is: on its way to the instant asked for last."""
        if self._is_paused or not self._speed:
            return self._from_ns
        passed_s = self._stopwatch.now_s() - self._from_s
        return min(self._asked_ns, self._from_ns + int(passed_s * self._speed * 1e9))

    def _keep_time(self) -> None:
        self._from_ns, self._from_s = self._now_ns(), self._stopwatch.now_s()

    def _wait(self, timeout_s: float | None, on_wait: Callable[[int], None]) -> None:
        on_wait(self._now_ns())
        self._is_held = self._is_paused
        self._rest(at_rest=True)
        self._stopwatch.wait(self._changed, timeout_s)
        self._is_held = False
        self._rest(at_rest=False)

    def _rest(self, *, at_rest: bool) -> None:
        with self._changed:
            self.is_at_rest = at_rest
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            is_held = self._speed or self._is_paused or self._one_by_one
            self.is_free = not (is_held or self._control.stopping)
            self._changed.notify_all()
        if not self.is_free:
            self.interrupt()


def _nothing() -> None:
    """Nobody plays yet."""
