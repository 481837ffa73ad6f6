"""The peers' environment: made once, from hash-locked requirements, apart from ours.

Some peers are under the GPL or AGPL. They are installed only here and run only as processes
of their own; nothing of ours imports them.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".peers"
PYTHON = FOLDER / "bin" / "python"
REQUIREMENTS = HERE / "requirements-peers.txt"
_UV = HERE.parent / "backend" / ".venv" / "bin" / "uv"
_STAMP = FOLDER / "requirements.sha256"


class PeersNotInstalled(Exception):  # noqa: N818  # reads as what happened
    """The environment could not be made; the message says why."""


def ensure(say: Callable[[str], None]) -> Path:
    """The interpreter of the peers' environment, made or brought up to date if need be.

    Raises:
        PeersNotInstalled: if it cannot be made, with what the installer said.
    """
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if PYTHON.exists() and _STAMP.exists() and _STAMP.read_text() == wanted:
        return PYTHON
    say("installing the peers into benchmarks/.peers (once, about 650 MB on disk)")
    _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(FOLDER))
    _uv(
        *("pip", "install", "--quiet", "--require-hashes"),
        *("--python", str(PYTHON), "-r", str(REQUIREMENTS)),
    )
    _STAMP.write_text(wanted)
    return PYTHON


def _uv(*arguments: str) -> None:
    environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    done = subprocess.run(  # noqa: S603  # our own uv, arguments from above
        [_UV, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PeersNotInstalled(
            f"the peers could not be installed; without them: make bench ARGS=--no-peers\n"
            f"{done.stderr.strip()}"
        )
