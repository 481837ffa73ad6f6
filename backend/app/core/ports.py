"""What threads and managers know of each other: small protocols instead of imports."""

from typing import Protocol


class SessionTime(Protocol):
    """The clock of a backtest, moved by the deciding thread."""

    def begin_session(self) -> None:
        """Time is now the open of the next session, which is the first one at first."""

    def move_to(self, now_ns: int) -> None:
        """Time is now `now_ns` (UTC nanoseconds), in the session and not back."""
