"""``shell``: commands one after the other, in one process."""

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: shell")
def shell(ctx: typer.Context) -> None:
    """Type commands one after the other; a session that one starts goes on beside the others.

    Tab completes, the arrow keys bring back what was typed, in earlier shells too. Ctrl-C ends
    the command, Ctrl-D the shell. Commands may also come from a pipe, one a line.
    """
    from app.cli.surroundings import shell_around
    from app.core.exceptions import ConfigurationError

    if shell_around(ctx) is not None:
        raise ConfigurationError("this is the shell already; leave it with exit")
    from app.cli.shell.loop import open_shell

    raise typer.Exit(open_shell())
