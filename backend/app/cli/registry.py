"""Where each command lives, known without importing it: that keeps ``--help`` instant."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A namespace or a single command: its help line and the module that defines it.

    The module is imported when the command is used. It holds a Typer application called
    `attribute`; a single command's application has one command.
    """

    help: str
    module: str
    attribute: str = "app"


COMMANDS: dict[str, Entry] = {
    "demo": Entry("Make sample data, backtest it and show the result.", "demo_command"),
    "init-db": Entry("Create or upgrade the database and its calendars.", "database_commands"),
    "system": Entry("Start a session from its config.", "system_commands"),
    "data": Entry("Import, list, export and judge minute bars.", "data_commands"),
    "time": Entry("The clock and the market calendar.", "time_commands"),
    "strategy": Entry("The strategies that can be run, and their parameters.", "strategy_commands"),
    "run": Entry("Backtests that were run, and their results.", "run_commands"),
}
