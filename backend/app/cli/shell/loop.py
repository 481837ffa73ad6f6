"""The shell's loop: read a line, run it as a one-shot command would, go on whatever happens."""

import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer
from loguru import logger
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style
from rich.text import Text
from typer.exceptions import TyperException

from app import __version__
from app.cli.catalogue import Namespace, find, split
from app.cli.help_pages import render_help, unknown
from app.cli.main import FAILURE, USER_MISTAKE, app
from app.cli.output import console, errors
from app.cli.shell.completion import CommandCompleter
from app.cli.shell.hints import fitted, hint, session_line
from app.cli.surroundings import Surroundings, end_session
from app.config.settings import get_settings
from app.core.exceptions import ConfigurationError, TradingError

PROMPT = "system@mismartera: "
LEAVE = ("exit", "quit")
INTERRUPTED = 130
_REFRESH_S = 0.5
_STYLE = Style.from_dict(
    {
        "prompt": "ansicyan bold",
        "bottom-toolbar": "noreverse",
        "hint": "ansibrightblack",
        "hint.wanted": "ansicyan",
        "session": "bold",
        "bar.done": "ansigreen",
        "bar.left": "ansibrightblack",
        "state.running": "ansigreen",
        "state.paused": "ansiyellow",
        "state.failed": "ansired bold",
        "state.stopped": "ansibrightblack",
        "auto-suggestion": "ansibrightblack",
        "completion-menu": "noreverse bg:default",
        "completion-menu.completion": "fg:ansidefault bg:ansidefault",
        "completion-menu.completion.current": "fg:ansiblack bg:ansicyan noreverse",
        "completion-menu.meta.completion": "fg:ansibrightblack bg:ansidefault",
        "completion-menu.meta.completion.current": "fg:ansiblack bg:ansicyan",
        "scrollbar.background": "bg:ansidefault",
        "scrollbar.button": "bg:ansibrightblack",
    }
)


def open_shell() -> int:
    """Run the shell on the terminal, or on the lines of a pipe; the exit status.

    From a terminal that is 0; from a pipe, that of the last command that did not succeed.
    """
    from app.monitoring.logs import log_of

    settings = get_settings()
    log_of(settings)
    shell = Shell(settings.data_dir / "shell_history")
    return shell.converse() if sys.stdin.isatty() else shell.read_pipe()


class Shell:
    """Commands one after the other, beside a session that one of them may have started."""

    def __init__(self, history: Path, *, terminal: tuple[Input, Output] | None = None) -> None:
        self.surroundings = Surroundings()
        self._root = typer.main.get_command(app)
        self._history = history
        self._terminal = terminal

    # ── reading lines ────────────────────────────────────────────────────────

    def converse(self) -> int:
        """Prompt until the user leaves; always 0."""
        prompt = self._prompt()
        console.print(_welcome())
        try:
            return self._converse(prompt)
        except SystemExit:
            end_session(self.surroundings.started)
            raise

    def _converse(self, prompt: PromptSession[str]) -> int:
        while True:
            try:
                line = prompt.prompt([("class:prompt", PROMPT)])
            except KeyboardInterrupt:
                continue
            except EOFError:
                line = LEAVE[0]
            if line.strip() in LEAVE:
                if self._may_leave():
                    return 0
                continue
            self.execute(line)

    def read_pipe(self) -> int:
        """Run the lines of standard input; the last status that was not 0."""
        status = 0
        for line in sys.stdin:
            if line.strip() in LEAVE:
                break
            status = self.execute(line) or status
        self._end_session()
        return status

    # ── running one ──────────────────────────────────────────────────────────

    def execute(self, line: str) -> int:
        """Run one line; its exit status. Nothing it does ends the shell, Ctrl-C included."""
        words = split(line)
        try:
            return self._run(words) if words else 0
        except KeyboardInterrupt:
            console.print(Text("interrupted", style="yellow"))
            return INTERRUPTED
        except typer.Abort:
            console.print(Text("nothing was done", style="yellow"))
            return FAILURE
        except (TradingError, TyperException, OSError) as error:
            return self._complain(error, words)
        except Exception as error:  # noqa: BLE001  # a flaw in a command must not end a session
            logger.opt(exception=error).error("the command {!r} broke", line)
            self._complain(error, words)
            errors.print(Text("this is a flaw; its traceback is in the log", style="dim"))
            return FAILURE

    def _run(self, words: list[str]) -> int:
        if words == ["clear"]:
            console.clear()
            return 0
        found, rest = find(words)
        wants_help = "--help" in rest or (isinstance(found, Namespace) and not rest)
        if found is None or (isinstance(found, Namespace) and rest and not wants_help):
            raise ConfigurationError(unknown(words))
        if wants_help:
            console.print(render_help(found.name.split()), highlight=False)
            return 0
        status = self._root.main(
            args=words, prog_name="", standalone_mode=False, obj=self.surroundings
        )
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        return status if isinstance(status, int) else 0

    def _complain(self, error: Exception, words: list[str]) -> int:
        is_usage = isinstance(error, TyperException)
        said = error.format_message() if isinstance(error, TyperException) else str(error)
        errors.print(Text.assemble(("Error: ", "bold red"), (said.rstrip(), "red")))
        found, _ = find(words)
        if found is not None and is_usage:
            errors.print(Text(f"help {found.name} shows how it is typed", style="dim"))
        return USER_MISTAKE if is_usage or isinstance(error, ConfigurationError) else FAILURE

    # ── around the prompt ────────────────────────────────────────────────────

    def _prompt(self) -> PromptSession[str]:
        self._history.parent.mkdir(parents=True, exist_ok=True)
        given: dict[str, Any] = {}
        if self._terminal is not None:
            given = dict(zip(("input", "output"), self._terminal, strict=True))
        return PromptSession(
            history=FileHistory(str(self._history)),
            auto_suggest=AutoSuggestFromHistory(),
            completer=CommandCompleter(),
            complete_in_thread=True,
            complete_while_typing=False,
            complete_style=CompleteStyle.COLUMN,
            enable_history_search=True,
            reserve_space_for_menu=6,
            bottom_toolbar=self._toolbar,
            refresh_interval=_REFRESH_S,
            style=_STYLE,
            **given,
        )

    def _toolbar(self) -> StyleAndTextTuples:
        screen = get_app()
        width = screen.output.get_size().columns - 1
        lines = [fitted(hint(screen.current_buffer.document.text_before_cursor), width)]
        system = self.surroundings.started
        if system is not None:
            lines.append(fitted(session_line(system, moment=market_moment(system)), width))
        told: StyleAndTextTuples = []
        for number, line in enumerate(line for line in lines if line):
            told += [("", "\n")] if number else []
            told += line
        return told

    def _may_leave(self) -> bool:
        system = self.surroundings.started
        if system is not None and not system.wait(0):
            name = system.status().session_name
            if not _agreed(f"Session {name} is under way; stop it and leave?"):
                return False
        self._end_session()
        return True

    def _end_session(self) -> None:
        system = self.surroundings.started
        if system is None or system.wait(0):
            return
        system.stop()
        record = system.record
        kept = f"; what it did is kept: run show {str(record.id)[:8]}" if record else ""
        console.print(f"session {system.status().session_name} stopped{kept}", highlight=False)


def market_moment(system: Any) -> str:
    """The session's time on its market's clock; empty before it has one."""
    from app.managers.data_manager.bars import market_time

    progress = system.status().progress
    if progress is None or not progress.now_ns:
        return ""
    zone = ZoneInfo(system.get_time_manager().timezone)
    return f"{market_time(progress.now_ns, zone):%Y-%m-%d %H:%M}"


def _agreed(question: str) -> bool:
    try:
        return typer.confirm(question)
    except typer.Abort:
        return False


def _welcome() -> Text:
    return Text.assemble(
        ("\nMisMartera ", "bold cyan"),
        (f"{__version__}\n", "dim"),
        "Type a command; ",
        ("help", "green"),
        " says what there is, ",
        ("exit", "green"),
        " leaves.\n",
    )
