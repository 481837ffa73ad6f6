"""Run, watch and step a session from the terminal, then show its result."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.live import Live
from rich.text import Text

from app.cli.output import console, print_json
from app.cli.own_code import look_in_current_folder
from app.cli.run_tables import lines_of_files, render_progress, render_run
from app.cli.surroundings import end_session
from app.core.enums import OperationMode, SystemState
from app.core.exceptions import ConfigurationError
from app.managers.data_manager.bars import market_time
from app.managers.system_manager import SystemManager, get_system_manager

COMPLETED, FAILED, INTERRUPTED = 0, 1, 130
_FRAME_S = 0.1


def run_session(config: str | Path, *, as_json: bool) -> int:
    """Run `config` to its end and print what came out; the exit status.

    Ctrl-C ends the run where it is and still shows what it did. Strategies of one's own are also
    looked for in the current folder.
    """
    look_in_current_folder()
    system = get_system_manager()
    interrupted = False
    try:
        system.start(config)
        follow(system, quiet=as_json)
    except KeyboardInterrupt:
        end_session(system)
        interrupted = True
    except SystemExit:
        end_session(system)
        raise
    report(system, as_json=as_json)
    if system.state is SystemState.FAILED:
        return FAILED
    return INTERRUPTED if interrupted else COMPLETED


def begin_session(
    system: SystemManager, config: str | Path, *, paused: bool, as_json: bool
) -> None:
    """Start `config` and come back at once, saying how to look at it and steer it."""
    look_in_current_folder()
    with console.status("starting …"):
        system.start(config, paused=paused)
    status = system.status()
    if as_json:
        print_json(status)
        return
    sessions = status.progress.sessions_total if status.progress else 0
    mark, does = ("yellow", "waits") if paused else ("green", "runs")
    told = Text.assemble(("● ", mark), (status.session_name or "", "bold"), f" {does}: ")
    told.append(f"{sessions} sessions" if sessions != 1 else "1 session")
    console.print(told)
    hints = [("data session", "shows it"), ("system wait", "its result")]
    if status.mode is not OperationMode.BACKTEST:
        hints.append(("system stop", "ends it"))
    else:
        hints.append(("system resume", "goes on") if paused else ("system pause", "holds it"))
    told = Text("  ")
    for number, (typed, about) in enumerate(hints):
        told.append(" · " if number else "", style="dim")
        told.append(typed, style="green").append(f" {about}", style="dim")
    console.print(told)


def follow(system: SystemManager, *, quiet: bool) -> None:
    """Show progress until the run is over."""
    if quiet or not console.is_terminal:
        system.wait()
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not system.wait(_FRAME_S):
            live.update(progress_line(system))
            live.refresh()


def progress_line(system: SystemManager) -> Text:
    """The session in one line as wide as the terminal, and that it is paused if it is."""
    status = system.status()
    progress = status.progress
    if progress is None:
        return Text(status.session_name or "", style="bold")
    if status.notice and not progress.now_ns:
        return Text(f"{status.session_name}  {status.notice}", style="dim")
    moment = ""
    if progress.now_ns:
        zone = ZoneInfo(system.get_time_manager().timezone)
        moment = f"{market_time(progress.now_ns, zone):%Y-%m-%d %H:%M}"
    mark = Text("paused  ", style="yellow") if status.state is SystemState.PAUSED else Text()
    width = console.width - len(mark)
    return mark + render_progress(status.session_name or "", progress, moment=moment, width=width)


def report(system: SystemManager, *, as_json: bool) -> None:
    """The result of a run that is over, and where its files are."""
    record = system.record
    if as_json:
        print_json({"state": system.state, "reason": system.reason, "run": record})
        return
    if record is not None:
        console.print(render_run(record))
        for line in lines_of_files(record, validation=str(system.validation_file)):
            console.print(line, soft_wrap=True, highlight=False)
    if system.reason:
        console.print(Text(f"failed: {system.reason}", style="bold red"))


# ── stepping ─────────────────────────────────────────────────────────────────


def paused(system: SystemManager) -> SystemManager:
    """`system`, whose session is paused.

    Raises:
        ConfigurationError: it is not.
    """
    if system.state is not SystemState.PAUSED:
        raise ConfigurationError("the session is not paused; pause it first with: system pause")
    return system


def steps(system: SystemManager, count: int) -> None:
    """Let a paused session go on by `count` bars of time, or to its end."""
    for _ in range(count):
        if system.state is not SystemState.PAUSED:
            return
        system.step()


def advance(system: SystemManager) -> date | None:
    """Step a paused session to the first bar of its next session; that date, None at the end."""
    before = _session(system)
    while system.state is SystemState.PAUSED:
        system.step()
        now = _session(system)
        if now is not None and now != before:
            return now
    return None


def _session(system: SystemManager) -> date | None:
    progress = system.status().progress
    return progress.session if progress else None
