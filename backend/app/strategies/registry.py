"""Strategies by name: shipped ones by a word, a user's own as ``package.module:Class``."""

import importlib
from difflib import get_close_matches

from app.core.exceptions import ConfigurationError
from app.core.strategy import Strategy

SHIPPED = {
    "sma_cross": "app.strategies.sma_cross:SmaCross",
    "rsi_reversion": "app.strategies.rsi_reversion:RsiReversion",
}
"""Module and class of each strategy that comes with the platform."""


def load_strategy(name: str) -> type[Strategy]:
    """The strategy class that `name` stands for.

    Raises:
        ConfigurationError: saying which step failed: no such shipped strategy, a module that
            cannot be imported (with its error), a class that is not there or not a strategy.
    """
    module_name, _, class_name = SHIPPED.get(name, name).partition(":")
    if not class_name:
        close = get_close_matches(name, SHIPPED, 1)
        hint = f"; did you mean {close[0]}" if close else ""
        raise ConfigurationError(
            f"strategy {name!r} is not shipped{hint}. There are {', '.join(SHIPPED)}; name your "
            "own as package.module:ClassName"
        )
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigurationError(
            f"strategy {name!r}: module {module_name!r} cannot be imported: {error}"
        ) from error
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        own = [n for n, v in vars(module).items() if _is_strategy_of(v, module_name)]
        raise ConfigurationError(
            f"strategy {name!r}: {module_name} has no strategy class {class_name!r}; "
            f"it has {', '.join(own) or 'none'}"
        )
    found.is_cross_sectional()
    return found


def _is_strategy_of(value: object, module_name: str) -> bool:
    return (
        isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == module_name
    )
