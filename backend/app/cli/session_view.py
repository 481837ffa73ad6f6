"""``data session``: the running session's data, now or live."""

from typing import Any

from rich.console import RenderableType
from rich.live import Live

from app.cli.output import console
from app.cli.session_runner import progress_line
from app.cli.session_tables import (
    SeriesRow,
    render_account,
    render_live,
    render_session_data,
    session_rows,
)

_FRAME_S = 0.25
_NOTE = "Ctrl-C leaves this table; the session goes on"


def session_series(system: Any) -> list[SeriesRow]:
    """Every series of the session, with what of it has closed."""
    progress = system.status().progress
    zone = system.get_time_manager().timezone
    session = progress.session if progress else None
    return session_rows(system.get_session_data(), session=session, zone=zone)


def session_screen(system: Any, *, note: str = "") -> RenderableType:
    """Progress, account and series, as they are now."""
    execution = system.get_execution_manager()
    account = render_account(
        execution.get_account(), execution.get_positions(), width=console.width
    )
    table = render_session_data(session_series(system), width=console.width)
    return render_live(progress_line(system), account, table, note)


def watch(system: Any) -> None:
    """Show the session until it is over or Ctrl-C, then leave its last state on the screen."""
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(session_screen(system, note=_NOTE), refresh=True)
                if system.wait(_FRAME_S):
                    break
    except KeyboardInterrupt:
        pass
    console.print(session_screen(system))
