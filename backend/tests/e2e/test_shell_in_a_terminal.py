"""The shell as a user has it: `./start_cli.sh` on a real terminal, keys in, a screen out."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from app.config.settings import Settings
from app.managers.data_manager.sample import make_sample

BACKEND = Path(__file__).resolve().parents[2]
PROMPT = "system@mismartera:"
PATIENCE_S = 60.0
"""It answers within a second; on a machine that stalls, later."""
CTRL_C, CTRL_D, TAB, UP = "\x03", "\x04", "\t", "\x1b[A"
WHERE = b"\x1b[6n"
_CODES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[=>()][0-9A-Z]?|\r")


@pytest.fixture(scope="module")
def home(calendar_db, tmp_path_factory) -> Path:
    """An installation with the sample bars and the example session's config."""
    folder = tmp_path_factory.mktemp("home")
    url = calendar_db.copy(folder / "data" / "trading_app.db")
    make_sample(Settings(data_dir=folder / "data", database_url=url))
    example = json.loads((BACKEND / "session_configs" / "example_session.json").read_text())
    (folder / "configs").mkdir()
    (folder / "configs" / "slow.json").write_text(
        json.dumps(example | {"session_name": "slow", "backtest_config": SLOW})
    )
    return folder


SLOW = {"start_date": "2025-11-06", "end_date": "2025-11-12", "speed_multiplier": 60.0}


def environment(home: Path) -> dict[str, str]:
    return os.environ | {
        "DATA_DIR": str(home / "data"),
        "VALIDATION_DIR": str(home / "validation"),
        "SESSION_CONFIGS_DIR": str(home / "configs"),
        "DATABASE_URL": "",
        "TERM": "xterm-256color",
    }


def _take_terminal() -> None:
    """Make standard input the process's terminal, so that Ctrl-C in it is a signal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A process on a pseudo-terminal; what it wrote, without the codes that move the cursor."""

    def __init__(self, home: Path, columns: int) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.process = subprocess.Popen(
            [str(BACKEND / "start_cli.sh")],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=home,
            env={k: v for k, v in environment(home).items() if k not in {"COLUMNS", "LINES"}},
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  # no other thread runs here
        )
        os.close(slave)
        self._told = ""

    def until(self, wanted: str) -> str:
        """Wait for `wanted`; everything said up to its end since the last wait."""
        deadline = time.monotonic() + PATIENCE_S
        while wanted not in (clean := _CODES.sub("", self._told)):
            left = deadline - time.monotonic()
            if left < 0 or not self._read(left):
                pytest.fail(f"no {wanted!r} within {PATIENCE_S} s in: {clean[-2_000:]}")
        before, _, after = clean.partition(wanted)
        self._told = after
        return before + wanted

    def _read(self, within_s: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], within_s)
        if not ready:
            return True
        try:
            read = os.read(self._master, 65_536)
        except OSError:  # the process has closed its end
            return False
        for _ in range(read.count(WHERE)):
            os.write(self._master, b"\x1b[1;1R")  # a terminal answers where its cursor is
        self._told += read.decode("utf-8", errors="replace")
        return bool(read)

    def keys(self, text: str) -> None:
        os.write(self._master, text.encode())

    def line(self, text: str, wanted: str) -> str:
        """Type a line and wait for something it says."""
        self.keys(text + "\r")
        return self.until(wanted)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        os.close(self._master)


@pytest.fixture
def open_terminal(home):
    """``open_terminal(80)``: the shell on a terminal of 80 columns, ready for a line."""
    opened: list[Terminal] = []

    def open_one(columns: int = 80) -> Terminal:
        opened.append(Terminal(home, columns))
        opened[-1].until("Ctrl-D leaves")  # the hint below the prompt: it is drawn whole
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize("columns", [80, 200])
def test_a_session_is_watched_and_steered_between_two_ctrl_c(open_terminal, home, columns):
    terminal = open_terminal(columns)
    terminal.keys("system sta")
    terminal.keys(TAB)
    terminal.until("Run a session; in the shell")  # the menu: start, status
    terminal.keys(CTRL_C)
    terminal.until(PROMPT)
    terminal.line(f"system start {home}/configs/slow.json --paused", "slow waits: 5 sessions")
    terminal.line("system step 7", "2025-11-06 09:37")
    terminal.line("system speed 120", "120 market seconds a second")
    terminal.line("system resume", PROMPT)
    terminal.keys("data session\r")
    terminal.until("Ctrl-C leaves this table")
    terminal.until("Ctrl-C leaves this table")  # drawn again: it is live
    terminal.keys(CTRL_C)
    terminal.until(PROMPT)
    terminal.line("system status", "RUNNING")
    terminal.line("system wait", "bars/s")  # its progress
    terminal.keys(CTRL_C)
    terminal.until("interrupted")
    terminal.line("system pause", "paused")
    terminal.line("time advance", "2025-11-07 09:31")
    terminal.until(PROMPT)
    terminal.keys(CTRL_D)
    terminal.until("is under way; stop it and leave?")
    terminal.keys("y\r")
    terminal.until("session slow stopped")
    assert terminal.process.wait(PATIENCE_S) == 0


def test_tab_completes_and_history_outlives_the_shell(open_terminal, home):
    first = open_terminal()
    first.keys("data val")
    first.keys(TAB)
    first.until("[SYMBOL]")  # the hint under the prompt: a space was added
    first.keys("BRA")
    first.keys(TAB)
    first.until("BRAVO")
    first.keys("\r")
    first.until("11,520 bars, 30 sessions")
    first.until(PROMPT)
    first.keys(CTRL_D)
    assert first.process.wait(PATIENCE_S) == 0
    assert "+data validate BRAVO" in (home / "data" / "shell_history").read_text()
    second = open_terminal()
    second.keys(UP)
    second.until("data validate BRAVO")
    second.keys("\r")
    second.until("11,520 bars, 30 sessions")


def test_lines_from_a_pipe(home):
    """`exit` ends the lines; the status is that of the last command that did not succeed."""
    script = f"system start {home}/configs/slow.json --paused\nsystem step 3\ndata nope\nexit\nx\n"
    done = subprocess.run(
        [str(BACKEND / "start_cli.sh")],
        input=script,
        env=environment(home) | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2, done.stderr
    assert "2025-11-06 09:33" in done.stdout
    assert "session slow stopped; what it did is kept: run show" in done.stdout
    assert done.stderr.startswith("Error: 'nope' is not a command in data;")
    assert "'x'" not in done.stderr


def test_one_command_by_the_script_from_another_folder(home):
    for script in (BACKEND / "start_cli.sh", BACKEND.parent / "start_cli.sh"):
        done = subprocess.run(
            [str(script), "data", "list", "--json"],
            cwd=home,
            env=environment(home),
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_S,
        )
        assert [each["symbol"] for each in json.loads(done.stdout)] == ["ALPHA", "BRAVO", "CHARLIE"]
