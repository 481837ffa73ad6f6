"""Columns of the trading record: exact numbers, and the words a column may hold."""

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Dialect, Numeric, TypeDecorator
from sqlalchemy.types import TypeEngine

MODES = ("backtest", "paper", "live")
SIDES = ("buy", "sell")

DIGITS = 15
"""Digits that a floating-point number, and so SQLite, keeps of any decimal one."""

BOUND = 1e30
"""Numbers of the record lie within it, on either side: what is larger is a mistake."""

_BOUND_SQL = "1e30"

PRICE_SCALE = 8
"""Decimals a price or a quantity is shown with at least: what a bitcoin is divided into."""

MONEY_SCALE = 6
"""Decimals an amount of money is shown with at least: regulatory fees are fractions of a cent."""

_ROOMY = Context(prec=100)

_FEW_DIGITS = 1e7
"""Below it a number and eight decimals are no more digits than a floating-point number keeps."""


class Exact(TypeDecorator[Decimal]):
    """A Decimal of any size, exact in PostgreSQL and to 15 digits in SQLite, which has none.

    It is shown with `scale` decimals, and with more where it has more: coins may cost billionths
    and be traded by the billion. Floats may be bound too: whoever writes many rows rounds them
    first.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self._step = Decimal(1).scaleb(-scale)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Numbers of SQLite come as floats and are made exact here."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Numeric(asdecimal=False))
        return dialect.type_descriptor(Numeric())

    def process_result_value(
        self, value: Decimal | float | None, _dialect: Dialect
    ) -> Decimal | None:
        """A Decimal with `scale` decimals or more."""
        if value is None:
            return None
        if not isinstance(value, Decimal):
            text = f"{value:.{self.scale}f}"
            if abs(value) < _FEW_DIGITS and float(text) == value:
                return Decimal(text)
            value = Decimal(f"{value:.{DIGITS}g}")
        padded = value.quantize(self._step, context=_ROOMY)
        return padded if padded == value else value.normalize(_ROOMY)


class Price(Exact):
    """In the quote currency, per unit."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(PRICE_SCALE)


class Quantity(Exact):
    """In units of the base."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(PRICE_SCALE)


class Holding(Quantity):
    """In units of the base, signed: below zero when short."""

    cache_ok = True


class Money(Exact):
    """In the quote currency."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(MONEY_SCALE)


def one_of(column: str, words: Iterable[str]) -> CheckConstraint:
    """The check that `column` holds one of these words.

    Not as a list: SQLite would build one anew for every row, and take half as long again.
    """
    either = " OR ".join(f"{column} = '{word}'" for word in words)
    return CheckConstraint(either, name=f"known_{column}")


def above_zero(*columns: str) -> list[CheckConstraint]:
    """A check for each column that its whole number, where there is one, is above zero."""
    return [CheckConstraint(f"{column} > 0", name=f"{column}_above_zero") for column in columns]


def never_negative(*columns: str) -> list[CheckConstraint]:
    """A check for each column that its number, where there is one, is zero or more."""
    return [CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative") for column in columns]


def positive(*columns: str) -> list[CheckConstraint]:
    """A check for each column that what is in it, where something is, is a number above zero.

    The bound keeps out what is no number: to PostgreSQL NaN is greater than any, to SQLite text.
    """
    return [
        CheckConstraint(f"{column} > 0 AND {column} < {_BOUND_SQL}", name=f"{column}_above_zero")
        for column in columns
    ]


def numbers(*columns: str) -> list[CheckConstraint]:
    """A check for each column that what is in it, where something is, is a number."""
    return [
        CheckConstraint(
            f"{column} > -{_BOUND_SQL} AND {column} < {_BOUND_SQL}", name=f"{column}_is_a_number"
        )
        for column in columns
    ]
