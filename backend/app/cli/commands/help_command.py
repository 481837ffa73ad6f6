"""``help``: what there is, at three levels."""

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("help", epilog="Example: help\n\nExample: help data\n\nExample: help data import-csv")
def show_help(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND]", help="A namespace, or a command of it."),
    ] = None,
) -> None:
    """What there is; with a namespace, its commands; with a command, all about it."""
    from app.cli.help_pages import render_help
    from app.cli.output import console

    console.print(render_help(words or []), highlight=False)
