"""A hash of what a run decided and got: two equal runs have equal hashes, on any machine."""

from hashlib import sha256

from app.core.run_log import RunLog


def order_hash(log: RunLog) -> str:
    """SHA-256, in hexadecimal, over the orders and then the fills of a run, in their order.

    Each is one line of UTF-8 text, its fields separated by tabs; names stand for positions,
    numbers are Python's shortest exact ``repr`` of the float, times UTC nanoseconds:

    - ``order``, id, strategy, symbol, side, quantity, type, time in force, limit price, stop
      price, submitted, status, filled, fill price
    - ``fill``, order id, strategy, symbol, time, quantity (signed), price, commission, slippage
    """
    symbols, strategies, fills = log.symbols, log.strategies, log.fills
    lines = [
        f"order\t{order.id}\t{strategies[order.strategy]}\t{symbols[order.symbol]}"
        f"\t{'buy' if order.quantity > 0 else 'sell'}\t{abs(float(order.quantity))!r}"
        f"\t{order.type._value_}\t{order.time_in_force._value_}"
        f"\t{float(order.limit_price)!r}\t{float(order.stop_price)!r}\t{order.submitted_ns}"
        f"\t{order.status._value_}\t{order.filled_ns}\t{float(order.fill_price)!r}\n"
        for order in log.orders
    ]
    columns = (
        *(fills.order_id, fills.strategy, fills.symbol, fills.time_ns, fills.quantity),
        *(fills.price, fills.commission, fills.slippage),
    )
    lines.extend(
        f"fill\t{order}\t{strategies[strategy]}\t{symbols[symbol]}\t{time_ns}"
        f"\t{quantity!r}\t{price!r}\t{commission!r}\t{slippage!r}\n"
        for order, strategy, symbol, time_ns, quantity, price, commission, slippage in zip(
            *(column.tolist() for column in columns), strict=True
        )
    )
    return sha256("".join(lines).encode()).hexdigest()
