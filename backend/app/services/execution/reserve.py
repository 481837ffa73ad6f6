"""Buying power that working orders have spoken for."""


class Reserve:
    """What each working order would add to the account's exposure, and the sum of it."""

    __slots__ = ("_values", "total")

    def __init__(self) -> None:
        self._values: dict[int, float] = {}
        self.total = 0.0

    def hold(self, order_id: int, value: float) -> None:
        """Speak for `value` in the quote currency."""
        self._values[order_id] = value
        self.total += value

    def release(self, order_id: int) -> float:
        """Give back what an order held; the value."""
        value = self._values.pop(order_id, 0.0)
        self.total = self.total - value if self._values else 0.0
        return value
