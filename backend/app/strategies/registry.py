"""Strategies by name: shipped ones by a word, a user's own by file or module, and its class."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from app.core.exceptions import ConfigurationError
from app.core.strategy import Strategy
from app.strategies.loading import import_module, load_file, python_files
from app.strategies.soundness import require_sound

SHIPPED = {
    "sma_cross": "app.strategies.sma_cross:SmaCross",
    "macd": "app.strategies.macd:Macd",
    "rsi_reversion": "app.strategies.rsi_reversion:RsiReversion",
    "vwap_reversion": "app.strategies.vwap_reversion:VwapReversion",
    "opening_range": "app.strategies.opening_range:OpeningRangeBreakout",
    "pair_spread": "app.strategies.pair_spread:PairSpread",
    "momentum": "app.strategies.momentum:Momentum",
}
"""Module and class of each strategy that comes with the platform."""

_OWN = "name your own as my_file.py:ClassName or package.module:ClassName"


def load_strategy(name: str, folder: Path | None = None) -> type[Strategy]:
    """The strategy class that `name` stands for, seen to be sound.

    `name` is a shipped strategy's word, ``my_file.py:Class`` with the file's path in `folder`,
    or ``package.module:Class``. `folder` is made if it is not there; without one, files are
    refused. A file is read again when it has changed.

    Raises:
        ConfigurationError: saying which step failed: no such shipped strategy, file or module;
            a syntax error or an error while importing, with its line; a class that is not there,
            is not a strategy, or is not written as one has to be.
    """
    target = SHIPPED.get(name, name)
    place, _, class_name = target.rpartition(":")
    if not place:
        raise _unknown(name)
    try:
        module = _module(place, folder)
        found = _class_of(module, class_name)
        require_sound(found)
    except ConfigurationError as error:
        raise ConfigurationError(f"strategy {name!r}: {error}", error.problems) from error.__cause__
    return found


@dataclass(frozen=True, slots=True)
class FolderContents:
    """What a folder of strategies holds: classes by name, and per file what is wrong with it."""

    strategies: Mapping[str, type[Strategy]]
    problems: Mapping[str, str]


def strategies_in(folder: Path) -> FolderContents:
    """Every strategy of a folder, named as a session config names it; empty if there is none."""
    strategies: dict[str, type[Strategy]] = {}
    problems: dict[str, str] = {}
    for file in python_files(folder):
        try:
            own = own_strategies(load_file(folder, file))
        except ConfigurationError as error:
            problems[file] = str(error)
            continue
        for class_name in own:
            name = f"{file}:{class_name}"
            try:
                strategies[name] = load_strategy(name, folder)
            except ConfigurationError as error:
                problems[name] = str(error)
    return FolderContents(strategies, problems)


def own_strategies(module: ModuleType) -> list[str]:
    """Names of the strategy classes a module defines itself."""
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Strategy)
        and value.__module__ == module.__name__
    ]


def _module(place: str, folder: Path | None) -> ModuleType:
    if not place.endswith(".py"):
        return import_module(place)
    if folder is None:
        raise ConfigurationError("there is no folder of strategies here; name an importable module")
    return load_file(folder, place)


def _class_of(module: ModuleType, class_name: str) -> type[Strategy]:
    found = getattr(module, class_name, None)
    if isinstance(found, type) and issubclass(found, Strategy):
        return found
    own = own_strategies(module)
    there = f"its strategies are {', '.join(own)}" if own else "it has no strategy"
    if found is None:
        close = get_close_matches(class_name, own, 1)
        hint = f"; did you mean {close[0]}?" if close else ";"
        raise ConfigurationError(f"there is no class {class_name!r} in it{hint} {there}")
    raise ConfigurationError(
        f"{class_name!r} is not a strategy: derive it from app.strategies.Strategy; {there}"
    )


def _unknown(name: str) -> ConfigurationError:
    if name.endswith(".py"):
        return ConfigurationError(f"strategy {name!r} names no class: write {name}:ClassName")
    close = get_close_matches(name, SHIPPED, 1)
    hint = f"; did you mean {close[0]}?" if close else "."
    return ConfigurationError(
        f"strategy {name!r} is not shipped{hint} There are {', '.join(SHIPPED)}; {_OWN}"
    )
