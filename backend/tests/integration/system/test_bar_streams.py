"""Streams of bars during a session, from another thread."""

import json
from pathlib import Path

import numpy as np
import pytest

from app.config.settings import HOME, Settings
from app.core.exceptions import ConfigurationError
from app.managers.data_manager.sample import make_sample
from app.managers.system_manager import SystemManager


@pytest.fixture
def system(tmp_path: Path, calendar_db) -> SystemManager:
    url = calendar_db.copy(tmp_path / "trading.db")
    settings = Settings(data_dir=tmp_path, validation_dir=tmp_path / "validation", database_url=url)
    make_sample(settings)
    return SystemManager(settings)


def test_a_stream_gives_every_bar_that_closed_once_and_in_order(system: SystemManager) -> None:
    data = system.get_data_manager()
    minutes = data.start_bar_stream("ALPHA", "1m")
    quarters = data.start_bar_stream("BRAVO", "15m")
    config = json.loads((HOME / "session_configs/example_session.json").read_text())
    config["strategies"] = []
    system.start(config)
    assert system.wait(30)
    expected = {minutes: 27 * 390 - 180 + 3 * 390, quarters: 27 * 26 - 12 + 3 * 26}
    for stream, bars in expected.items():
        starts = []
        while (part := data.next_bars(stream, timeout=0.05)) is not None:
            starts.append(part.columns.start_ns)
        received = np.concatenate(starts)
        assert len(received) == bars  # 26 sessions, one of them 180 minutes shorter, and history
        assert (np.diff(received) > 0).all()


def test_a_stream_that_was_stopped_is_not_known_any_more(system: SystemManager) -> None:
    data = system.get_data_manager()
    stream = data.start_bar_stream("ALPHA", "5m")
    other = data.start_bar_stream("ALPHA", "5m")
    data.stop_stream(stream)
    with pytest.raises(
        ConfigurationError, match=r"'ALPHA:5m:1' is not running; running: ALPHA:5m:2"
    ):
        data.stop_stream(stream)
    data.stop_all_streams()
    with pytest.raises(ConfigurationError, match="running: none"):
        data.next_bars(other)
