"""When orders that enlarge a position are refused: by the data-quality gate, or by the system."""

from collections.abc import Sequence

from app.core.quality_gate import RestrictionColumns


class Entries:
    """Whether a symbol may be entered.

    `restricted` says whether any question need be asked at all. `refusals` counts, per symbol,
    the orders the data-quality gate refused.
    """

    def __init__(self, symbols: int) -> None:
        self.restricted = False
        self.refusals = [0] * symbols
        self._blocked: str | None = None
        self._restrictions = [RestrictionColumns.none()] * symbols
        self._carried = [False] * symbols

    @property
    def blocked(self) -> str | None:
        """Why nothing at all may be entered; None if there is no such reason."""
        return self._blocked

    @blocked.setter
    def blocked(self, reason: str | None) -> None:
        self._blocked = reason
        self.restricted = True

    def load(self, restrictions: Sequence[RestrictionColumns]) -> None:
        """Take the restrictions of the next batch, one entry a symbol."""
        for symbol, old in enumerate(self._restrictions):
            if len(old):
                self._carried[symbol] = bool(old.blocked[-1])
        self._restrictions = list(restrictions)
        any_column = any(map(len, restrictions)) or any(self._carried)
        self.restricted = any_column or self._blocked is not None

    def refusal(self, symbol: int, time_ns: int) -> str:
        """Why the symbol may not be entered at that time; empty if it may."""
        if not self.restricted:
            return ""
        if self._blocked is not None:
            return self._blocked
        columns = self._restrictions[symbol]
        row = int(columns.from_ns.searchsorted(time_ns, side="right")) if len(columns) else 0
        is_blocked = bool(columns.blocked[row - 1]) if row else self._carried[symbol]
        if not is_blocked:
            return ""
        self.refusals[symbol] += 1
        return "data quality: entries are refused"
