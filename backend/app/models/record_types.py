"""Columns of the trading record: exact numbers, and the words a column may hold."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Dialect, Numeric, TypeDecorator
from sqlalchemy.types import TypeEngine

MODES = ("backtest", "paper", "live")
SIDES = ("buy", "sell")

PRICE_SCALE = 8
"""Decimals of a price or a quantity: what the smallest unit of a coin needs."""

MONEY_SCALE = 6
"""Decimals of an amount of money: regulatory fees are fractions of a cent."""


class Exact(TypeDecorator[Decimal]):
    """A Decimal of fixed scale, exact in PostgreSQL and to 15 digits in SQLite, which has none.

    Floats may be bound too: whoever writes many rows rounds them first.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, scale: int) -> None:
        super().__init__(20, scale)
        self.scale = scale

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Numbers of SQLite come as floats and are made exact here."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Numeric(20, self.scale, asdecimal=False))
        return dialect.type_descriptor(Numeric(20, self.scale))

    def process_result_value(
        self, value: Decimal | float | None, _dialect: Dialect
    ) -> Decimal | None:
        """A Decimal with exactly `scale` decimals."""
        if value is None:
            return None
        exact = value if isinstance(value, Decimal) else Decimal(repr(value))
        return exact.quantize(Decimal(1).scaleb(-self.scale))


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
    """A check for each column that its number, where there is one, is above zero."""
    return [CheckConstraint(f"{column} > 0", name=f"{column}_above_zero") for column in columns]


def never_negative(*columns: str) -> list[CheckConstraint]:
    """A check for each column that its number, where there is one, is zero or more."""
    return [CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative") for column in columns]
