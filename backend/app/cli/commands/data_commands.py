"""``data``: import, list, export and judge minute bars."""

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
    help="Import, list, export and judge minute bars.",
)

Exchange = Annotated[
    str, typer.Option("--exchange", help="US_EQUITY, CRYPTO or IN_EQUITY.", metavar="GROUP")
]
Json = Annotated[bool, JSON_OPTION]
First = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First date.")]
Last = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last date.")]


@app.command("import-csv", short_help="Store the minute bars of a file.")
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


@app.command("list")
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


@app.command(short_help="Write bars to a file.")
def export(
    symbol: str,
    path: Annotated[str, typer.Argument(help="A .csv or .parquet file, or - for standard output.")],
    interval: Annotated[
        str, typer.Option(help="1m: all stored minutes; 5m, 1h, 1d …: made from regular hours.")
    ] = "1m",
    first: First = None,
    last: Last = None,
    exchange: Exchange = "US_EQUITY",
) -> None:
    """Write bars to a file: times in UTC, ready to be imported again."""
    from app.cli.output import console

    manager, dates = _data_manager(exchange), (_date(first), _date(last))
    if interval == "1m":
        bars = manager.stored_bars(symbol, *dates)
    else:
        begin, end = manager.stored_range(symbol, *dates)
        if first is None:  # the first week may begin before the first stored bar
            begin -= timedelta(days=6)
        bars = manager.get_bars(symbol, interval, begin, end)
    _write(bars, path)
    if path != "-":
        console.print(f"{len(bars):,} bars of {symbol} ({bars.interval}) written to {path}")


@app.command(short_help="How complete the bars are, and what is odd about them.")
def quality(
    symbol: str,
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
    labels = sorted(manager.coverage(symbol).labels)
    if as_json:
        facts = {"symbol": symbol, "labels": labels, "total_pct": scored.total_pct}
        print_json(facts | {"sessions": list(scored), "findings": findings})
        return
    title = f"{symbol} ({', '.join(labels)})" if labels else symbol
    console.print(render_quality(title, scored.total_pct, list(scored), findings, manager.timezone))


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
