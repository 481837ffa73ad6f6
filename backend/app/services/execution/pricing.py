"""At what price an order trades in a bar, if it does: the fill rules as pure functions.

A bar is known by its open, high, low and close alone, so each rule takes the less favourable
reading. What happens at the open is known to come first; within the bar stops come before
limits. Zero means no trade; every price is above zero.

| order         | trades when                                  | at                              |
|---------------|----------------------------------------------|---------------------------------|
| market        | always                                       | the open                        |
| limit         | the bar opens beyond the limit               | the open                        |
| limit         | the bar trades *through* the limit           | the limit (a touch: no trade)   |
| stop          | the bar opens at or beyond the stop          | the open                        |
| stop          | the bar reaches the stop                     | the stop                        |
| stop-limit    | triggered as a stop; the limit then allows   | the open or the stop            |
| stop-limit    | triggered at an open, or in a bar before     | as a limit order                |
| stop          | triggered before, with a rest                | the open                        |
| trailing stop | as a stop where it stood when the bar began  | as a stop                       |
| ``opg``       | in the session's first print                 | its open                        |
| ``cls``       | in the session's last print                  | its close                       |

Slippage is added to market, stop and trailing stop orders. With `touch` a limit order trades
when the bar only touches its price.
"""


def limit_at_open(limit: float, open_: float, *, buy: bool, touch: bool) -> float:
    """Price of a limit order at the open; 0.0 unless the bar opens beyond the limit."""
    beyond = open_ < limit if buy else open_ > limit
    return open_ if beyond or (touch and open_ == limit) else 0.0


def limit_within(limit: float, high: float, low: float, *, buy: bool, touch: bool) -> float:
    """Price of a limit order within a bar; 0.0 unless the bar trades through the limit."""
    through = low < limit if buy else high > limit
    touched = touch and (low == limit if buy else high == limit)
    return limit if through or touched else 0.0


def stop_at_open(stop: float, open_: float, *, buy: bool) -> float:
    """Price of a stop order at the open; 0.0 unless the bar opens at or beyond the stop."""
    return open_ if (open_ >= stop if buy else open_ <= stop) else 0.0


def stop_within(stop: float, high: float, low: float, *, buy: bool) -> float:
    """Price of a stop order within a bar; 0.0 unless the bar reaches the stop."""
    return stop if (high >= stop if buy else low <= stop) else 0.0


def stop_of_exit(stop: float, entry: float, high: float, low: float, *, buy: bool) -> float:
    """Price of a stop order sent within a bar when its entry traded at `entry`; 0.0: no trade.

    One that lies beyond `entry` already trades there, like one that a bar opens beyond.
    """
    return stop_at_open(stop, entry, buy=buy) or stop_within(stop, high, low, buy=buy)


def trailed(best: float, trail: float, trail_pct: float, *, buy: bool) -> float:
    """Where a trailing stop stands when `best` is the best price since it works; never below 0."""
    distance = trail or best * trail_pct / 100.0
    return best + distance if buy else max(0.0, best - distance)
