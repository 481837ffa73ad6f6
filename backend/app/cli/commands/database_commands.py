"""``init-db``: from nothing, or from an older version, to a database ready to use."""

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)

JSON_OPTION = typer.Option("--json", help="Print JSON instead of a table.")


@app.command(epilog="Example: init-db")
def init_db(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """Create or upgrade the database and fill its market calendars. Safe to repeat."""
    from app.cli.calendar_tables import render_calendars
    from app.cli.output import console, print_json
    from app.config.settings import get_settings
    from app.managers.time_manager.setup import initialise_database

    with console.status("database") as status:
        calendars = initialise_database(
            get_settings().database_url, on_progress=lambda step: status.update(f"{step} …")
        )
    if as_json:
        print_json(calendars)
        return
    console.print(render_calendars(calendars))
