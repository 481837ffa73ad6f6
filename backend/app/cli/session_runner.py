"""Run a session from the terminal: live progress, then its result and where its files are."""

from pathlib import Path
from zoneinfo import ZoneInfo

from rich.live import Live
from rich.text import Text

from app.cli.output import console, print_json
from app.cli.own_code import look_in_current_folder
from app.cli.run_tables import lines_of_files, render_progress, render_run
from app.core.enums import SystemState
from app.managers.data_manager.bars import market_time
from app.managers.system_manager import SystemManager, get_system_manager
from app.threads.progress import RunProgress

COMPLETED, FAILED, INTERRUPTED = 0, 1, 130
_FRAME_S = 0.1
_WRITING_S = 60.0
"""How long an interrupted run may take to write down what it did."""


def run_session(config: str | Path, *, as_json: bool) -> int:
    """Run `config` to its end and print what came out; the exit status.

    Ctrl-C ends the run where it is and still shows what it did. Strategies of one's own are also
    looked for in the current folder.
    """
    look_in_current_folder()
    system = get_system_manager()
    system.start(config)
    interrupted = _watch(system, quiet=as_json)
    _report(system, as_json=as_json)
    if system.state is SystemState.FAILED:
        return FAILED
    return INTERRUPTED if interrupted else COMPLETED


def _watch(system: SystemManager, *, quiet: bool) -> bool:
    """Show progress until the run is over; whether the user interrupted it."""
    try:
        if quiet or not console.is_terminal:
            system.wait()
        else:
            _follow(system)
    except KeyboardInterrupt:
        system.stop()
        system.wait(_WRITING_S)
        return True
    return False


def _follow(system: SystemManager) -> None:
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not system.wait(_FRAME_S):
            status = system.status()
            if status.progress is not None:
                live.update(_progress_line(system, status.session_name or "", status.progress))
                live.refresh()


def _progress_line(system: SystemManager, session_name: str, progress: RunProgress) -> Text:
    moment = ""
    if progress.now_ns:
        zone = ZoneInfo(system.get_time_manager().timezone)
        moment = f"{market_time(progress.now_ns, zone):%Y-%m-%d %H:%M}"
    return render_progress(session_name, progress, moment=moment, width=console.width)


def _report(system: SystemManager, *, as_json: bool) -> None:
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
