"""``system``: start a session from its config, and steer it."""

from typing import Annotated, Any

import typer

from app.cli.commands.database_commands import JSON_OPTION
from app.cli.surroundings import ELSEWHERE, running_system, shell_around, system_with_session
from app.core.exceptions import ConfigurationError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="Start a session from its config, and steer it.",
)
Json = Annotated[bool, JSON_OPTION]
EXAMPLE_CONFIG = "session_configs/example_session.json"


@app.command(
    short_help="Run a session; in the shell, beside the commands that follow.",
    epilog="Example: system start example_session\n\n"
    "Example: system start session_configs/example_session.json --paused",
)
def start(
    ctx: typer.Context,
    config: Annotated[
        str, typer.Argument(help="A session config, by name or as a file.")
    ] = EXAMPLE_CONFIG,
    paused: Annotated[
        bool, typer.Option("--paused", help="In the shell: hold it before its first bar.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a session. As a one-shot command: to its end, with its progress, then its result.

    A config is named like its file in the folder of session configs (`SESSION_CONFIGS_DIR`),
    without `.json`; with a dot or a slash it is a path: `./mine.json`.

    In the shell it runs beside the commands that follow, and those of `system` and
    `data session` look at it and steer it. Exit status of the one-shot command: 0 when the
    session completed, 1 when it failed, 2 for a mistake in the config, 130 for Ctrl-C.
    """
    from app.cli.session_runner import begin_session, run_session

    shell = shell_around(ctx)
    if shell is not None:
        begin_session(shell.system(), config, paused=paused, as_json=as_json)
        return
    if paused:
        raise ConfigurationError("--paused needs the shell: nothing could let the session go on")
    raise typer.Exit(run_session(config, as_json=as_json))


@app.command(
    short_help="End the session where it is and keep what it did.", epilog="Example: system stop"
)
def stop(ctx: typer.Context, as_json: Json = False) -> None:
    """End the session where it is. What it did until then is recorded, and shown."""
    from app.cli.session_runner import report

    system = running_system(ctx)
    system.stop()
    report(system, as_json=as_json)


@app.command(short_help="Hold the session before its next bar.", epilog="Example: system pause")
def pause(ctx: typer.Context) -> None:
    """Hold the session before its next bar. Time stands still until `system resume`."""
    system = running_system(ctx)
    system.pause()
    _show_line(system)


@app.command(short_help="Let a paused session go on.", epilog="Example: system resume")
def resume(ctx: typer.Context) -> None:
    """Let a paused session go on at its speed."""
    system = running_system(ctx)
    system.resume()
    _show_line(system)


@app.command(
    short_help="Let a paused session go on by a bar, or by several.",
    epilog="Example: system step\n\nExample: system step 30",
)
def step(
    ctx: typer.Context,
    count: Annotated[int, typer.Argument(min=1, metavar="[BARS]", help="How many.")] = 1,
) -> None:
    """Let a paused session go on by one bar of time, or by several, and hold it again.

    Bars that end at the same moment count as one. Ctrl-C ends the steps, not the session.
    """
    from app.cli.session_runner import paused, steps

    system = running_system(ctx)
    steps(paused(system), count)
    _show_line(system)


@app.command(
    short_help="How fast time goes: 0 as fast as it can, 1 like the market, 60 …",
    epilog="Example: system speed 60\n\nExample: system speed 0",
)
def speed(
    ctx: typer.Context,
    speed: Annotated[
        float | None, typer.Argument(min=0.0, help="Market seconds in a second; 0: no waiting.")
    ] = None,
) -> None:
    """Show, or change at once, how many seconds of the market pass in one.

    0 replays as fast as the machine can. Whatever the speed, the orders are the same.
    """
    from app.cli.output import console
    from app.cli.session_tables import speed_text

    system = running_system(ctx)
    if speed is not None:
        system.set_speed(speed)
    console.print(f"speed: {speed_text(system.status().speed)}", highlight=False)


@app.command(
    short_help="What the system is doing, and whether its threads live.",
    epilog="Example: system status",
)
def status(ctx: typer.Context, as_json: Json = False) -> None:
    """State, session, progress, speed, threads, and the reason if the session failed."""
    from app.cli.output import console, print_json
    from app.cli.session_tables import render_status
    from app.cli.shell.loop import market_moment

    shell = shell_around(ctx)
    if shell is None and not as_json:
        console.print(f"STOPPED: {ELSEWHERE}", highlight=False)
        return
    if shell is None:
        print_json({"state": "STOPPED", "reason": ELSEWHERE})
        return
    found = shell.system().status()
    if as_json:
        print_json(found)
        return
    moment = market_moment(shell.system()) if found.session_name else ""
    console.print(render_status(found, moment=moment), highlight=False)


@app.command(
    short_help="Wait until the session is over, with its progress.", epilog="Example: system wait"
)
def wait(ctx: typer.Context, as_json: Json = False) -> None:
    """Wait until the session is over, then show its result. Ctrl-C ends the waiting only."""
    from app.cli.session_runner import follow, report

    system = system_with_session(ctx)
    follow(system, quiet=as_json)
    report(system, as_json=as_json)


def _show_line(system: Any) -> None:
    from app.cli.output import console
    from app.cli.session_runner import progress_line

    console.print(progress_line(system))
