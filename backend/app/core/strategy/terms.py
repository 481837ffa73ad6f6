"""The terms of an order as a strategy writes them: checked, made into type and instructions."""

from datetime import datetime
from typing import Any, TypedDict

from app.core.enums import OrderType
from app.core.exceptions import StrategyError
from app.core.orders import PLAIN, Instructions
from app.core.shown import shortened

_INFINITY = float("inf")
_PRICES = ("trail", "trail_pct", "take_profit", "stop_loss")
_KNOWN = (*_PRICES, "reduce_only", "good_till")


class OrderTerms(TypedDict, total=False):
    """Further terms of an order, by keyword.

    Attributes:
        trail: make it a trailing stop this far from the best price, in the quote currency.
        trail_pct: make it a trailing stop this many percent from the best price.
        take_profit: limit price of an exit that is sent when the order fills.
        stop_loss: stop price of an exit that is sent when the order fills.
        reduce_only: trade no more than closes the position.
        good_till: when an order with time in force ``gtd`` ends; a datetime with a zone.
    """

    trail: float
    trail_pct: float
    take_profit: float
    stop_loss: float
    reduce_only: bool
    good_till: datetime


def read_terms(
    limit: float | None, stop: float | None, given: OrderTerms
) -> tuple[OrderType, Instructions]:
    """Type and instructions of an order with these prices and keywords.

    Raises:
        StrategyError: for an unknown keyword, a number that is not finite and above zero, or
            terms that do not go together.
    """
    unknown = [name for name in given if name not in _KNOWN]
    if unknown:
        raise StrategyError(f"an order has no {unknown[0]!r}; it may have {', '.join(_KNOWN)}")
    prices: dict[str, Any] = {"limit": limit, "stop": stop}
    prices |= {name: given.get(name) for name in _PRICES}
    for name, value in prices.items():
        if value is not None:
            require_number(name, value)
    return _type(limit, stop, given), _instructions(given) if given else PLAIN


def require_number(name: str, value: Any) -> None:
    """Pass if `value` can be a price or a quantity.

    Raises:
        StrategyError: if it is not a finite number above zero.
    """
    try:
        if 0.0 < value < _INFINITY:
            return
    except TypeError:
        pass
    raise StrategyError(f"{name} is {value!r}; give a finite number above zero")


def require_tag(tag: Any) -> str:
    """`tag` as plain text, if the record can hold it.

    Raises:
        StrategyError: if it is no text, or has a NUL or half of a surrogate pair in it.
    """
    if not isinstance(tag, str):
        raise StrategyError(f"tag is {_brief(tag)}; give a text, as in tag=str(…)")
    if "\0" in tag or not _is_encodable(tag):
        raise StrategyError(
            f"tag is {_brief(tag)}; no database takes NUL or half of a surrogate pair: leave them "
            "out"
        )
    return str.__str__(tag)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _brief(value: Any) -> str:
    return shortened(ascii(value))


def _type(limit: float | None, stop: float | None, given: OrderTerms) -> OrderType:
    trails = [name for name in ("trail", "trail_pct") if given.get(name) is not None]
    if trails and (len(trails) == 2 or limit is not None or stop is not None):
        raise StrategyError(
            "a trailing stop has either trail or trail_pct, and neither a limit nor a stop price"
        )
    if trails:
        return OrderType.TRAILING_STOP
    if stop is not None:
        return OrderType.STOP if limit is None else OrderType.STOP_LIMIT
    return OrderType.MARKET if limit is None else OrderType.LIMIT


def _instructions(given: OrderTerms) -> Instructions:
    good_till = given.get("good_till")
    return Instructions(
        trail=float(given.get("trail") or 0.0),
        trail_pct=float(given.get("trail_pct") or 0.0),
        good_till_ns=_nanoseconds(good_till) if good_till is not None else 0,
        reduce_only=bool(given.get("reduce_only", False)),
        take_profit=float(given.get("take_profit") or 0.0),
        stop_loss=float(given.get("stop_loss") or 0.0),
    )


def _nanoseconds(moment: object) -> int:
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise StrategyError(f"good_till is {moment!r}; give a datetime with a time zone")
    return round(moment.timestamp() * 1_000_000) * 1_000
