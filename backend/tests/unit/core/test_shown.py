"""Text that others chose, made fit to be stored."""

import pytest

from app.core.shown import storable


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain\n\ttext é ☃", "plain\n\ttext é ☃"),
        ("\N{GRINNING FACE}", "\N{GRINNING FACE}"),
        ("\ufeffbegins with a mark", "\ufeffbegins with a mark"),
        ("a\0b\0", "a\ufffdb\ufffd"),
        ("a\ud800b\udfff", "a\ufffdb\ufffd"),
        ("\ud83d\ude00", "\N{GRINNING FACE}"),
    ],
)
def test_what_no_database_takes_is_replaced(text: str, stored: str) -> None:
    assert storable(text) == stored
