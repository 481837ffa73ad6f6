"""Pair spread: buy the cheaper and sell the dearer of two symbols that usually move together.

The spread is the logarithm of the ratio of their closes. Where it stands more than `entry`
standard deviations from its average over the last `period` bars, the dear one is sold and the
cheap one bought, each for `value`; both are closed when the spread is within `leave` deviations,
beyond `stop` of them, or after `max_bars`.

When it loses: when the two part for a reason. Earnings, a takeover or a lawsuit move one of them
for good; the average then follows the spread, so that the loss is realised when the distance
looks normal again. Two legs pay commission and slippage twice, and a short one may cost a fee.
"""

from collections import deque
from math import fsum, log, sqrt

from app.core.exceptions import ConfigurationError
from app.core.strategy import BarInterval, Float, Int, Slice, Strategy


class PairSpread(Strategy):
    """Trades the spread of two symbols back to its average; it needs exactly two."""

    interval = BarInterval("5m", help="Bars on which the strategy decides.")
    period = Int(78, low=5, high=10_000, help="Bars in the average and deviation.")
    entry = Float(2.0, low=0.1, high=20.0, help="Enter this many deviations from the average.")
    leave = Float(0.5, low=0.0, high=20.0, help="Leave within this many deviations.")
    stop = Float(4.0, low=0.2, high=100.0, help="Leave beyond this many deviations.")
    max_bars = Int(390, low=1, high=100_000, help="Leave after so many bars at the latest.")
    value = Float(10_000.0, low=0.01, help="Value to hold of each symbol.")

    def check(self) -> None:
        """Refuse distances in an order that makes no sense."""
        if not self.leave < self.entry < self.stop:
            raise ConfigurationError(
                f"entry: {self.entry} must lie between leave, {self.leave}, and stop, {self.stop}"
            )

    def on_start(self) -> None:
        """Refuse anything but two symbols; nothing is known of their spread yet."""
        if len(self.symbols) != 2:
            raise ConfigurationError(
                f"symbols: a pair is two symbols, not {len(self.symbols)}; "
                "name two in the strategy's `symbols`"
            )
        self.spreads: deque[float] = deque(maxlen=self.period)
        self.bars_held = 0

    def on_slice(self, bars: Slice) -> None:
        """Follow the spread wherever both symbols have a bar."""
        if not bars.present.all():
            return
        first, second = bars.close.tolist()
        self.spreads.append(log(first / second))
        average = fsum(self.spreads) / self.period
        deviation = sqrt(fsum((spread - average) ** 2 for spread in self.spreads) / self.period)
        if len(self.spreads) < self.period or not deviation or self.orders:
            return
        distance = (self.spreads[-1] - average) / deviation
        held = [self.positions[symbol].quantity for symbol in self.symbols]
        if any(held):
            self._leave(abs(distance), is_whole=all(held))
        elif self.entry < abs(distance) < self.stop:
            self._enter(first, second, is_first_dear=distance > 0.0)

    def _enter(self, first: float, second: float, *, is_first_dear: bool) -> None:
        self.bars_held = 0
        units = self.value // first, self.value // second
        if not all(units):
            return
        sides = (self.sell, self.buy) if is_first_dear else (self.buy, self.sell)
        for symbol, side, quantity in zip(self.symbols, sides, units, strict=True):
            side(quantity, symbol=symbol)

    def _leave(self, distance: float, *, is_whole: bool) -> None:
        """Close both legs when the trade is over, or the one that came without the other."""
        self.bars_held += 1
        is_over = not self.leave < distance < self.stop or self.bars_held >= self.max_bars
        if is_over or not is_whole:
            for symbol in self.symbols:
                self.close(symbol=symbol)
