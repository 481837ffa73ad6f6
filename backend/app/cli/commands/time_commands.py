"""``time``: the clock and the market calendar."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any

import typer

from app.cli.commands.database_commands import JSON_OPTION
from app.core.exceptions import ConfigurationError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="The clock and the market calendar.",
)

Exchange = Annotated[
    str, typer.Option("--exchange", help="US_EQUITY, CRYPTO or IN_EQUITY.", metavar="GROUP")
]
Json = Annotated[bool, JSON_OPTION]
Day = Annotated[str | None, typer.Argument(metavar="[DATE]", help="YYYY-MM-DD; today if left out.")]


@app.command(epilog="Example: time now\n\nExample: time now --exchange CRYPTO")
def now(exchange: Exchange = "US_EQUITY", as_json: Json = False) -> None:
    """The time at the market and the part of its day."""
    from app.cli.calendar_tables import render_facts

    with _market(exchange) as (manager, db):
        moment = manager.get_current_time()
        facts = {
            "exchange_group": exchange,
            "market_time": moment,
            "utc": manager.get_current_time("UTC"),
            "timezone": manager.timezone,
            "market_session": manager.get_market_session(db, moment),
            "is_market_open": manager.is_market_open(db, moment),
        }
    _show(facts, render_facts, as_json=as_json)


@app.command(short_help="The hours of a date.", epilog="Example: time session 2024-07-03")
def session(day: Day = None, exchange: Exchange = "US_EQUITY", as_json: Json = False) -> None:
    """What the market does on a date: open, close, extended hours, holiday."""
    from app.cli.calendar_tables import render_session

    with _market(exchange) as (manager, db):
        answer = manager.get_trading_session(db, _date(day) or manager.today())
    _show(answer, render_session, as_json=as_json)


@app.command("next", epilog="Example: time next 2024-07-03")
def next_date(day: Day = None, exchange: Exchange = "US_EQUITY", as_json: Json = False) -> None:
    """The first trading day after a date."""
    from app.cli.calendar_tables import render_session

    with _market(exchange) as (manager, db):
        answer = manager.get_next_trading_date(db, _date(day) or manager.today())
        found = manager.get_trading_session(db, answer)
    _show(found, render_session, as_json=as_json)


@app.command(epilog="Example: time previous 2024-07-08")
def previous(day: Day = None, exchange: Exchange = "US_EQUITY", as_json: Json = False) -> None:
    """The last trading day before a date."""
    from app.cli.calendar_tables import render_session

    with _market(exchange) as (manager, db):
        answer = manager.get_previous_trading_date(db, _date(day) or manager.today())
        found = manager.get_trading_session(db, answer)
    _show(found, render_session, as_json=as_json)


@app.command(
    short_help="Holidays and other special days of a year.", epilog="Example: time holidays 2026"
)
def holidays(
    year: Annotated[int | None, typer.Argument(help="This year if left out.")] = None,
    exchange: Exchange = "US_EQUITY",
    as_json: Json = False,
) -> None:
    """The days of a year on which the market keeps other hours, or none."""
    from app.cli.calendar_tables import render_special_days

    with _market(exchange) as (manager, db):
        which = manager.today().year if year is None else year
        if not date.min.year <= which <= date.max.year:
            raise ConfigurationError(f"year {which} is not a year; use one such as 2026")
        days = manager.get_special_days(db, date(which, 1, 1), date(which, 12, 31))
    _show(days, render_special_days, as_json=as_json)


@app.command(
    short_help="Fill the calendars again.",
    epilog="Example: time import-holidays --exchange US_EQUITY",
)
def import_holidays(
    exchange: Annotated[
        str | None, typer.Option("--exchange", help="Only this exchange group.", metavar="GROUP")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fill the calendars from the library and the overrides, again."""
    from app.cli.calendar_tables import render_calendars
    from app.cli.output import console
    from app.managers.time_manager import TimeManager
    from app.models.database import SessionLocal
    from app.repositories.unit_of_work import UnitOfWork

    with console.status("calendars") as status, UnitOfWork(SessionLocal) as work:
        calendars = TimeManager().import_calendars(
            work.db, exchange_group=exchange, on_progress=lambda step: status.update(f"{step} …")
        )
    _show(calendars, render_calendars, as_json=as_json)


@app.command(
    short_help="Let a paused session go on to its next trading day.",
    epilog="Example: time advance",
)
def advance(ctx: typer.Context) -> None:
    """Let the paused session go on to the first bar of its next session, and hold it again.

    Time moves forward only, through every bar between: strategies see each of them. To go on
    by bars: `system step`. Ctrl-C ends the way there, not the session.
    """
    from app.cli.output import console
    from app.cli.session_runner import advance as advance_session
    from app.cli.session_runner import paused, progress_line
    from app.cli.surroundings import running_system

    system = paused(running_system(ctx))
    with console.status("on the way to the next session …"):
        reached = advance_session(system)
    if reached is None:
        console.print("that was the last session; its result: system wait")
        return
    console.print(progress_line(system))


def _show(value: Any, render: Callable[[Any], object], *, as_json: bool) -> None:
    from app.cli.output import console, print_json

    if as_json:
        print_json(value)
    else:
        console.print(render(value))


@contextmanager
def _market(exchange: str) -> Iterator[tuple[Any, Any]]:
    """A TimeManager of `exchange` on the real clock, and a session on the database."""
    from app.managers.time_manager import TimeManager
    from app.models.database import SessionLocal

    with SessionLocal() as db:
        yield TimeManager.for_exchange(db, exchange), db


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ConfigurationError(f"date {text!r} is not a date; use YYYY-MM-DD") from error
