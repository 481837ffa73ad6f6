"""Tables of the market calendar, as the commands print them."""

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from app.core.calendar_days import CalendarDay, ImportedCalendar
from app.core.sessions import TradingSession


def render_facts(facts: Mapping[str, Any]) -> Table:
    """Names and values, one a line."""
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), _text(value))
    return table


def render_session(session: TradingSession) -> Table:
    """One date of a market."""
    facts: dict[str, Any] = {"date": f"{session.date:%Y-%m-%d %A}", "trading": _kind(session)}
    if session.is_trading_day:
        facts |= {
            "pre-market": session.pre_market_open,
            "open": session.regular_open,
            "close": session.regular_close,
            "post-market": session.post_market_close,
        }
    return render_facts(facts | {"time zone": session.timezone})


def render_special_days(days: Iterable[CalendarDay]) -> Table:
    """Holidays, early closes and special sessions, one a line."""
    table = Table("Date", "Day", "Trading", "Name")
    for day in days:
        hours = "closed"
        if day.hours is not None:
            hours = f"{day.hours.regular_open:%H:%M} to {day.hours.regular_close:%H:%M}"
        table.add_row(day.date.isoformat(), f"{day.date:%A}", hours, day.name or "")
    return table


def _kind(session: TradingSession) -> str:
    if session.is_early_close:
        return "yes, early close"
    if session.is_trading_day:
        return "yes"
    if session.is_holiday:
        return f"no, {session.holiday_name or 'holiday'}"
    return "no"


def render_calendars(calendars: Iterable[ImportedCalendar]) -> Table:
    """What the database knows of each market."""
    table = Table("Exchange", "Until", title="Market calendars", box=SIMPLE, padding=(0, 0, 0, 1))
    for heading in ("Sessions", "Holidays", "Half days", "Overrides"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for each in calendars:
        table.add_row(
            each.exchange_group,
            each.last_date.isoformat(),
            *(f"{n:,}" for n in (each.sessions, each.holidays, each.early_closes, each.overrides)),
            "imported" if each.is_new else "up to date",
        )
    return table


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
