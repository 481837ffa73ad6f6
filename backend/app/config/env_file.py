"""The file `.env` of an installation, with a secret of its own: ``python env_file.py``.

Run by set-up as a script, without the package.
"""

import os
import re
import secrets
import sys
from pathlib import Path

_UNSET = re.compile(r"^[ \t]*(?:#[ \t]*)?SECRET_KEY[ \t]*=[ \t]*$", re.MULTILINE)
_SET = re.compile(r"^[ \t]*(?:export[ \t]+)?SECRET_KEY[ \t]*=[ \t]*\S", re.MULTILINE)
_OWNER_ONLY = 0o600


def ensure_env_file(folder: Path) -> bool:
    """See to it that `folder` has a `.env` with a SECRET_KEY; whether one was written now.

    A new file is a copy of `.env.example`. Of one that is there only a missing or empty SECRET_KEY
    is filled in, 256 random bits; one that is set stays, whatever it is. What is written can be
    read by its owner alone.
    """
    path = folder / ".env"
    text = (path if path.exists() else folder / ".env.example").read_text("utf-8")
    if path.exists() and _SET.search(text):
        return False
    _replace(path, _with_secret(text))
    return True


def _with_secret(text: str) -> str:
    line = f"SECRET_KEY={secrets.token_urlsafe(32)}"
    if _UNSET.search(text):
        return _UNSET.sub(line, text, count=1)
    return f"{text.rstrip()}\n\n{line}\n"


def _replace(path: Path, text: str) -> None:
    """All of it or nothing, and at no time readable by others."""
    new = path.with_name(f".env.{secrets.token_hex(4)}.new")
    opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


if __name__ == "__main__":
    BACKEND = Path(__file__).resolve().parents[2]
    if ensure_env_file(BACKEND):
        sys.stdout.write(f"\N{MIDDLE DOT} secret: {BACKEND / '.env'}\n")
