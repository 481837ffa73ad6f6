"""A session in a terminal: progress while it runs, a result when it is over, Ctrl-C."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from typing import Any

from tests.command_line import CommandLine
from tests.system_fixtures import session_config

PATIENCE_S = 60.0
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A program in a pseudo-terminal, and what it has written so far."""

    def __init__(self, line: CommandLine, *arguments: str, columns: int = 100) -> None:
        self._own, theirs = pty.openpty()
        size = struct.pack("HHHH", 40, columns, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        environment = line.environment | {"TERM": "xterm-256color"}
        for name in ("COLUMNS", "NO_COLOR", "CI"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            line.command(*arguments),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=line.home,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self._written = b""

    @property
    def text(self) -> str:
        """All of it, without its control sequences."""
        return _ESCAPES.sub("", self._written.decode(errors="replace"))

    def read_until(self, enough: Callable[[str], bool]) -> str:
        """Read on until `enough` of the text is there."""
        deadline = time.perf_counter() + PATIENCE_S
        while not enough(self.text):
            assert time.perf_counter() < deadline, self.text
            try:
                raw = os.read(self._own, 65_536)
            except OSError:  # the program has closed its end
                raw = b""
            if not raw:
                break
            self._written += raw
        return self.text

    def end(self) -> int:
        """Read to the end; the exit status."""
        self.read_until(lambda _: False)
        os.close(self._own)
        return self.process.wait(PATIENCE_S)


def slow_session() -> dict[str, Any]:
    """30 sessions of three symbols; a moment of work per bar."""
    return session_config(
        *("ALPHA", "BRAVO", "CHARLIE"),
        first="2025-11-03",
        last="2025-12-15",
        strategies={
            "buyer": ("tests.session_strategies:Buyer", {}),
            "idle": ("tests.session_strategies:Idle", {"pause_s": 0.0001}),
        },
        name="watched",
    )


_PROGRESS = re.compile(
    r"watched  ━+  (\d+)/30  2025-11-\d\d 16:00  [\d,]+ bars/s  P&L [+-][\d,]+\.\d\d"
)


def test_progress_shows_and_ctrl_c_keeps_what_was_done(demo: CommandLine) -> None:
    config = demo.write("slow.json", slow_session())
    terminal = Terminal(demo, "system", "start", config, columns=80)
    shown = terminal.read_until(lambda text: len(set(_PROGRESS.findall(text))) >= 2)
    assert len(set(_PROGRESS.findall(shown))) >= 2  # it moves
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "stopped on request" in terminal.text
    assert "Traceback" not in terminal.text
    folder = re.search(r"report\s+(\S+)", terminal.text.replace("\r\n", "\n"))
    assert folder is not None
    assert demo.json("run", "list", "--limit", "1")[0]["status"] == "stopped"


def test_a_finished_run_leaves_its_result_alone_on_the_screen(demo: CommandLine) -> None:
    config = slow_session()
    config["strategies"] = config["strategies"][:1]
    terminal = Terminal(demo, "system", "start", demo.write("quick.json", config))
    assert terminal.end() == 0
    assert "completed" in terminal.text
    assert "ALPHA" in terminal.text
    assert "app.log" not in terminal.text  # no log line strays onto the screen
    assert "INFO" not in terminal.text
