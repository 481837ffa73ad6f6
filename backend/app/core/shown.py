"""Text that others chose, made fit to be shown: on one line, without terminal codes, not too long.

A path, the name of a field or an error of a library may hold anything. Written as it is, it could
look like a line of the log that nobody logged, or move the cursor of whoever reads it.
"""

from typing import Final
from urllib.parse import quote

LONGEST_PART: Final = 100
"""Characters of a path or the name of a field that are repeated to their sender and in the log."""

_UNREADABLE: Final = "\ufffd"
_CONTROLS: Final = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_DIRECTIONS: Final = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPES: Final = {code: ascii(chr(code))[1:-1] for code in (*_CONTROLS, *_DIRECTIONS)}
_ESCAPES_IN_LINES: Final = {code: _ESCAPES[code] for code in _ESCAPES.keys() - {0x09, 0x0A}}


def one_line(text: str) -> str:
    r"""`text` with every control character as an escape such as ``\n`` or ``\x1b``.

    Line ends, terminal codes and what turns the direction of writing. A backslash stays, so that
    text may pass here twice.
    """
    return text.translate(_ESCAPES)


def plain_lines(text: str) -> str:
    """`text` with its lines and tabs as they are, and every other control character escaped."""
    return text.translate(_ESCAPES_IN_LINES)


def shortened(text: str, most: int = LONGEST_PART) -> str:
    """`text`, or the first `most` characters of it and an ellipsis."""
    return text if len(text) <= most else text[:most] + "…"


def storable(text: str) -> str:
    """`text` with U+FFFD for what no database takes: NUL, and halves of surrogate pairs."""
    whole = text.replace("\0", _UNREADABLE).encode("utf-16", "surrogatepass")
    return whole.decode("utf-16", "replace")


def shown_path(path: str) -> str:
    """A decoded path as it stands in an address, percent-encoded, and shortened."""
    return shortened(quote(path[: LONGEST_PART + 1], safe="/:@!$&'()*+,;=", errors="replace"))
