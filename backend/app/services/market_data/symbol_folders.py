"""Symbols as folder names: readable, safe for any symbol, and restored exactly."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote

from app.core.exceptions import ConfigurationError

MAX_SYMBOL_LENGTH: Final = 64


def require_symbol(symbol: str) -> str:
    """`symbol` itself, if it can be one.

    Raises:
        ConfigurationError: if it is empty, too long, or holds spaces at its ends or
            characters that do not print; or if a part of it, between slashes, is empty or has
            no character but dots: in an address it would be another symbol, or none.
    """
    if not symbol or symbol != symbol.strip() or not symbol.isprintable():
        raise ConfigurationError(
            f"symbol {symbol!r} is not usable; a symbol is printable text without spaces around it"
        )
    if len(symbol) > MAX_SYMBOL_LENGTH or len(folder_name(symbol)) > 255:
        raise ConfigurationError(
            f"symbol {symbol[:20]!r}… is too long; a symbol has at most "
            f"{MAX_SYMBOL_LENGTH} characters"
        )
    if not all(part.strip(".") for part in symbol.split("/")):
        raise ConfigurationError(
            f"symbol {symbol!r} is not usable; write a name on both sides of each slash, not dots "
            "alone (for example BTC/USD)"
        )
    return symbol


def folder_name(symbol: str) -> str:
    """A folder name for `symbol`: percent-encoded, so ``BTC/USD`` is ``BTC%2FUSD``.

    A leading dot is encoded too: no symbol can name a hidden folder, ``.`` or ``..``.
    """
    name = quote(symbol, safe="")
    return f"%2E{name[1:]}" if name.startswith(".") else name


def symbol_of(name: str) -> str:
    """The symbol whose `folder_name` is `name`."""
    return unquote(name)


def symbols_of(names: Iterable[str]) -> list[str]:
    """The symbols with folders of these names, sorted; a folder that no symbol has is left out."""
    return sorted(symbol for symbol in map(symbol_of, names) if _is_usable(symbol))


def _is_usable(symbol: str) -> bool:
    try:
        require_symbol(symbol)
    except ConfigurationError:
        return False
    return True
