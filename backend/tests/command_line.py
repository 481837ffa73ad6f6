"""The command line as a user has it, in a folder of its own.

`CommandLine` starts a process for each command, as a shell does. `Typed` calls the same entry
point in this process, which takes a tenth of the time: for the many cases.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from app.config.settings import get_settings
from app.managers.system_manager import get_system_manager

BACKEND = Path(__file__).resolve().parents[1]
RUN_CLI = BACKEND / "run_cli.py"


@dataclass(frozen=True)
class CommandLine:
    """`run_cli.py` with everything it keeps below `home`."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        environment = os.environ | {
            "DATA_DIR": str(self.home / "data"),
            "VALIDATION_DIR": str(self.home / "validation"),
            "COLUMNS": "120",
        }
        environment.pop("DATABASE_URL", None)
        return environment

    @property
    def data_dir(self) -> Path:
        return self.home / "data"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(RUN_CLI), *arguments]

    def heeding_signals(self, *arguments: str) -> list[str]:
        """The command as a terminal starts it: what runs under nohup ignores the end of one."""
        return ["env", "--default-signal=HUP", *self.command(*arguments)]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            check=False,
            cwd=self.home,
            env=self.environment,
            timeout=120,
        )

    def ok(self, *arguments: str) -> str:
        """Standard output of a command that must succeed, quietly."""
        done = self.run(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json"))

    def write(self, name: str, config: Any) -> str:
        """A session config in a file; its path."""
        path = self.home / name
        path.write_text(config if isinstance(config, str) else json.dumps(config))
        return str(path)


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Typed:
    """Commands in this process, on the files of `line`."""

    line: CommandLine
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def home(self) -> Path:
        return self.line.home

    def run(self, *arguments: str) -> Ended:
        forget_settings()
        for name in ("DATA_DIR", "VALIDATION_DIR"):
            self.monkeypatch.setenv(name, self.line.environment[name])
        self.monkeypatch.delenv("DATABASE_URL", raising=False)
        self.monkeypatch.setattr(sys, "argv", ["run_cli.py", *arguments])
        self.monkeypatch.chdir(self.home)
        self.capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        return Ended(code, *self.capsys.readouterr())

    def ok(self, *arguments: str) -> str:
        """Standard output of a command that must succeed, quietly."""
        done = self.run(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json"))


def forget_settings() -> None:
    """Read the environment anew at the next command."""
    get_settings.cache_clear()
    get_system_manager.cache_clear()
