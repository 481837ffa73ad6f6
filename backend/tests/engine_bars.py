"""Bars, sessions and scripted strategies made by hand for the tests of the engine.

Minutes are counted through the sessions: with sessions of ten minutes, minute 12 is the third
of the second session. The first session opens on Monday 2024-07-01 at 09:30 in New York
(13:30 UTC); one session follows a day, so that all of them lie in summer time.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from app.core.data_structures import BarColumns
from app.core.enums import OrderStatus
from app.core.orders import Order
from app.core.sessions import SessionGrid
from app.core.strategy import BarCursor, Strategy
from app.core.types import DAY_NS, MINUTE_NS
from app.research import run_backtest
from app.services.analytics.result import RunResult

FIRST_OPEN_NS = int(np.datetime64("2024-07-01T13:30", "ns").astype(np.int64))
FLAT = (100.0, 100.0, 100.0, 100.0)

Row = tuple[float, ...] | None
"""Open, high, low, close and volume (1000 if left out) of a minute; None for a missing one."""

Action = Callable[[Strategy], Any]
Script = Mapping[Any, Action]


def start_of(minute: int, *, session_minutes: int = 10) -> int:
    """When a minute starts, in UTC nanoseconds."""
    day, within = divmod(minute, session_minutes)
    return FIRST_OPEN_NS + day * DAY_NS + within * MINUTE_NS


def end_of(minute: int, *, session_minutes: int = 10) -> int:
    """When a minute ends, in UTC nanoseconds."""
    return start_of(minute, session_minutes=session_minutes) + MINUTE_NS


def grid(sessions: int, *, session_minutes: int = 10) -> SessionGrid:
    """Sessions of `session_minutes` each, one a day."""
    opens = FIRST_OPEN_NS + np.arange(sessions, dtype=np.int64) * DAY_NS
    closes = opens + session_minutes * MINUTE_NS
    dates = opens.astype("datetime64[ns]").astype("datetime64[D]")
    return SessionGrid("America/New_York", dates, opens, closes, opens, closes)


def bars(rows: Sequence[Row], *, session_minutes: int = 10, first: int = 0) -> BarColumns:
    """One row a minute from minute number `first` on."""
    present = [(number + first, row) for number, row in enumerate(rows) if row is not None]
    starts = [start_of(minute, session_minutes=session_minutes) for minute, _ in present]
    values = [(*row, 1000.0)[:5] for _, row in present]
    columns = np.array(values, np.float64).reshape(-1, 5).T
    return BarColumns.of_minutes(np.array(starts, np.int64), *np.ascontiguousarray(columns))


def closes(values: Sequence[float | None]) -> BarColumns:
    """Minutes that open, trade and close at one price each."""
    return bars([None if value is None else (value,) * 4 for value in values])


class Scripted(Strategy):
    """Does at the close of each minute what its script says for it.

    Keys of the script are minutes, or (symbol, minute), ``"start"``, ``("end", session)``;
    each action is called with the strategy. Orders, in the order they were sent, are in
    ``sent``; what `on_order` was told, with the moment, in ``told``.
    """

    script: Script = MappingProxyType({})
    session_minutes = 10
    sent: list[Order]
    told: list[tuple[int, int, OrderStatus]]

    def _act(self, key: Any) -> None:
        action = self.script.get(key)
        if action is not None:
            done = action(self)
            self.sent.extend([done] if isinstance(done, Order) else [])

    def on_start(self) -> None:
        self.sessions_ended = 0
        self._act("start")

    def on_bar(self, bar: BarCursor) -> None:
        day, within = divmod(bar.start_ns - FIRST_OPEN_NS, DAY_NS)
        minute = day * self.session_minutes + within // MINUTE_NS
        self._act(minute)
        self._act((self.symbol, minute))

    def on_order(self, order: Order) -> None:
        self.told.append((order.id, self.now_ns, order.status))

    def on_session_end(self) -> None:
        self._act(("end", self.sessions_ended))
        self.sessions_ended += 1


def scripted(script: Script, *, session_minutes: int = 10) -> type[Scripted]:
    """A strategy class of its own that follows `script`."""
    members = {"script": script, "session_minutes": session_minutes, "sent": [], "told": []}
    return type("Follows", (Scripted,), members)


def play(
    rows: Sequence[Row] | Mapping[str, Sequence[Row]],
    script: Script,
    *,
    sessions: int | None = None,
    strategy: type[Scripted] | None = None,
    **terms: Any,
) -> RunResult:
    """A run over sessions of ten minutes of what `script` says."""
    by_symbol = rows if isinstance(rows, Mapping) else {"SYMBOL": rows}
    count = sessions or -(-max(map(len, by_symbol.values())) // 10)
    return run_backtest(
        strategy or scripted(script),
        {symbol: bars(one) for symbol, one in by_symbol.items()},
        sessions=grid(count),
        **terms,
    )


def fills(result: RunResult) -> list[tuple[int, float, float]]:
    """Time, signed quantity and price of every fill."""
    log = result.log.fills
    return list(zip(log.time_ns.tolist(), log.quantity.tolist(), log.price.tolist(), strict=True))


def statuses(result: RunResult) -> list[str]:
    """Where every order ended, in the order they were sent."""
    return [order.status.value for order in result.log.orders]
