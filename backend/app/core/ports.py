"""What threads and managers know of each other: small protocols instead of imports."""

from typing import Protocol


class SessionTime(Protocol):
    """The clock of a backtest, moved from session to session by the deciding thread."""

    def begin_session(self) -> None:
        """Time is now the open of the next session, which is the first one at first."""

    def end_session(self, close_ns: int) -> None:
        """Time is now the session's close (UTC nanoseconds)."""
