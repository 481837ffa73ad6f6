"""Entry point: the root command, its lazily imported namespaces, and errors made readable."""

import importlib
import signal
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from app.cli.registry import COMMANDS
from app.core.exceptions import ConfigurationError, TradingError

USER_MISTAKE = 2
FAILURE = 1
_SIGNALLED = 128
"""What a shell adds to the number of the signal that ended a command."""


class _LazyGroup(TyperGroup):
    """Lists namespaces from the registry and imports one only when it is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the registry's order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, imported now, or None."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"app.cli.commands.{entry.module}")
        command = typer.main.get_command(getattr(module, entry.attribute))
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Help lines from the registry: nothing is imported to print them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="MisMartera: clean minute data, fast and honest backtests.",
)


@app.callback()
def root() -> None:
    """MisMartera: clean minute data, fast and honest backtests."""


def main() -> None:
    """Run one command; exit 2 for the user's mistakes, 1 for failures, 0 for success.

    A signal to end, as a terminal sends that is closed, ends it like an exit: what goes on is
    ended and kept.
    """
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)
    try:
        app()
    except ConfigurationError as error:
        _complain(error)
        sys.exit(USER_MISTAKE)
    except TradingError as error:
        _complain(error)
        sys.exit(FAILURE)


def _leave(number: int, _frame: object) -> None:
    sys.exit(_SIGNALLED + number)


def _complain(error: TradingError) -> None:
    typer.secho(f"Error: {error}", fg=typer.colors.RED, err=True)
