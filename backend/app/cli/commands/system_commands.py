"""``system``: start a session from its config."""

from typing import Annotated

import typer

from app.cli.commands.database_commands import JSON_OPTION

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="Start a session from its config.",
)


@app.callback()
def system() -> None:
    """Start a session from its config."""


@app.command(short_help="Run a session and show its result.")
def start(
    config: Annotated[str, typer.Argument(help="A session config, e.g. session_configs/x.json.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Run a session to its end, showing its progress, and print the result.

    Exit status: 0 when it completed, 1 when it failed, 2 for a mistake in the config, 130 when
    interrupted by Ctrl-C.
    """
    from app.cli.session_runner import run_session

    raise typer.Exit(run_session(config, as_json=as_json))
