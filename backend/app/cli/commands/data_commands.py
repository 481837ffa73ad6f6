"""``data``: import, list, judge, export and delete minute bars; the running session's data."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.commands.database_commands import JSON_OPTION
from app.core.exceptions import ConfigurationError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="Import, list, judge, export and delete minute bars.",
)

Exchange = Annotated[
    str, typer.Option("--exchange", help="US_EQUITY, CRYPTO or IN_EQUITY.", metavar="GROUP")
]
Json = Annotated[bool, JSON_OPTION]
First = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First date.")]
Last = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last date.")]
Symbol = Annotated[str, typer.Argument(help="A stored symbol.")]


@app.command(
    "import-csv",
    short_help="Store the minute bars of a file.",
    epilog="Example: data import-csv bars.csv.gz --symbol AAPL\n\n"
    "Example: data import-csv export.csv --timezone America/Chicago --columns timestamp=Zeit",
)
def import_csv(
    path: Annotated[Path, typer.Argument(help="A .csv, .csv.gz or .parquet file.")],
    symbol: Annotated[
        str | None, typer.Option(help="Symbol of the bars, if the file does not say.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Zone of times without one; default: the exchange's.")
    ] = None,
    columns: Annotated[
        str, typer.Option(metavar="FIELD=COLUMN,…", help="E.g. timestamp=Zeit,open=#2.")
    ] = "",
    exchange: Exchange = "US_EQUITY",
    as_json: Json = False,
) -> None:
    """Store the minute bars of a file; refused rows are named with their line and reason."""
    from rich.progress import Progress

    from app.cli.data_tables import render_import
    from app.cli.output import console, print_json
    from app.services.market_data.source_columns import parse_mapping

    manager = _data_manager(exchange)
    quiet = as_json or not console.is_terminal
    with Progress(console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("reading", total=1.0)
        summary = manager.import_from_csv(
            path,
            symbol=symbol,
            timezone=timezone,
            columns=parse_mapping(columns),
            progress=lambda done, doing: progress.update(task, completed=done, description=doing),
        )
    if as_json:
        print_json(summary)
    else:
        console.print(render_import(summary))


@app.command(
    "import-actions",
    short_help="Store the splits and dividends of a file.",
    epilog="Example: data import-actions actions.csv",
)
def import_actions(
    path: Annotated[
        Path, typer.Argument(help="A .csv with the columns symbol, date, kind, value.")
    ],
    as_json: Json = False,
) -> None:
    """Store splits and dividends by ex-date; refused rows are named with line and reason."""
    from app.cli.data_tables import render_action_import
    from app.cli.output import console, print_json
    from app.config.settings import get_settings
    from app.services.market_data.corporate_actions import ActionStorage, import_actions

    summary = import_actions(path, ActionStorage(get_settings().bars_dir))
    if as_json:
        print_json(summary)
    else:
        console.print(render_action_import(summary))


@app.command(
    short_help="The stored splits and dividends of a symbol.", epilog="Example: data actions AAPL"
)
def actions(symbol: Symbol, as_json: Json = False) -> None:
    """Splits and dividends by ex-date."""
    from app.cli.data_tables import render_actions
    from app.cli.output import console, print_json
    from app.config.settings import get_settings
    from app.services.market_data.corporate_actions import ActionStorage

    found = ActionStorage(get_settings().bars_dir).read(symbol)
    if as_json:
        print_json(list(found))
    elif found:
        console.print(render_actions(found))
    else:
        console.print(
            f"No splits or dividends of {symbol} are stored; import them with: "
            "data import-actions FILE"
        )


@app.command("list", epilog="Example: data list")
def list_symbols(as_json: Json = False) -> None:
    """What is stored, per symbol."""
    from app.cli.data_tables import render_coverage
    from app.cli.output import console, print_json
    from app.config.settings import get_settings
    from app.services.market_data.parquet_storage import ParquetStorage

    storage = ParquetStorage(get_settings().bars_dir)
    stored = [storage.coverage(symbol) for symbol in storage.symbols()]
    if as_json:
        print_json([_coverage_facts(each) for each in stored])
    elif stored:
        console.print(render_coverage(stored))
    else:
        console.print("Nothing is stored yet; import a file with: data import-csv FILE")


@app.command(
    short_help="Write bars to a file.",
    epilog="Example: data export AAPL aapl.csv --from 2024-01-02 --interval 5m",
)
def export(
    symbol: Symbol,
    path: Annotated[str, typer.Argument(help="A .csv or .parquet file, or - for standard output.")],
    interval: Annotated[
        str, typer.Option(help="1m: all stored minutes; 5m, 1h, 1d …: made from regular hours.")
    ] = "1m",
    first: First = None,
    last: Last = None,
    adjustment: Annotated[
        str, typer.Option(help="raw (as traded), split, dividend or all: taken out of prices.")
    ] = "raw",
    exchange: Exchange = "US_EQUITY",
) -> None:
    """Write bars to a file: times in UTC, ready to be imported again."""
    from app.cli.output import console

    manager, dates = _data_manager(exchange), (_date(first), _date(last))
    if interval == "1m":
        bars = manager.stored_bars(symbol, *dates, adjustment=adjustment)
    else:
        begin, end = manager.stored_range(symbol, *dates)
        if first is None:  # the first week may begin before the first stored bar
            begin -= timedelta(days=6)
        bars = manager.get_bars(symbol, interval, begin, end, adjustment=adjustment)
    _write(bars, path)
    if path != "-":
        console.print(f"{len(bars):,} bars of {symbol} ({bars.interval}) written to {path}")


@app.command(
    short_help="How complete the bars are, and what is odd about them.",
    epilog="Example: data quality AAPL --from 2024-01-02 --to 2024-01-31",
)
def quality(
    symbol: Symbol,
    first: First = None,
    last: Last = None,
    exchange: Exchange = "US_EQUITY",
    as_json: Json = False,
) -> None:
    """Per session: minutes expected and present, percentage, gaps; and what is odd."""
    from app.cli.data_tables import render_quality
    from app.cli.output import console, print_json

    manager, dates = _data_manager(exchange), (_date(first), _date(last))
    scored = manager.get_quality(symbol, *dates)
    findings = manager.inspect(symbol, *dates)
    halts, labels = manager.get_halts(symbol, *dates), sorted(manager.coverage(symbol).labels)
    if as_json:
        facts = {"symbol": symbol, "labels": labels, "total_pct": scored.total_pct}
        told = [halt._asdict() for halt in halts]
        print_json(facts | {"sessions": list(scored), "findings": findings, "halts": told})
        return
    title = f"{symbol} ({', '.join(labels)})" if labels else symbol
    console.print(render_quality(title, scored, findings, halts, manager.timezone))


@app.command(
    short_help="Run every check on stored bars and report what each found.",
    epilog="Example: data validate AAPL\n\nExample: data validate AAPL MSFT --from 2024-01-02",
)
def validate(
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="[SYMBOL]", help="All stored ones if left out.")
    ] = None,
    first: First = None,
    last: Last = None,
    exchange: Exchange = "US_EQUITY",
    as_json: Json = False,
) -> None:
    """Run every check on stored bars and report what each found, and where first.

    Duplicates, order, impossible prices, highs below lows, spikes, stale prices, bars without
    volume, minutes missing in each session, bars outside of sessions.

    Exit status 1 if any bar cannot be true; what is merely odd does not count.
    """
    from app.cli.data_tables import render_validation
    from app.cli.output import console, print_json

    manager, dates = _data_manager(exchange), (_date(first), _date(last))
    wanted = symbols or manager.storage.symbols()
    reports = [manager.validate(symbol, *dates) for symbol in wanted]
    if as_json:
        print_json(
            [
                _validation_facts(report, sorted(manager.coverage(report.symbol).labels))
                for report in reports
            ]
        )
    for report in [] if as_json else reports:
        labels = sorted(manager.coverage(report.symbol).labels)
        console.print(render_validation(report, manager.timezone, labels), highlight=False)
    if not reports:
        console.print("Nothing is stored yet; import a file with: data import-csv FILE")
    if any(report.errors for report in reports):
        raise typer.Exit(1)


@app.command(
    short_help="Delete stored bars, after asking.",
    epilog="Example: data delete AAPL --from 2024-01-02 --to 2024-01-31\n\n"
    "Example: data delete AAPL --yes",
)
def delete(
    ctx: typer.Context,
    symbol: Symbol,
    first: First = None,
    last: Last = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    exchange: Exchange = "US_EQUITY",
) -> None:
    """Delete the stored bars of a symbol, or those from a date to a date, both included.

    Asks first, and says what would go. What was deleted can only be imported again.
    """
    from app.cli.output import console

    manager, dates = _data_manager(exchange), (_date(first), _date(last))
    _require_no_session(ctx, symbol)
    going = manager.stored_bars(symbol, *dates)
    if not len(going):
        console.print(f"Nothing of {symbol} is stored there; nothing was deleted")
        return
    span = f"{going[0].timestamp:%Y-%m-%d} to {going[-1].timestamp:%Y-%m-%d}"
    if not yes and not typer.confirm(f"Delete {len(going):,} bars of {symbol}, {span}?"):
        console.print("Nothing was deleted")
        raise typer.Exit(1)
    console.print(f"{manager.delete_bars(symbol, *dates):,} bars of {symbol} deleted, {span}")


@app.command(
    short_help="The running session's bars, indicators and quality, live.",
    epilog="Example: data session\n\nExample: data session AAPL MSFT --once",
)
def session(
    ctx: typer.Context,
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="[SYMBOL]", help="All of them if left out.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Show it as it is now and end.")] = False,
    as_json: Json = False,
) -> None:
    """What the session in this shell has: bars, derived intervals, indicators and quality.

    The table follows the session until it is over or Ctrl-C; the session itself goes on. A
    strategy sees no more than is shown: what has closed by the session's own time.
    """
    from app.cli.output import console, print_json
    from app.cli.session_view import session_screen, watch
    from app.cli.surroundings import system_with_session
    from app.managers.system_manager.session_series import session_series

    system = system_with_session(ctx)
    if as_json:
        print_json(session_series(system, symbols or ()))
    elif once or not console.is_terminal:
        console.print(session_screen(system, symbols or ()))
    else:
        watch(system, symbols or ())


def _require_no_session(ctx: typer.Context, symbol: str) -> None:
    from app.cli.surroundings import shell_around

    shell = shell_around(ctx)
    system = shell.started if shell else None
    if system is None or system.wait(0):
        return
    if any(name == symbol for name, _ in system.get_session_data().series()):
        raise ConfigurationError(
            f"the session that runs reads the bars of {symbol}; end it first with: system stop"
        )


def _validation_facts(report: Any, labels: list[str]) -> dict[str, Any]:
    return {
        "symbol": report.symbol,
        "labels": labels,
        "bars": report.bars,
        "errors": report.errors,
        "remarks": report.remarks,
        "total_pct": report.quality.total_pct,
        "checks": report.checks,
        "sessions": list(report.quality),
    }


def _data_manager(exchange: str) -> Any:
    """The data of `exchange`, with the real clock."""
    from app.config.settings import get_settings
    from app.managers.data_manager import DataManager
    from app.managers.time_manager import TimeManager
    from app.models.database import SessionLocal
    from app.services.market_data.parquet_storage import ParquetStorage

    with SessionLocal() as db:
        market = TimeManager.for_exchange(db, exchange)
    return DataManager(ParquetStorage(get_settings().bars_dir), market)


def _write(bars: Any, path: str) -> None:
    import sys

    import polars as pl

    frame = bars.to_polars().select(pl.lit(bars.symbol).alias("symbol"), pl.all())
    moment = pl.col("timestamp").dt.convert_time_zone("UTC")
    if path.casefold().endswith(".parquet"):
        frame.with_columns(moment).write_parquet(path, compression="zstd")
        return
    if path != "-" and not path.casefold().endswith(".csv"):
        raise ConfigurationError(f"{path}: the file must be .csv or .parquet, or - for output")
    text = frame.with_columns(moment.dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_csv()
    if path == "-":
        sys.stdout.write(text)
    else:
        Path(path).write_text(text, encoding="utf-8")


def _coverage_facts(stored: Any) -> dict[str, Any]:
    from app.cli.data_tables import utc_text

    return {
        "symbol": stored.symbol,
        "first": utc_text(stored.first_ns),
        "last": utc_text(stored.last_ns),
        "rows": stored.rows,
        "labels": sorted(stored.labels),
    }


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ConfigurationError(f"date {text!r} is not a date; use YYYY-MM-DD") from error
