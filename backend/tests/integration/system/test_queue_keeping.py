"""Runs that were asked for outlive the queue that was asked: once each, and in their order."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.managers.system_manager.run_queue import RunQueue
from app.managers.time_manager.clock import SystemClock
from app.models.database import session_factory
from app.repositories.queued_run_repository import QueuedRunRepository
from tests.system_fixtures import PATIENCE_S, Gate, Installation, minutes, session_config

DAY = date(2024, 3, 4)


def config(strategy: str, **more: Any) -> dict[str, Any]:
    strategies = {"one": (f"tests.session_strategies:{strategy}", more)}
    return session_config("AAA", first=str(DAY), last=str(DAY), strategies=strategies)


HELD, BUYER = config("Hooked"), config("Buyer")


@pytest.fixture
def held(hooks: dict[str, object], gate: Gate) -> Gate:
    """Holds every run of `Hooked` at its first bar."""
    hooks["on_bar"] = gate
    return gate


@pytest.fixture
def stored(installation: Installation) -> Installation:
    installation.store("AAA", minutes(DAY))
    return installation


@contextmanager
def opened(installation: Installation) -> Iterator[RunQueue]:
    queue = RunQueue(installation.settings, clock=SystemClock())
    queue.open()
    try:
        yield queue
    finally:
        queue.close()


def killed(installation: Installation, *configs: dict[str, Any]) -> list[UUID]:
    """Runs asked of a queue whose process was then killed: its file is left, without its lock."""
    queue = RunQueue(installation.settings, clock=SystemClock())
    queue._ensure_worker = lambda: None  # it is killed before a run of it is over
    queue.open()
    asked = [queue.submit(each).id for each in configs]
    assert queue._keeper._claim is not None
    os.close(queue._keeper._claim)
    return asked


def claims(installation: Installation) -> list[Path]:
    return list((installation.settings.data_dir / "queues").iterdir())


def kept(installation: Installation) -> set[UUID]:
    """The runs of every queue there is a request of."""
    with session_factory(installation.settings.database_url)() as db:
        runs = QueuedRunRepository(db)
        servers = runs.servers(str(installation.settings.data_dir.resolve()))
        return {run.id for server in servers for run in runs.of_server(server)}


def statuses(queue: RunQueue, *run_ids: UUID) -> list[str]:
    return [queue.wait(run_id, PATIENCE_S).state.value for run_id in run_ids]


def test_a_killed_queue_s_runs_are_the_next_one_s(stored: Installation) -> None:
    asked = killed(stored, HELD, BUYER, HELD)
    assert kept(stored) == set(asked)
    with opened(stored) as queue:
        tickets = [queue.ticket(run_id) for run_id in asked]
        assert [ticket.config["strategies"][0]["class"] for ticket in tickets] == [
            "tests.session_strategies:Hooked",
            "tests.session_strategies:Buyer",
            "tests.session_strategies:Hooked",
        ]
        assert len(claims(stored)) == 1
        assert statuses(queue, *asked) == ["completed"] * 3
    assert (kept(stored), claims(stored)) == (set(), [])
    assert [record.id for record in reversed(stored.records())] == asked


def test_what_another_process_runs_is_left_to_it(stored: Installation, held: Gate) -> None:
    with opened(stored) as first:
        asked = [first.submit(each).id for each in (HELD, BUYER)]
        with opened(stored) as second:
            assert second.tickets() == ()
            assert second.ticket(asked[0]) is None
        held.opened.set()
        assert statuses(first, *asked) == ["completed"] * 2


def test_runs_on_other_bars_are_left_alone(stored: Installation) -> None:
    elsewhere = stored.settings.model_copy()
    elsewhere.data_dir = stored.settings.data_dir.parent / "elsewhere"
    asked = killed(stored, BUYER)
    with opened(Installation(elsewhere)) as other:
        assert other.tickets() == ()
    assert kept(stored) == set(asked)


def test_a_run_that_was_played_at_two_deaths_is_not_begun_again(stored: Installation) -> None:
    """What merely waited behind it is not held to blame."""
    asked = killed(stored, BUYER, BUYER)
    killed(stored)
    with opened(stored) as queue:
        assert statuses(queue, asked[1]) == ["completed"]
    records = {record.id: record for record in stored.records()}
    assert records[asked[0]].status == "failed"
    assert records[asked[0]].reason == "the server was killed 2 times with it"
    assert records[asked[0]].config["session_name"] == "test_session"
    assert (kept(stored), claims(stored)) == (set(), [])


def test_a_queue_closed_in_order_blames_no_run(stored: Installation, held: Gate) -> None:
    with opened(stored) as queue:
        queue.submit(HELD)
        assert held.begun.wait(PATIENCE_S)
        waiting = queue.submit(BUYER).id
        for _ in range(3):
            queue._keeper.close()
            queue._keeper.open()
        held.opened.set()
        assert statuses(queue, waiting) == ["completed"]


def test_a_run_that_cannot_be_begun_again_is_recorded_with_the_reason(
    stored: Installation,
) -> None:
    asked = killed(stored, BUYER)
    stored.storage.delete("AAA")
    with opened(stored) as queue:
        assert queue.tickets() == ()
    (record,) = stored.records()
    assert ([record.id], record.status, record.bars) == (asked, "failed", 0)
    assert record.reason.startswith("it could not be begun again: ")
    assert "AAA" in record.reason
    assert record.metrics == {}


def test_a_cancelled_run_is_not_kept(stored: Installation, held: Gate) -> None:
    with opened(stored) as queue:
        running, waiting = queue.submit(HELD).id, queue.submit(BUYER).id
        assert held.begun.wait(PATIENCE_S)
        queue.cancel(waiting)
        assert kept(stored) == {running}
        held.opened.set()
        assert statuses(queue, running) == ["completed"]
        assert kept(stored) == set()
