"""What the pages of the documentation find when their code is run: the demo's bars, a calendar."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from app.managers.data_manager.sample import SAMPLE_WINDOW
from app.managers.time_manager import TimeManager
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.market_data.synthetic import write_sample

REPOSITORY = Path(__file__).resolve().parents[4]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language, in order."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def demo_folder(calendar_db, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the repository after `make demo`, with the same sample bars."""
    root = tmp_path_factory.mktemp("demo")
    first, last = SAMPLE_WINDOW
    assert isinstance(first, date)
    with calendar_db.sessions() as db:
        sessions = TimeManager.for_exchange(db, "US_EQUITY").session_grid(db, first, last)
    write_sample(ParquetStorage(root / "backend" / "data" / "bars"), sessions)
    return root


@pytest.fixture
def read_page(demo_folder, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, object]]:
    """``read_page("docs/x.md", **given)`` runs a page's Python from top to bottom: its names."""

    def read(page: str, **given: object) -> dict[str, object]:
        monkeypatch.chdir(demo_folder)
        names = {"__name__": "page", **given}
        for code in blocks(page, "python"):
            exec(compile(code, page, "exec"), names)  # noqa: S102  # our own pages
        return names

    return read
