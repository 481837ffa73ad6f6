"""Payloads of the channels: what was published since the last message, as one JSON object."""

from collections.abc import Mapping, Sequence, Sized
from typing import Any

from app.core.data_structures import BarColumns
from app.monitoring.channels import Channel, Kind
from app.monitoring.values import OrderState, utc_text

_MS_NS = 1_000_000


def join(
    channel: Channel, published: Sequence[Any], *, most_rows: int
) -> tuple[Mapping[str, Any], int]:
    """One payload of everything published, and how many publications are not whole in it.

    Of snapshots the latest counts, and what came before is in it; of bars and orders at most
    `most_rows`, the latest.
    """
    if channel.kind.is_snapshot:
        return published[-1], 0
    if channel.kind is Kind.EVENTS:
        return {"events": list(published)}, 0
    kept = _latest(published, most_rows)
    left_out = len(published) - len(kept)
    if channel.kind is Kind.BARS:
        bars = BarColumns.concatenate(list(kept))
        first = max(0, len(bars) - most_rows)
        return _bars(channel, bars.slice(first, len(bars))), left_out + (first > 0)
    return {"orders": [_order(each) for orders in kept for each in orders]}, left_out


def _latest(published: Sequence[Sized], most: int) -> Sequence[Any]:
    """The last of `published` with together at most `most` rows; the very last in any case."""
    first, rows = len(published) - 1, len(published[-1])
    while first and rows + len(published[first - 1]) <= most:
        first -= 1
        rows += len(published[first])
    return published[first:]


def _bars(channel: Channel, bars: BarColumns) -> Mapping[str, Any]:
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
