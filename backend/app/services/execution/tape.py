"""The minute bars an exchange trades on: a batch at a time, each bar looked at once."""

from collections.abc import Sequence
from typing import NamedTuple

from app.core.data_structures import BarColumns
from app.core.strategy.views import BarCursor, Clock

NEVER_NS = 2**63 - 1


class MinuteBar(NamedTuple):
    """One bar as the matching rules need it.

    `is_first` and `is_last` say whether it holds the session's first and last print.
    """

    start_ns: int
    end_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    is_first: bool
    is_last: bool


class Tape:
    """Bars of all symbols in the batch at hand; `next_rows` are those not yet traded on.

    Symbols are positions in the run's list, rows are counted within the batch.
    """

    def __init__(self, symbols: int, clock: Clock) -> None:
        self.bars = [BarColumns.empty()] * symbols
        self.next_rows = [0] * symbols
        self.minute_cursors: dict[int, BarCursor] = {}
        self.session_open_ns = 0
        self.session_close_ns = NEVER_NS
        self._clock = clock
        self._closed_row = 0
        self._first_rows = [0] * symbols
        self._suspects: list[frozenset[int]] = [frozenset()] * symbols
        self._last_closes = [0.0] * symbols
        self._rescaled = [(-1, 0.0)] * symbols
        self._last_prints_ns = [-1] * symbols

    def load(
        self,
        bars: Sequence[BarColumns],
        first_rows: Sequence[int],
        suspects: Sequence[frozenset[int]],
    ) -> None:
        """Take the next batch, one entry a symbol.

        `first_rows` are their rows in the run's series, `suspects` the rows within the batch in
        which nothing may trade.
        """
        for symbol, old in enumerate(self.bars):
            self._last_closes[symbol] = self.close_of(symbol, len(old))
            row = _last_print(old, len(old))
            if row >= 0:
                self._last_prints_ns[symbol] = old.start_ns.item(row)
        self.bars = list(bars)
        self._rescaled = [(-1, 0.0)] * len(self.bars)
        self.next_rows = [0] * len(self.bars)
        self._first_rows = list(first_rows)
        self._suspects = list(suspects)

    def scale(self, symbol: int, ratio: float) -> None:
        """Express the latest close in new units: one old unit is `ratio` new ones."""
        rows = self.closed_rows(symbol)
        self._rescaled[symbol] = (rows, self.close_of(symbol, rows) / ratio)

    def closed_rows(self, symbol: int) -> int:
        """How many bars of the batch have ended by now: also the row of the next one.

        The strategy's own cursor mostly stands on the bar that has just ended, or else the
        symbol asked about before had it in the same row: a look there saves a search.
        """
        ends, now_ns = self.bars[symbol].end_ns, self._clock.now_ns
        cursor = self.minute_cursors.get(symbol)
        row = self._closed_row if cursor is None else cursor.row - self._first_rows[symbol]
        if 0 <= row < len(ends) and ends.item(row) == now_ns:
            return row + 1
        rows = int(ends.searchsorted(now_ns, side="right"))
        self._closed_row = rows - 1
        return rows

    def last_close(self, symbol: int) -> float:
        """Close of the latest bar that has ended by now; 0.0 before the first."""
        return self.close_of(symbol, self.closed_rows(symbol))

    def close_of(self, symbol: int, rows: int) -> float:
        """Close of the latest of the batch's first `rows` bars, in the units of the time after."""
        at_split, close = self._rescaled[symbol]
        if rows == at_split:
            return close
        return self.bars[symbol].close.item(rows - 1) if rows else self._last_closes[symbol]

    def end_ns(self, symbol: int, row: int) -> int:
        """End of a bar; a time that never comes for a row behind the batch."""
        ends = self.bars[symbol].end_ns
        return ends.item(row) if row < len(ends) else NEVER_NS

    def is_tradable(self, symbol: int, row: int) -> bool:
        """Whether anything was traded in a bar, at a price that is not suspect."""
        return self.bars[symbol].volume.item(row) > 0.0 and row not in self._suspects[symbol]

    def bar(self, symbol: int, row: int) -> MinuteBar:
        """One bar of the batch."""
        bars = self.bars[symbol]
        before = _last_print(bars, row)
        before_ns = bars.start_ns.item(before) if before >= 0 else self._last_prints_ns[symbol]
        end_ns = bars.end_ns.item(row)
        return MinuteBar(
            bars.start_ns.item(row),
            end_ns,
            bars.open.item(row),
            bars.high.item(row),
            bars.low.item(row),
            bars.close.item(row),
            bars.volume.item(row),
            before_ns < self.session_open_ns,
            end_ns == self.session_close_ns,
        )


def _last_print(bars: BarColumns, before: int) -> int:
    """The last row before `before` in which something was traded; -1 if there is none."""
    row = before - 1
    while row >= 0 and bars.volume.item(row) == 0.0:
        row -= 1
    return row
