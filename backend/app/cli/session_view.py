"""``data session``: the running session's data, now or live."""

from collections.abc import Collection
from typing import Any

from rich.console import RenderableType
from rich.live import Live

from app.cli.output import console
from app.cli.session_runner import progress_line
from app.cli.session_tables import render_account, render_live, render_session_data
from app.managers.system_manager.session_series import session_series

_FRAME_S = 0.25
_NOTE = "Ctrl-C leaves this table; the session goes on"
_AROUND = 8
"""Lines of the screen that are not series."""


def session_screen(
    system: Any, symbols: Collection[str] = (), *, note: str = "", height: int | None = None
) -> RenderableType:
    """Progress, account and series, as they are now; no more series than fit `height`."""
    execution = system.get_execution_manager()
    account = render_account(
        execution.get_account(), execution.get_positions(), width=console.width
    )
    rows = session_series(system, symbols)
    room = len(rows) if height is None else max(height - _AROUND, 1)
    if len(rows) > room:
        note = f"{len(rows) - room} more series: name symbols to see theirs · {note}"
    table = render_session_data(rows[:room], width=console.width)
    return render_live(progress_line(system), account, table, note)


def watch(system: Any, symbols: Collection[str] = ()) -> None:
    """Show the session until it is over or Ctrl-C, then leave its last state on the screen."""
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                screen = session_screen(system, symbols, note=_NOTE, height=console.height)
                live.update(screen, refresh=True)
                if system.wait(_FRAME_S):
                    break
    except KeyboardInterrupt:
        pass
    console.print(session_screen(system, symbols))
