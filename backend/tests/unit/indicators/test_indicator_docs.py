"""The documentation of indicators: its catalogue is up to date and its examples run."""

import re
from pathlib import Path

import numpy as np
import pytest

from app.core.sessions import SessionGrid
from app.core.strategy import Indicator, Strategy
from app.core.types import MINUTE_NS
from app.services.indicators import create_indicator
from app.services.indicators.catalogue_text import catalogue_markdown

DOCS = Path(__file__).resolve().parents[4] / "docs"


def test_the_catalogue_is_up_to_date():
    written = (DOCS / "indicators_catalogue.md").read_text(encoding="utf-8")
    assert written == catalogue_markdown(), (
        "make it anew: cd backend && .venv/bin/python -m app.services.indicators "
        "> ../docs/indicators_catalogue.md"
    )


BLOCKS = re.findall(
    r"^```python\n(.*?)^```",
    (DOCS / "indicators.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_the_examples_run_and_what_they_declare_can_be_computed(code):
    names: dict[str, object] = {}
    exec(compile(code, "docs/indicators.md", "exec"), names)  # noqa: S102 # our own page
    opens, closes = np.array([0]), np.array([60 * MINUTE_NS])
    grid = SessionGrid("UTC", opens.astype("datetime64[ns]"), opens, closes, opens, closes)
    for strategy in [n for n in names.values() if isinstance(n, type) and n is not Strategy]:
        for declared in [v for v in vars(strategy).values() if isinstance(v, Indicator)]:
            values = {name: p.default for name, p in strategy.declared_parameters().items()}
            state = create_indicator(declared.spec(values), grid)
            assert declared.output in ("", *state.outputs)


def test_the_page_has_examples():
    assert len(BLOCKS) == 4
