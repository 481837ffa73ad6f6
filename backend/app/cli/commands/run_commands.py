"""``run``: backtests that were run, and their results."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.commands.database_commands import JSON_OPTION

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="Backtests that were run, and their results.",
)
Json = Annotated[bool, JSON_OPTION]
RunId = Annotated[str, typer.Argument(help="The run's id, or how it begins.")]
Tolerance = Annotated[
    float, typer.Option(min=0.0, help="Numbers that differ by so much at most count as equal.")
]
_SIDE = "An id of `run list`, the folder of a run, or "


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
        console.print("No run yet. Start one: system start example_session")


@app.command(epilog="Example: run show 4d805789")
def show(
    run_id: RunId,
    as_json: Json = False,
) -> None:
    """One run: its figures, the quality of its data, its files."""
    from app.cli.output import console, print_json
    from app.cli.run_tables import line_of_counts, lines_of_files, render_run
    from app.models.database import SessionLocal
    from app.repositories.trading_repository import TradingRepository

    record = _record(run_id)
    if as_json:
        print_json(record)
        return
    console.print(render_run(record))
    with SessionLocal() as db:
        counts = TradingRepository(db).counts(record.id)
    for line in filter(None, [line_of_counts(counts), *lines_of_files(record)]):
        console.print(line, soft_wrap=True, highlight=False)


@app.command(
    short_help="Two runs side by side, and the first order, fill or bar that differs.",
    epilog="Example: run compare 4d805789 9a1c\n\nExample: run compare 4d80 pinned/metrics.json",
)
def compare(
    a: Annotated[str, typer.Argument(help=_SIDE + "its metrics.json.")],
    b: Annotated[str, typer.Argument(help="The other one.")],
    tolerance: Tolerance = 0.0,
    as_json: Json = False,
) -> None:
    """Two runs side by side: settings that differ, figures, the first difference.

    Compared row by row are orders, fills and bars, as far as both left their files.
    """
    from app.cli.compare_tables import render_comparison
    from app.cli.output import console, print_json
    from app.services.analytics.compare import compare_runs

    found = compare_runs(_side(a), _side(b), tolerance=tolerance)
    if as_json:
        verdict = {"same_orders": found.same_orders, "same_data": found.same_data}
        print_json(verdict | _facts(found))
    else:
        console.print(render_comparison(found), highlight=False)


@app.command(
    short_help="Compare the per-bar files of two runs, or of a run and a pinned file.",
    epilog="Example: run validate 4d80 pinned.csv\n\nExample: run validate old.csv new.csv",
)
def validate(
    a: Annotated[str, typer.Argument(help=_SIDE + "a per-bar CSV or Parquet file.")],
    b: Annotated[str, typer.Argument(help="The other one.")],
    tolerance: Tolerance = 0.0,
    as_json: Json = False,
) -> None:
    """Compare what two runs knew and held at each bar, and point at the first difference.

    Exit status 1 if they differ, as for every check.
    """
    from app.cli.compare_tables import lines_of_difference
    from app.cli.output import console, print_json
    from app.services.analytics.compare import compare_files

    found = compare_files(_place(a), _place(b), tolerance=tolerance)
    if as_json:
        print_json({"is_equal": found.is_equal} | _facts(found))
    else:
        for line in lines_of_difference("bars", found):
            console.print(line, soft_wrap=True, highlight=False)
    if not found.is_equal:
        raise typer.Exit(1)


@app.command(
    short_help="Where the report of a run is; made again if it is gone.",
    epilog="Example: run report 4d805789 --open",
)
def report(
    run_id: RunId,
    open_it: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> None:
    """Where the report of a run is; made again if it is gone.

    To make it again the recorded config is run once more, which leaves a run of its own.
    """
    from app.cli.output import console

    record = _record(run_id)
    path = Path(record.folder) / "report.html"
    if not path.is_file():
        again = _run_again(record)
        same = "the same orders" if again.order_hash == record.order_hash else "OTHER orders"
        console.print(f"{path} is gone; ran again as {str(again.id)[:8]}, with {same}:")
        path = Path(again.folder) / "report.html"
    console.print(str(path), soft_wrap=True, highlight=False)
    if open_it:
        typer.launch(path.as_uri())


@app.command(
    short_help="Run a recorded session again, as a backtest of its days.",
    epilog="Example: run replay 4d805789",
)
def replay(run_id: RunId, as_json: Json = False) -> None:
    """Run a recorded session again, as a backtest of its days on the bars stored now.

    A paper session that was played whole sends the same orders again, unless bars came late or
    changed afterwards. It leaves a run of its own, and exit status 1 if the orders are others:
    `run validate` of the two points at the first difference.
    """
    from app.cli.output import console, print_json

    record = _record(run_id)
    again = _run_again(record)
    is_equal = again.order_hash == record.order_hash
    if as_json:
        print_json({"is_equal": is_equal, "run": again})
    else:
        ids = f"{str(record.id)[:8]} {str(again.id)[:8]}"
        told = "the same orders" if is_equal else "OTHER orders; where they part: run validate"
        console.print(f"{ids}: {told}", highlight=False)
    if not is_equal:
        raise typer.Exit(1)


@app.command(epilog="Example: run honesty example_session")
def honesty(
    what: Annotated[
        str, typer.Argument(help="A session config, by name or as a file, or the id of a run.")
    ],
    as_json: Json = False,
) -> None:
    """Return under naive, realistic and pessimistic assumptions.

    The session runs on its own terms, on naive ones (free, at once, a touch fills), on harsher
    ones, and with each assumption switched alone: up to fourteen runs that leave no record.
    """
    from app.cli.output import console, print_json
    from app.managers.system_manager import get_system_manager

    config = what if _is_config(what) else _as_backtest(_record(what))
    report = get_system_manager().honesty(config)
    if as_json:
        print_json(report.to_dict())
    else:
        console.print(str(report), highlight=False, soft_wrap=True, markup=False)


def _is_config(text: str) -> bool:
    from app.config.settings import get_settings
    from app.models.session_config import list_named

    return Path(text).suffix == ".json" or text in list_named(get_settings().session_configs_dir)


def _record(run_id: str) -> Any:
    from app.models.database import SessionLocal
    from app.repositories.run_repository import RunRepository

    with SessionLocal() as db:
        return RunRepository(db).get(run_id)


def _side(text: str) -> Any:
    from app.services.analytics.compare import RunSide

    path = Path(text)
    return RunSide.of_path(path) if _is_path(text) else RunSide.of_record(_record(text))


def _place(text: str) -> Path:
    """The file or folder that `text` names, or the folder of the run with that id."""
    return Path(text) if _is_path(text) else Path(_record(text).folder)


def _is_path(text: str) -> bool:
    return Path(text).exists() or bool(set(text.replace("-", "").lower()) - set("0123456789abcdef"))


def _facts(found: object) -> dict[str, Any]:
    from app.cli.output import to_json

    facts: dict[str, Any] = to_json(found)
    return facts


def _run_again(record: Any) -> Any:
    from app.cli.surroundings import end_session
    from app.core.exceptions import TradingError
    from app.managers.system_manager import get_system_manager

    system = get_system_manager()
    try:
        system.start(_as_backtest(record))
        system.wait()
    except (KeyboardInterrupt, SystemExit):
        end_session(system)
        raise
    if system.record is None:
        raise TradingError(f"the run could not be repeated: {system.reason}")
    return system.record


def _as_backtest(record: Any) -> dict[str, Any]:
    """The config of a run, for its own days."""
    days = {"start_date": record.first_session, "end_date": record.last_session}
    window = {name: day.isoformat() for name, day in days.items() if day}
    return {**record.config, "mode": "backtest", "backtest_config": window}
