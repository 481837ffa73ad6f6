"""What is taken out of every text the platform writes down or shows: secrets, by value and look."""

import re
from collections.abc import Iterable
from typing import Final

from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.config.settings import Settings

MASK: Final = "***"
LONGEST: Final = 20_000
"""Characters of a text that are shown; of a longer one, its beginning and its last lines."""
LONGEST_WORD: Final = 512
SHORTEST = 6
"""A known secret shorter than this is not looked for: it would be found in ordinary words."""

_NAMES = (
    r"pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|authorization|credential|cookie"
    r"|private[_-]?key|signature"
)
_VALUE = (
    r"""(?:"(?:\\.|[^"\\])*+"?|'(?:\\.|[^'\\])*+'?"""
    r"""|(?P<e>\\{1,15}+)(?P<q>["'])(?:(?!(?P=e)(?P=q))(?:[^\\]|\\++.))*+(?:(?P=e)(?P=q))?"""
    r"""|[^\s"'&,;)}\]]++)"""
)
_NAME = rf"""(?is)((?:{_NAMES})[\w-]{{0,64}}+\\{{0,15}}+["']?\s{{0,8}}+"""
_QUOTED = rf"""(?is)((?:{_NAMES})[\w-]{{0,64}}+\\{{0,15}}+["']\s{{0,8}}+"""
_LOOKS: Final = (
    (re.compile(r"\beyJ[\w-]{8,}+(?:\.[\w-]*+){0,2}"), MASK),
    (re.compile(r"\bmm_[\w-]{8,}+"), MASK),
    (re.compile(r"\$argon2\w++\$[^\s'\"]++"), MASK),
    (re.compile(r"(?i)\b(bearer|basic|digest)\s++[\w.~+/=:-]{6,}+"), rf"\1 {MASK}"),
    (re.compile(r"(://[^\s:/@'\"]*+):[^\s@'\"]{1,1024}+@"), rf"\1:{MASK}@"),
    (re.compile(rf"{_NAME}(?:=>|=)\s{{0,8}}+)[br]?{_VALUE}"), rf"\1{MASK}"),
    (re.compile(rf"{_QUOTED}:\s{{0,8}}+)[br]?{_VALUE}"), rf"\1{MASK}"),
)
"""Each reads a text in time proportional to its length, whatever it is, for others choose it: no
part can begin before what it looks for, and none is read again once it was read in vain."""
_NAMED: Final = (re.compile(rf"{_NAME}:\s{{0,8}}+)[br]?{_VALUE}"), rf"\1{MASK}")
_SUSPICIOUS: Final = re.compile(rf"(?i)eyJ|mm_|\$argon2|bearer|basic|digest|://|{_NAMES}")


class Secrecy:
    """Masks secrets: those of one installation wherever they stand, others by what they look like.

    A look is a token, an API key, a password hash, the password in an address, or a value behind
    a name such as ``password``; it may take too much, never too little of what it knows.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        longest_first = sorted({each for each in known if len(each) >= SHORTEST}, key=len)[::-1]
        pattern = "|".join(map(re.escape, longest_first))
        self._known = re.compile(pattern) if pattern else None

    def mask(self, text: str, *, sentences: bool = False) -> str:
        """`text` with three stars in place of every secret in it, shortened to `LONGEST`.

        In `sentences`, written for people, what follows ``password:`` is an explanation.
        """
        if self._known is not None:
            text = self._known.sub(MASK, text)
        text = _within_reason(text)
        if _SUSPICIOUS.search(text) is None:
            return text
        for look, shown in _LOOKS if sentences else (*_LOOKS, _NAMED):
            text = look.sub(shown, text)
        return text


def _within_reason(text: str) -> str:
    """`text`, or its beginning and its last lines, and how much is missing between them.

    Neither part begins or ends within a word or a line: half a secret does not look like one.
    """
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    head = text[: max(text.rfind(" ", 0, half), half - LONGEST_WORD)]
    tail = text[-half:].partition("\n")[2]
    missing = len(text) - len(head) - len(tail)
    return f"{head} [{missing:,} characters left out] {tail}".rstrip()


def secrets_of(settings: Settings) -> list[str]:
    """Every secret among the settings, and the password of the database."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    found = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    try:
        password = make_url(settings.database_url).password
    except ArgumentError:
        password = None
    return [*found, str(password or "")]


_secrecy = Secrecy()


def guard(settings: Settings) -> None:
    """From now on, `mask` knows the secrets of this installation, in every thread."""
    global _secrecy  # noqa: PLW0603 - one log, one process
    _secrecy = Secrecy(secrets_of(settings))


def mask(text: str, *, sentences: bool = False) -> str:
    """`text` without the secrets of the installation that `guard` was told of last."""
    return _secrecy.mask(text, sentences=sentences)
