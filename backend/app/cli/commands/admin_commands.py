"""``admin``: the log, while the platform runs."""

from typing import Annotated

import typer

from app.cli.surroundings import shell_around

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="The log, while the platform runs.",
)


@app.callback()
def admin() -> None:
    """The log, while the platform runs."""


@app.command(
    "log-level",
    short_help="The least severe level that is written to the log.",
    epilog="Example: admin log-level\n\nExample: admin log-level DEBUG",
)
def log_level(
    ctx: typer.Context,
    level: Annotated[
        str | None, typer.Argument(help="TRACE, DEBUG, INFO, WARNING, ERROR or CRITICAL.")
    ] = None,
) -> None:
    """Show, or change from now on, the least severe level that is written to the log.

    A change holds for this shell, a running session included, until it is left; what every
    process begins with is LOG_LEVEL in the environment or .env.
    """
    from app.cli.output import console
    from app.config.settings import get_settings
    from app.core.exceptions import ConfigurationError
    from app.monitoring.logs import current_level, set_level

    settings = get_settings()
    if level is not None and shell_around(ctx) is None:
        raise ConfigurationError(
            "a one-shot command ends before it logs anything; type this in the shell that runs "
            f"the session, or set LOG_LEVEL={level.upper()} in the environment or .env"
        )
    if level is not None:
        set_level(level)
    told = current_level() if shell_around(ctx) else settings.log_level.upper()
    path = settings.data_dir / "logs" / "app.log"
    console.print(f"{told} and above go to {path}", highlight=False, soft_wrap=True)
