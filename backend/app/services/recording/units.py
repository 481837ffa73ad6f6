"""Units over splits: those in which an order was sent, ended, and what it opened was left.

An order is in the units of its end: a split restates the quantity and the prices of those that
work, as brokers do. Where a run had no split every ratio is 1.
"""

import numpy as np

from app.core.run_log import SPLIT_CAUSE, RunLog
from app.core.types import Floats, Int64s
from app.services.analytics.splits import fill_ratios
from app.services.analytics.trades import TradeColumns, exit_ratios
from app.services.recording.orders import event_columns


def restated(log: RunLog) -> Floats:
    """Of each order, how many units of its end one unit was when it was sent."""
    ratios = np.ones(len(log.orders))
    if not log.splits:
        return ratios
    by_moment: dict[tuple[int, int], float] = {}
    for split in log.splits:
        key = split.symbol, split.time_ns
        by_moment[key] = by_moment.get(key, 1.0) * split.ratio
    ids, times, _, causes = event_columns(log)
    told = zip(ids, times, causes, strict=True)
    for number, time_ns in {(n, ns) for n, ns, cause in told if cause.startswith(SPLIT_CAUSE)}:
        ratios[number - 1] *= by_moment[log.orders[number - 1].symbol, time_ns]
    return ratios


def since_entry(log: RunLog, trades: TradeColumns) -> Floats:
    """Of each trade, how many units of its exit one unit of its entry's order is."""
    if not log.splits:
        return np.ones(len(trades))
    rows: Int64s = trades.entry_order - 1
    sent_ns = np.array([log.orders[row].submitted_ns for row in rows.tolist()], np.int64)
    from_sent = fill_ratios(log, trades.symbol, sent_ns) / exit_ratios(log, trades)
    return from_sent / restated(log)[rows]
