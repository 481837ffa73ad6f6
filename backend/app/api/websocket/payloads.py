"""Payloads of the channels: what was published since the last message, as JSON objects."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from app.core.data_structures import BarColumns
from app.monitoring.channels import Channel, Kind
from app.monitoring.values import BarsClosed, OrdersChanged, OrderState, utc_text

_MS_NS = 1_000_000


class Payload(NamedTuple):
    """What one message tells; `left_out` is how much that was published is not in it."""

    payload: Mapping[str, Any]
    left_out: int = 0


def join(channel: Channel, published: Sequence[Any], *, most_rows: int) -> Iterator[Payload]:
    """Payloads of everything published in a channel that is not one of snapshots.

    Of bars and orders one for each run, with at most `most_rows`, the latest. What is left out
    is counted in orders, in publications of bars.
    """
    if channel.kind is Kind.EVENTS:
        yield Payload({"events": list(published)})
        return
    for run_id, group in groupby(published, key=attrgetter("run_id")):
        told = list(group)
        joined = (
            _bars(channel, told, most_rows)
            if channel.kind is Kind.BARS
            else _orders(told, most_rows)
        )
        yield joined._replace(payload={**joined.payload, "run_id": run_id})


def _latest(rows: Sequence[int], most: int) -> int:
    """The first of the last publications that together have at most `most` rows.

    The very last in any case.
    """
    first, kept = len(rows) - 1, rows[-1]
    while first and kept + rows[first - 1] <= most:
        first -= 1
        kept += rows[first]
    return first


def _bars(channel: Channel, told: Sequence[BarsClosed], most_rows: int) -> Payload:
    first = _latest([len(each.bars) for each in told], most_rows)
    bars = BarColumns.concatenate([each.bars for each in told[first:]])
    cut = max(0, len(bars) - most_rows)
    return Payload(_columns(channel, bars.slice(cut, len(bars))), first + (cut > 0))


def _orders(told: Sequence[OrdersChanged], most_rows: int) -> Payload:
    first = _latest([len(each.orders) for each in told], most_rows)
    left_out = sum(len(each.orders) for each in told[:first]) + sum(each.left_out for each in told)
    orders = [_order(order) for each in told[first:] for order in each.orders]
    return Payload({"orders": orders}, left_out)


def _columns(channel: Channel, bars: BarColumns) -> Mapping[str, Any]:
    """Columns of equal length, oldest bar first; times are UTC milliseconds."""
    symbol, interval = channel.series or ("", "")
    return {
        "symbol": symbol,
        "interval": str(interval),
        "start_ms": (bars.start_ns // _MS_NS).tolist(),
        "end_ms": (bars.end_ns // _MS_NS).tolist(),
        "open": bars.open.tolist(),
        "high": bars.high.tolist(),
        "low": bars.low.tolist(),
        "close": bars.close.tolist(),
        "volume": bars.volume.tolist(),
    }


def _order(state: OrderState) -> Mapping[str, Any]:
    told = state._asdict()
    for name in ("submitted", "filled"):
        time_ns = told.pop(f"{name}_ns")
        told[f"{name}_at"] = utc_text(time_ns) if time_ns else None
    for price in ("fill_price", "limit_price", "stop_price"):
        told[price] = told[price] or None
    return told
