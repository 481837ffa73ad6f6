"""The configuration reference, written from the models.

``python -m app.models.session_config.reference > ../docs/configuration.md`` renews it.
"""

import sys
from collections.abc import Iterator
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.models.session_config.problems import LATER, REMOVED
from app.models.session_config.session import SessionConfig
from app.models.session_config.wording import (
    fields_of,
    item_type,
    one_of,
    shown,
    variants,
    wanted,
    words,
)

HEAD = """\
# Session config

<!-- Written from the models by `python -m app.models.session_config.reference`. -->

A session config is one JSON file that says what to replay, what to load, who trades and what it
costs. `system start example_session` runs
`session_configs/example_session.json`, `system start ./mine.json` a file anywhere. The same config,
data and code give the same orders, to the last one.

A short one:

```json
{
  "session_name": "first try",
  "exchange_group": "US_EQUITY",
  "asset_class": "EQUITY",
  "mode": "backtest",
  "backtest_config": {"backtest_days": 5},
  "session_data_config": {"symbols": ["AAPL"]},
  "strategies": [{"name": "cross", "class": "sma_cross", "parameters": {"fast": 10, "slow": 30}}],
  "execution": {
    "starting_cash": 100000,
    "commission": {"model": "per_share", "rate": 0.005, "minimum": 1.0},
    "slippage": {"model": "ticks", "amount": 1, "tick_size": 0.01}
  }
}
```

Reading is strict. Nothing is guessed or converted: `"5"` is not 5, 5.0 is not a whole number, and
a field that is not listed here, written twice, or `null` is a mistake. Every mistake is told at
once, each on a line with the path of its field, and nothing is started:

```text
session_configs/mine.json has 2 mistakes:
  session_data_config.simbols: is not a field; did you mean "symbols"?
  execution.commission.rate: -1 is too small; a number above 0 is wanted (for example 0.005)
```

Fields without a default must be given. In paths, `[]` stands for each item of a list and `<name>`
for a name of your choice.
"""

RULES = """\
## Rules that join fields

- `backtest_config` says what to replay once: `backtest_days`, or `start_date` and `end_date`.
- `asset_class` is the one traded in `exchange_group`.
- Symbols named in `apply_to` or in a strategy's `symbols` are among `session_data_config.symbols`.
- `historical.data` reaches at least as far back as the longest `period` of an indicator.
- `execution` is given as soon as there is a strategy. Without strategies it may be left out.
- No list holds an item twice, and no two strategies share a name.
"""


def configuration_reference() -> str:
    """The reference as Markdown: every field with type, default, bounds, meaning and example."""
    parts = [HEAD, *_sections(SessionConfig, "", "The config"), RULES, _not_fields()]
    return "\n".join(parts)


def _sections(section: type[BaseModel], path: str, title: str) -> Iterator[str]:
    """The table of `section` and, below it, those of the sections within."""
    lines = [f"## {title}", "", _sentence(section), ""]
    lines += ["| field | what it takes | default | example | meaning |", "|---|---|---|---|---|"]
    lines += [_row(f"{path}{name}", field) for name, field in fields_of(section).items()]
    yield "\n".join([*lines, ""])
    for name, field in fields_of(section).items():
        inner, below = _within(field.annotation, f"{path}{name}")
        for model in inner:
            heading = f"`{below}`"
            if len(inner) > 1:
                heading += f" with model `{words(fields_of(model)['model'].annotation)[0]}`"
            yield from _sections(model, f"{below}.", heading)


def _within(annotation: Any, path: str) -> tuple[tuple[type[BaseModel], ...], str]:
    if variants(annotation):
        return variants(annotation), path
    item = item_type(annotation)
    if item is None or not variants(item):
        return (), path
    is_list = wanted(annotation).one.startswith("a list")
    return variants(item), f"{path}[]" if is_list else f"{path}.<name>"


def _sentence(section: type[BaseModel]) -> str:
    return " ".join((section.__doc__ or "").split("\n\n")[0].split())


def _row(path: str, field: FieldInfo) -> str:
    takes = wanted(field.rebuild_annotation()).one
    if variants(field.annotation):
        takes = "a section, see below"
    examples = one_of(f"`{shown(example)}`" for example in field.examples) if field.examples else ""
    cells = [f"`{path}`", takes, _default(field), examples, field.description or ""]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined:
        return "left out"
    if isinstance(value, float):
        return f"`{value:g}`"
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, tuple):
        value = [item.value if isinstance(item, Enum) else item for item in value]
    return f"`{shown(value)}`"


def _not_fields() -> str:
    lines = ["## Fields that are refused", "", "Removed, wherever they stand:", ""]
    lines += [f"- `{name}`: {remedy}." for name, remedy in REMOVED.items()]
    lines += ["", "Not available yet:", ""]
    lines += [f"- `{name}`: {remedy}." for name, remedy in LATER.items()]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(configuration_reference())
