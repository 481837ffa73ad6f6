"""At what price an order trades in a bar, if it does: the fill rules, one function a type.

A bar is known by its open, high, low and close alone, so each rule takes the less favourable
reading. Zero means no trade; every price is above zero.

| order  | trades when                         | at                                    |
|--------|-------------------------------------|---------------------------------------|
| market | always                              | the open, plus slippage               |
| limit  | the bar opens beyond the limit      | the open                              |
| limit  | the bar trades *through* the limit  | the limit (a touch is not enough)     |
| stop   | the bar reaches the stop            | the worse of stop and open, + slippage |
"""


def limit_price(limit: float, open_: float, high: float, low: float, *, buy: bool) -> float:
    """Price of a limit order in a bar; 0.0 if it does not trade."""
    if buy:
        if open_ < limit:
            return open_
        return limit if low < limit else 0.0
    if open_ > limit:
        return open_
    return limit if high > limit else 0.0


def stop_price(stop: float, open_: float, high: float, low: float, *, buy: bool) -> float:
    """Price of a stop order in a bar, before slippage; 0.0 if it is not triggered."""
    if buy:
        return max(stop, open_) if high >= stop else 0.0
    return min(stop, open_) if low <= stop else 0.0
