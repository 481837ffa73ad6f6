"""Where each command lives, known without importing it: that keeps ``--help`` instant.

One-shot commands, the shell, its completion, the help pages and the reference all read this
table; a command that is not in it does not exist.
"""

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
    "system": Entry("Start a session from its config, and steer it.", "system_commands"),
    "data": Entry("Import, list, judge, export and delete minute bars.", "data_commands"),
    "time": Entry("The clock and the market calendar.", "time_commands"),
    "strategy": Entry("The strategies that can be run, and their parameters.", "strategy_commands"),
    "run": Entry("Backtests that were run, and their results.", "run_commands"),
    "db": Entry("Back up, restore, upgrade and check the database.", "db_commands"),
    "user": Entry("Users of the API, their invitations and keys.", "user_commands"),
    "admin": Entry("The log, while the platform runs.", "admin_commands"),
    "shell": Entry("Type commands one after the other, beside a session.", "shell_command"),
    "help": Entry("What there is, a namespace, or one command.", "help_command"),
}
