"""``db``: back up, restore, upgrade and check the database."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.commands.database_commands import JSON_OPTION
from app.cli.surroundings import shell_around

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="Back up, restore, upgrade and check the database.",
)
Json = Annotated[bool, JSON_OPTION]


@app.callback()
def db() -> None:
    """Back up, restore, upgrade and check the database."""


@app.command(
    short_help="Write the whole database to one file.",
    epilog="Example: db backup backups/2026-11-20.db\n\nExample: db backup record.dump --json",
)
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; its folder is made.")],
    as_json: Json = False,
) -> None:
    """Write the whole database to one file, as it is at one moment; work may go on meanwhile.

    The file of a SQLite database is a SQLite database; that of PostgreSQL is one of pg_dump's.
    """
    from app.cli.output import console, print_json
    from app.config.settings import get_settings
    from app.services.database.backup import backup_database

    made = backup_database(get_settings().database_url, file)
    if as_json:
        print_json(made)
        return
    told = f"{made.path}: {made.size:,} bytes of {made.kind}, schema {made.schema}"
    console.print(told, highlight=False, soft_wrap=True)


@app.command(
    short_help="Put a backup in place of the database, after asking.",
    epilog="Example: db restore backups/2026-11-20.db\n\nExample: db restore record.dump --yes",
)
def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `db backup` wrote.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a backup in place of everything in the database, whole or not at all.

    Asks first. An older backup is brought to this program's schema; a newer one is refused, and
    so is a file that is no backup. What the database held is gone: back it up first. A file that
    is no database, or too damaged to open, is kept beside under another name.
    """
    from app.cli.output import console
    from app.config.settings import get_settings
    from app.core.exceptions import ConfigurationError
    from app.models.addresses import database_address, shown_address
    from app.services.database.backup import inspect_backup, restore_database

    shell = shell_around(ctx)
    if shell is not None and shell.started is not None and shell.started.is_running():
        raise ConfigurationError("a session is running in this shell: `system stop` it first")
    url, found = get_settings().database_url, inspect_backup(file)
    shown = shown_address(database_address(url))
    question = f"Replace everything in {shown} by {file} (schema {found.schema})?"
    if not yes and not typer.confirm(question):
        console.print("Nothing was changed")
        raise typer.Exit(1)
    aside = restore_database(url, file).set_aside
    if aside is not None:
        told = f"what was there is no database, or too damaged to open; it is kept as {aside}"
        console.print(told, highlight=False, soft_wrap=True)
    console.print(f"{shown} is as {file} was", highlight=False, soft_wrap=True)


@app.command(epilog="Example: db upgrade")
def upgrade() -> None:
    """Bring the database to this program's schema; its rows are kept. Safe to repeat."""
    from app.cli.output import console
    from app.config.settings import get_settings
    from app.models.database import SCHEMA_REVISION, schema_revision, upgrade_database

    url = get_settings().database_url
    before = schema_revision(url)
    upgrade_database(url)
    if before == SCHEMA_REVISION:
        console.print(f"schema {SCHEMA_REVISION}, the newest; nothing to do", highlight=False)
        return
    console.print(f"schema {before or 'none'} → {SCHEMA_REVISION}", highlight=False)


@app.command(
    short_help="Schema, integrity, foreign keys, tables and rules; exit 1 on a fault.",
    epilog="Example: db check\n\nExample: db check --json",
)
def check(as_json: Json = False) -> None:
    """Whether the database keeps what it promises; ends with status 1 if it does not.

    Reads every row once, and changes nothing.
    """
    from app.cli.database_tables import render_findings
    from app.cli.output import console, print_json
    from app.config.settings import get_settings
    from app.services.database.check import check_database

    findings = check_database(get_settings().database_url)
    if as_json:
        print_json(findings)
    else:
        console.print(render_findings(findings))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
