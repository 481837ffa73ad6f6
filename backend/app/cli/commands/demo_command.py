"""``demo``: from nothing to a finished backtest on sample data."""

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLE = "session_configs/example_session.json"


@app.command(epilog="Example: demo")
def demo() -> None:
    """Initialise the database, make sample bars, backtest the example session, show the result.

    The sample bars are synthetic (a seeded generator) and labelled so wherever they show.
    """
    from app.cli.output import console
    from app.cli.session_runner import run_session
    from app.config.settings import HOME, get_settings
    from app.managers.data_manager.sample import SAMPLE_WINDOW, make_sample
    from app.managers.time_manager.setup import initialise_database

    settings = get_settings()
    with console.status("database and calendars …"):
        initialise_database(settings.database_url)
    console.print(f"· database    {settings.database_url}")
    summaries = make_sample(settings)
    first, last = SAMPLE_WINDOW
    for each in summaries:
        console.print(
            f"· sample bars {each.symbol}: {each.added + each.replaced:,} minutes, "
            f"{first} to {last} (synthetic)"
        )
    console.print(f"· backtest    {HOME / EXAMPLE}\n")
    raise typer.Exit(run_session(HOME / EXAMPLE, as_json=False))
