"""docs/sessions.md: its code runs, and its table of states is true."""

import json
import re

import pytest

from app.config.settings import HOME, Settings
from app.core.enums import SystemState
from app.core.exceptions import ConfigurationError
from app.managers.data_manager.sample import make_sample
from app.managers.system_manager import SystemManager
from tests.unit.docs.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "sessions.md").read_text("utf-8")
ACTS = ("start", "pause", "resume", "step", "set_speed", "stop")


@pytest.fixture
def system(tmp_path, calendar_db):
    url = calendar_db.copy(tmp_path / "trading.db")
    settings = Settings(data_dir=tmp_path, validation_dir=tmp_path / "validation", database_url=url)
    make_sample(settings)
    made = SystemManager(settings)
    yield made
    made.stop()


@pytest.fixture
def config():
    return json.loads((HOME / "session_configs" / "example_session.json").read_text())


def test_the_example(system, config):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, {"system": system, "config": config})  # noqa: S102  # the page's own code
    assert system.record.status == "completed"


def bring_to(state, system, config):
    if state == "FAILED":
        config = config | {"strategies": [RAISES]}
        system.start(config)
        system.wait(30)
    elif state != "STOPPED":
        system.start(config, paused=True)
        system.set_speed(1.0)
    if state == "RUNNING":
        system.resume()
    assert system.state == state


RAISES = {"name": "raises", "class": "tests.session_strategies:Raises", "symbols": "all"}


def call(system, name, config):
    """A session that is started goes by the clock, so that it is still running when looked at."""
    by_the_clock = config | {"backtest_config": config["backtest_config"] | {"speed_multiplier": 1}}
    arguments = {"start": [by_the_clock], "set_speed": [2.0]}.get(name, [])
    getattr(system, name)(*arguments)


@pytest.mark.parametrize("state", list(SystemState))
def test_the_table_of_states(state, system, config):
    (row,) = re.findall(rf"^\| `{state}` \|(.*)\|$", PAGE, re.MULTILINE)
    cells = [cell.strip() for cell in row.split("|")][1:]
    for name, cell in zip(ACTS, cells, strict=True):
        fresh = SystemManager(system._settings)
        bring_to(state, fresh, config)
        if cell == "error":
            with pytest.raises(ConfigurationError):
                call(fresh, name, config)
        else:
            call(fresh, name, config)
            after = re.search(r"`([A-Z]+)`", cell)
            expected = "RUNNING" if cell == "starts" else after[1] if after else state
            assert fresh.state == expected, name
        fresh.stop()
        assert fresh.wait(30)
