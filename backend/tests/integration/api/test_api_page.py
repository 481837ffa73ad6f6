"""docs/api.md, and the README's lines: typed into a shell, against a real server on a socket."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from app.core.administration import Origin
from app.core.users import Role
from tests.api_fixtures import Api
from tests.api_server import LiveServer
from tests.typed_pages import typed_into_a_shell
from tests.unit.docs.conftest import REPOSITORY, demo_folder

__all__ = ["demo_folder"]
PAGE = REPOSITORY / "docs" / "api.md"
README = REPOSITORY / "README.md"
HERE = Origin(actor="tests")


@pytest.fixture
def address(api: Api, demo_folder: Path) -> Iterator[str]:
    """A server on an installation with the demo's bars."""
    shutil.copytree(demo_folder / "backend" / "data" / "bars", api.settings.bars_dir)
    (password,) = set(re.findall(r'"alice", "password": "(.*?)"', PAGE.read_text("utf-8")))
    api.app.state.platform.users.accounts.create("alice", password, Role.TRADER, HERE)
    with LiveServer(api.app) as server:
        yield f"http://{server.address}"


def steps(text: str) -> list[tuple[str, str | None]]:
    """What is typed, and what the page says comes of it; None where it does not say."""
    found = re.findall(
        r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", text, re.MULTILINE | re.DOTALL
    )
    return [(typed, shown or None) for typed, shown in found]


def typed(lines: str, folder: Path) -> str:
    """What is printed; a login's `TOKEN` is kept for the lines that are typed after it."""
    kept = folder / "token"
    token = kept.read_text("utf-8") if kept.exists() else "nobody is logged in yet"
    return typed_into_a_shell(
        f'state=\n{lines}\nprintf %s "$TOKEN" > {kept.name}', folder, TOKEN=token
    )


def test_the_page_does_what_it_says(address, tmp_path) -> None:
    told = {}
    for lines, shown in steps(PAGE.read_text("utf-8")):
        here = lines.replace("http://127.0.0.1:8000", address)
        told[lines] = typed(here, tmp_path)
        if shown is not None:
            assert told[lines] == shown
        else:
            assert "null" not in told[lines].splitlines(), lines
    (market,) = (
        out for lines, out in told.items() if "read" not in lines and "symbols \\" in lines
    )
    lines = market.splitlines()
    assert '"symbol":"ALPHA"' in lines[0]
    assert '"timestamp":"2025-11-06T14:30:00Z"' in lines[1]
    assert lines[3] == "symbol,timestamp,open,high,low,close,volume"
    assert '"DATA_NOT_FOUND"' in lines
    assert len(pl.read_ipc_stream(tmp_path / "alpha.arrows")) == 10_000


def test_the_lines_of_the_readme_do_what_it_says(address, tmp_path) -> None:
    ((lines, shown),) = steps(README.read_text("utf-8").split("## The API\n")[1].split("\n## ")[0])
    assert lines.count("curl ") == 3
    assert typed(lines.replace("http://127.0.0.1:8000", address), tmp_path) == shown


def test_every_route_of_these_subjects_is_on_the_page(api) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for path in api.app.openapi()["paths"]:
        subject = path.removeprefix("/api/v1/").split("/")[0]
        if subject in ("system", "session", "market-data"):
            ends = path.removeprefix(f"/api/v1/{subject}/").split("/")[0]
            assert f"/{ends}" in text, path
