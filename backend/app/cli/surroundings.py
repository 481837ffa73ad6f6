"""What a command may assume of the process it runs in."""

from typing import Any

import typer

from app.core.exceptions import ConfigurationError

ELSEWHERE = (
    "sessions live in the process that started them, and this one has started none; "
    "open the shell (./start_cli.sh, or `shell`), start a session there and try again"
)


_LAST_WORDS_S = 30.0


def end_session(system: Any) -> None:
    """End a session where it is, and wait for what it did to be written down."""
    if system is not None:
        system.stop()
        system.wait(_LAST_WORDS_S)


class Surroundings:
    """The shell's, handed to every command it runs: a session goes on between commands.

    A one-shot command has none. The system is built when a command first needs it.
    """

    def __init__(self) -> None:
        self._system: Any = None

    @property
    def started(self) -> Any:
        """The system manager if a command has needed it, else None."""
        return self._system

    def system(self) -> Any:
        """The process's system manager."""
        if self._system is None:
            from app.managers.system_manager import get_system_manager

            self._system = get_system_manager()
        return self._system


def shell_around(ctx: typer.Context) -> Surroundings | None:
    """The shell that a command was typed into; None for a one-shot command."""
    return ctx.obj if isinstance(ctx.obj, Surroundings) else None


def system_with_session(ctx: typer.Context) -> Any:
    """The system manager of a shell in which a session was started, running or over.

    Raises:
        ConfigurationError: a one-shot command, or nothing was started yet.
    """
    shell = shell_around(ctx)
    if shell is None:
        raise ConfigurationError(ELSEWHERE)
    if shell.started is None or shell.started.status().session_name is None:
        raise ConfigurationError("no session was started yet; start one with: system start")
    return shell.started


def running_system(ctx: typer.Context) -> Any:
    """The system manager of a shell in which a session runs or is paused.

    Raises:
        ConfigurationError: there is no such session.
    """
    system = system_with_session(ctx)
    if system.wait(0):
        name = system.status().session_name
        raise ConfigurationError(f"session {name} is over; start it anew with: system start")
    return system
