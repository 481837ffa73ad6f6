"""What the documentation's pages have their readers type, typed into a shell."""

import os
import subprocess
from pathlib import Path

PATIENCE_S = 60


def typed_into_a_shell(lines: str, folder: Path, **environment: str) -> str:
    """What `lines` print in `folder`; the first one that fails fails the test."""
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\nshopt -s expand_aliases\n{lines}"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, (lines, done.stdout, done.stderr)
    return done.stdout
