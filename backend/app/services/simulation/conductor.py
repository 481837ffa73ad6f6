"""Who says when an instant may be played: the edge between deciding and the world's time."""

from typing import Protocol


class Conductor(Protocol):
    """Leads a stepper through a run, from the thread in which it plays.

    While `is_free`, instants are played in one go; whoever ends that calls the stepper's `cut`
    afterwards. Otherwise each instant is asked for. An instant is one moment at which bars
    close, of all symbols, or the close of a session; a session's end is part of it.
    """

    @property
    def is_free(self) -> bool:
        """Whether instants may be played without asking."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be played."""

    def enter(self, number: int) -> bool:
        """Wait until session `number` may begin, and begin it; False if the run is over."""

    def admit(self, instant_ns: int) -> bool:
        """Wait until an instant (UTC ns) may be played; False if the run is over."""

    def played(self, instant_ns: int) -> None:
        """Everything up to this instant has been played."""

    def leave(self, number: int) -> None:
        """Session `number` has ended."""


class Unconducted:
    """Everything may be played at once."""

    is_free = True
    is_over = False

    def enter(self, number: int) -> bool:  # noqa: ARG002  # any session may
        """Begin at once."""
        return True

    def admit(self, instant_ns: int) -> bool:  # noqa: ARG002  # any instant may
        """Play at once."""
        return True

    def played(self, instant_ns: int) -> None:
        """Nobody watches."""

    def leave(self, number: int) -> None:
        """Nobody watches."""
