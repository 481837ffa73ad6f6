"""``run``: backtests that were run, and their results."""

from typing import Annotated

import typer

from app.cli.commands.database_commands import JSON_OPTION

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="Backtests that were run, and their results.",
)
Json = Annotated[bool, JSON_OPTION]


@app.command("list", epilog="Example: run list --limit 5")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """The latest runs, newest first."""
    from app.cli.output import console, print_json
    from app.cli.run_tables import render_runs
    from app.models.database import SessionLocal
    from app.repositories.run_repository import RunRepository

    with SessionLocal() as db:
        records = RunRepository(db).list(limit)
    if as_json:
        print_json(records)
    elif records:
        console.print(render_runs(records, width=console.width))
    else:
        console.print("No run yet. Start one: system start session_configs/example_session.json")


@app.command(epilog="Example: run show 4d805789")
def show(
    run_id: Annotated[str, typer.Argument(help="The run's id, or how it begins.")],
    as_json: Json = False,
) -> None:
    """One run: its figures, the quality of its data, its files."""
    from app.cli.output import console, print_json
    from app.cli.run_tables import lines_of_files, render_run
    from app.models.database import SessionLocal
    from app.repositories.run_repository import RunRepository

    with SessionLocal() as db:
        record = RunRepository(db).get(run_id)
    if as_json:
        print_json(record)
        return
    console.print(render_run(record))
    for line in lines_of_files(record):
        console.print(line, soft_wrap=True, highlight=False)
