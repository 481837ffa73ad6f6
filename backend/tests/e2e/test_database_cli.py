"""``db`` as it is typed: a backup put back, what is refused, what a check ends with."""

import io
import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing

import pytest

from app.models.database import SCHEMA_REVISION, close_databases, downgrade_database
from tests.command_line import CommandLine, Typed


@pytest.fixture
def line(cli: CommandLine, typed: Callable[[CommandLine], Typed]) -> Typed:
    return typed(cli)


def _execute(line: Typed, statement: str) -> list[tuple]:
    close_databases()
    with closing(sqlite3.connect(line.home / "data" / "trading_app.db")) as db:
        rows = db.execute(statement).fetchall()
        db.commit()
    return rows


def test_a_backup_is_put_back_when_the_answer_is_yes(
    line: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = line.ok("db", "backup", "kept/a.db")
    assert told.startswith("kept/a.db: ")
    assert told.endswith(f"bytes of SQLite, schema {SCHEMA_REVISION}\n")
    _execute(line, "DELETE FROM market_hours")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    refused = line.run("db", "restore", "kept/a.db")
    assert (refused.returncode, "Nothing was changed" in refused.stdout) == (1, True)
    assert _execute(line, "SELECT count(*) FROM market_hours") == [(0,)]
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert "is as kept/a.db was" in line.ok("db", "restore", "kept/a.db")
    assert _execute(line, "SELECT count(*) FROM market_hours") == [(3,)]


def test_a_backup_as_json_names_its_file(line: Typed) -> None:
    made = line.json("db", "backup", "a.db")
    assert made == {
        "path": "a.db",
        "kind": "SQLite",
        "schema": SCHEMA_REVISION,
        "size": (line.home / "a.db").stat().st_size,
    }


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("backup", "data/trading_app.db"), "exists already"),
        (("restore", "nothing.db", "--yes"), "cannot be read"),
        (("restore", "words.txt", "--yes"), "words.txt is not a backup"),
        (("backup", "words.txt/a.db"), "words.txt/a.db cannot be written, its folder takes no"),
        (("backup", "/proc/nope/a.db"), "/proc/nope/a.db cannot be written, its folder takes no"),
    ],
)
def test_mistakes_end_with_status_2(line: Typed, arguments: tuple[str, ...], reason: str) -> None:
    (line.home / "words.txt").write_text("words")
    done = line.run("db", *arguments)
    assert (done.returncode, reason in done.stderr) == (2, True)
    assert len(done.stderr.splitlines()) == 1


def test_what_is_no_database_is_told_by_every_command_and_set_aside_by_a_restore(
    line: Typed,
) -> None:
    line.ok("db", "backup", "a.db")
    close_databases()
    live = line.home / "data" / "trading_app.db"
    live.write_text("these are no pages\n" * 100)
    for command in (
        ("db", "check"),
        ("db", "upgrade"),
        ("db", "backup", "b.db"),
        ("run", "list"),
        ("init-db",),
        ("time", "now"),
    ):
        done = line.run(*command)
        assert (done.returncode, done.stdout) == (2, ""), command
        assert "trading_app.db is not a database, or damaged" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    told = line.ok("db", "restore", "a.db", "--yes")
    assert f"it is kept as {live}.no-database-1\n" in told
    assert (live.parent / "trading_app.db.no-database-1").read_text().startswith("these are no")
    line.ok("db", "check")


def test_a_check_ends_with_status_1_on_a_fault(line: Typed) -> None:
    assert all(finding["faults"] == [] for finding in line.json("db", "check"))
    assert line.ok("db", "check").count("holds") == 5
    _execute(line, "DROP TRIGGER backtest_runs_immutable")
    done = line.run("db", "check")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count("holds") == 4
    findings = line.run("db", "check", "--json")
    assert findings.returncode == 1
    assert json.loads(findings.stdout)[-1]["faults"] == [
        "trigger backtest_runs_immutable of backtest_runs is lost: restore a backup"
    ]


def test_an_old_database_is_upgraded(line: Typed) -> None:
    close_databases()
    downgrade_database(f"sqlite:///{line.home / 'data' / 'trading_app.db'}", "0003")
    done = line.run("db", "check")
    assert (done.returncode, "run `db upgrade`" in done.stdout) == (1, True)
    assert line.ok("db", "upgrade") == f"schema 0003 → {SCHEMA_REVISION}\n"
    assert line.ok("db", "upgrade") == f"schema {SCHEMA_REVISION}, the newest; nothing to do\n"
    line.ok("db", "check")
