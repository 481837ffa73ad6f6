"""Dump and restore of a PostgreSQL database by the programs that come with it."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from sqlalchemy.engine import URL

from app.core.exceptions import ConfigurationError, DatabaseError, DatabaseUnavailableError

_REVISION = re.compile(r"^COPY public\.alembic_version .*?;\n(\w+)\n", re.MULTILINE | re.DOTALL)

PATIENCE_MS = 5_000
"""How long tables that another program has locked are waited for."""


def dump(address: URL, target: Path) -> None:
    """Write the database at `address` to `target` in PostgreSQL's custom format.

    Raises:
        ConfigurationError: `pg_dump` is not installed.
        DatabaseUnavailableError: another program keeps tables locked.
        DatabaseError: it failed; its own words are in the message.
    """
    what = ("--format=custom", "--schema=public", f"--lock-wait-timeout={PATIENCE_MS}")
    _run("pg_dump", *what, _OWNERLESS, "-f", target, at=address)


def dumped_schema(path: Path) -> str | None:
    """The schema revision in a dump; None if it is of another program.

    Raises:
        ConfigurationError: `pg_restore` is not installed, or cannot read the file.
    """
    try:
        told = _run("pg_restore", "--data-only", "--table=alembic_version", "-f", "-", path)
    except DatabaseError as error:
        raise ConfigurationError(f"{path} is damaged: {error}") from error
    found = _REVISION.search(told)
    return found.group(1) if found else None


def restore(address: URL, path: Path) -> None:
    """Put the dump in `path` in place of the schema ``public`` at `address`, in one transaction.

    Raises:
        ConfigurationError: `pg_restore` or `psql` is not installed.
        DatabaseUnavailableError: another program keeps tables locked; nothing has changed.
        DatabaseError: it failed and nothing has changed; its own words are in the message.
    """
    make_room = ("-c", f"SET lock_timeout = {PATIENCE_MS}", "-c", _MAKE_ROOM)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "restore.sql"
        _run("pg_restore", _OWNERLESS, "--no-privileges", "-f", script, path)
        _run("psql", *_ALL_OR_NOTHING, *make_room, "-f", script, at=address)


_OWNERLESS = "--no-owner"
_ALL_OR_NOTHING = (
    "--no-psqlrc",
    "--quiet",
    "--single-transaction",
    "--set=ON_ERROR_STOP=1",
    "--set=VERBOSITY=verbose",
)
_MAKE_ROOM = "SET client_min_messages = warning; DROP SCHEMA IF EXISTS public CASCADE"
_LOCKED = re.compile(r"ERROR: +55P03|LOCK TABLE")
"""In what `psql` and `pg_dump` say when the patience is over, in any language."""


def _run(program: str, *arguments: str | Path, at: URL | None = None) -> str:
    found = shutil.which(program)
    if found is None:
        raise ConfigurationError(
            f"{program} is not installed: PostgreSQL is backed up and restored by its own "
            "programs pg_dump, pg_restore and psql, which must be as new as the server "
            "(Debian: apt-get install postgresql-client)"
        )
    environment, command = dict(os.environ), [found, *map(str, arguments)]
    if at is not None:
        where, password = _taken_apart(at)
        environment |= password
        command += ["--no-password", f"--dbname={where}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, no input of others
    if done.returncode:
        raise _failed(program, done.stderr)
    return done.stdout


def _failed(program: str, told: str) -> DatabaseError:
    if _LOCKED.search(told):
        return DatabaseUnavailableError(
            f"{program} gave up after {PATIENCE_MS / 1_000:g} s: another program has tables "
            "locked; nothing was changed: try again when that program is done, or end it"
        )
    return DatabaseError(f"{program} failed: {told.strip()}")


def _taken_apart(address: URL) -> tuple[str, dict[str, str]]:
    """Where `address` leads in libpq's own words, and what its password is in the environment.

    Arguments can be read by everybody on the machine, the environment by its owner alone.
    """
    _, words = address.get_dialect()().create_connect_args(address)
    if "sslpassword" in words:
        raise ConfigurationError(
            "DATABASE_URL has sslpassword, which PostgreSQL's programs take only where everybody "
            "on the machine can read it: name a key without a password as sslkey, in a file that "
            "is its owner's alone"
        )
    password = words.pop("password", None)
    where = " ".join(f"{name}={_quoted(value)}" for name, value in words.items())
    return where, {} if password is None else {"PGPASSWORD": str(password)}


def _quoted(value: object) -> str:
    escaped = str(value).replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"
