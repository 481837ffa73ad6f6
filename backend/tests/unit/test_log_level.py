"""The log's level changes while the log is written, and nothing else about it does."""

import pytest
from loguru import logger

from app.core.exceptions import ConfigurationError
from app.monitoring.logs import configure_logging, current_level, set_level


@pytest.fixture
def log(tmp_path):
    path = configure_logging(tmp_path, "info")
    yield path
    logger.remove()


def lines(path) -> list[str]:
    return [line.split(" - ")[-1] for line in path.read_text(encoding="utf-8").splitlines()]


def test_records_below_the_level_are_left_out_from_the_change_on(log):
    assert current_level() == "INFO"
    logger.debug("one")
    logger.info("two")
    set_level("debug")
    logger.debug("three")
    set_level("ERROR")
    logger.warning("four")
    logger.error("five")
    assert current_level() == "ERROR"
    assert lines(log) == ["two", "three", "five"]


def test_a_level_that_is_not_known_changes_nothing(log):
    with pytest.raises(ConfigurationError, match="'LOUD' is not known; use TRACE, DEBUG"):
        set_level("LOUD")
    assert current_level() == "INFO"


def test_a_log_that_is_set_up_again_goes_on_in_its_new_place(log, tmp_path):
    other = configure_logging(tmp_path / "other", "WARNING")
    logger.info("one")
    logger.warning("two")
    assert lines(other) == ["two"]
    assert lines(log) == []
