"""Telling what happens: an error of it is logged now and then, and goes no further."""

from collections.abc import Iterator

import pytest
from loguru import logger

from app.monitoring import telling


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{level}")
    yield lines
    logger.remove(sink)


@telling.harmless
def fail(what: str) -> None:
    raise RuntimeError(what)


def test_errors_are_logged_once_and_again_after_a_while(
    logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1_000.0
    monkeypatch.setattr(telling, "perf_counter", lambda: now_s)
    for _ in range(100):
        fail("the first session")
    assert len(logged) == 1
    now_s += telling.QUIET_S - 1
    fail("too soon")
    assert len(logged) == 1
    now_s += 1
    fail("a later session")
    assert len(logged) == 2
