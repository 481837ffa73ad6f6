"""A session on the command line that is told to end by a signal, at work or waiting."""

import signal
import subprocess
from collections.abc import Callable
from datetime import date

import pytest

from app.services.market_data.parquet_storage import ParquetStorage
from tests.command_line import CommandLine, Typed
from tests.system_fixtures import minutes, session_config, until

PATIENCE_S = 60


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 128 + 15), (signal.SIGHUP, 128 + 1)],
)
def test_a_signal_ends_a_paper_session_and_what_it_did_is_kept(
    cli: CommandLine,
    typed: Callable[[CommandLine], Typed],
    number: signal.Signals,
    status: int,
) -> None:
    """Its output is a pipe, as under a scheduler; it waits for the next open, or for bars."""
    ParquetStorage(cli.data_dir / "bars").write("AAA", minutes(date(2024, 3, 4)))
    config = session_config("AAA", first="2024-03-04", last="2024-03-04")
    path = cli.write("paper.json", config | {"mode": "paper"})
    log = cli.data_dir / "logs" / "app.log"
    with subprocess.Popen(
        cli.heeding_signals("system", "start", path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cli.home,
        env=cli.environment,
    ) as session:
        try:
            until(lambda: log.is_file() and "following the session" in log.read_text())
            session.send_signal(number)
            session.communicate(timeout=PATIENCE_S)
        finally:
            session.kill()
    assert session.returncode == status
    (record,) = typed(cli).json("run", "list")
    assert (record["status"], record["mode"]) == ("stopped", "paper")
