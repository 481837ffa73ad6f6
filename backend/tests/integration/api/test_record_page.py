"""docs/api_record.md: its lines are typed into a shell, against a server on a real socket."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.users import Role
from app.managers.data_manager.sample import SAMPLE_WINDOW
from app.managers.time_manager import TimeManager
from app.services.market_data.synthetic import write_sample
from tests.api_fixtures import Api
from tests.api_server import LiveServer
from tests.typed_pages import typed_into_a_shell

PAGE = Path(__file__).resolve().parents[4] / "docs" / "api_record.md"
MARK = "--- next ---"


@pytest.fixture
def address(api: Api) -> Iterator[str]:
    """The API on a free port, with the sample bars that `make demo` writes."""
    with api.installation.database() as db:
        sessions = TimeManager.for_exchange(db, "US_EQUITY").session_grid(db, *SAMPLE_WINDOW)
    write_sample(api.installation.storage, sessions)
    with LiveServer(api.app) as server:
        yield f"http://{server.address}/api/v1"


def test_every_line_of_the_page_works(api: Api, address: str, tmp_path: Path) -> None:
    lines = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    script = "\n".join(lines)
    script = re.sub(r"^curl", f"echo; echo '{MARK}'; curl", script, flags=re.MULTILINE)
    printed = typed_into_a_shell(script, tmp_path, API=address, TOKEN=api.token(Role.TRADER))
    answers = [text.strip() for text in printed.split(MARK)[1:]]
    said = dict(zip(re.findall(r"^curl.*", "\n".join(lines), re.MULTILINE), answers, strict=True))
    for line, answer in said.items():
        if "-o report.html" in line:
            continue
        found = json.loads(answer)
        assert found.get("items") != [] or "queue" in line, line
    assert (tmp_path / "report.html").stat().st_size > 10_000
    runs = api.installation.records()
    assert "completed" in {run.status for run in runs}
    assert len(runs) == 2


def test_every_list_and_status_is_on_the_page(api: Api) -> None:
    page = PAGE.read_text()
    paths = api.app.openapi()["paths"]
    rows = re.findall(r"^\| `([a-z/{}_]+)` \| (.*) \| (.*) \|$", page, re.MULTILINE)
    assert len(rows) == 9
    for name, filters, sorts in rows:
        path = f"/api/v1/{name}".replace("{id}", "{run_id}")
        served = {each["name"]: each for each in paths[path]["get"]["parameters"]}
        told = set(re.findall(r"`(\w+)`", filters)) - {"strategies", "orders"}
        known = set(served) - {"limit", "cursor", "sort", "run_id" if "{id}" in name else ""}
        assert told == known, name
        for sort in re.findall(r"`-?(\w+)`", sorts):
            assert f'"{sort}"' in json.dumps(served["sort"]), (name, sort)
