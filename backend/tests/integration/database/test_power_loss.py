"""What was acknowledged is there after the process is gone, and nothing is there by half.

That a commit waits for the disk is a setting of each connection, held by the tests of the
databases: `synchronous=FULL` and `synchronous_commit=on`. Here the process is killed while it
writes, at another moment each time.
"""

import multiprocessing
from random import Random
from uuid import UUID

from app.models.database import session_factory
from app.repositories.unit_of_work import UnitOfWork
from tests.acknowledged_writes import write_until_killed

KILLS = 20


def acknowledged_before_death(database_url: str, wanted: int, pause_s: float) -> set[UUID]:
    """Let a process write until it has acknowledged `wanted` rows, then kill it a little later."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.acknowledged_writes"])
    here, there = context.Pipe(duplex=False)
    writer = context.Process(target=write_until_killed, args=(database_url, there), daemon=True)
    writer.start()
    there.close()
    seen = [UUID(bytes=here.recv_bytes()) for _ in range(wanted)]
    writer.join(pause_s)
    writer.kill()
    writer.join()
    try:
        while True:
            seen.append(UUID(bytes=here.recv_bytes()))
    except EOFError:
        here.close()
    return set(seen)


def test_every_acknowledged_row_survives_a_kill(database_url: str) -> None:
    chance = Random(20261120)  # noqa: S311 - moments, not secrets
    told: set[UUID] = set()
    for _ in range(KILLS):
        told |= acknowledged_before_death(
            database_url, chance.randint(1, 5), chance.uniform(0.0, 0.01)
        )
    with UnitOfWork(session_factory(database_url)) as work:
        stored = {entry.id for entry in work.audit.list(100_000)}
    assert len(told) >= KILLS
    assert told <= stored
    # The last commit of each process may have reached the database before it could be told.
    assert len(stored - told) <= KILLS
