"""Passwords: Argon2id by OWASP's parameters, and which ones are not accepted at all."""

import re
import string
import unicodedata
from threading import BoundedSemaphore

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.core.exceptions import ConfigurationError

MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
"""The first choice of OWASP's Password Storage Cheat Sheet for Argon2id."""
SHORTEST, LONGEST = 12, 128
"""NIST SP 800-63B asks for 8 at least and 64 at most at least; one factor alone deserves more."""
AT_ONCE = 4
"""Hashes that are made at the same time: a flood of logins takes no more memory than this many."""

_HASHER = PasswordHash((Argon2Hasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES),))
_TURNS = BoundedSemaphore(AT_ONCE)
_NOBODYS = (
    f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$l8ScY2CSzgBN58skhCorZw"
    "$KLGEYinF9sO6uicQe+o1OoQUwOmNRr/UPPgUa6s4rsY"
)
"""Of a random password that nobody has kept."""
_LEAST_DISTINCT = 5
_LEAST_BESIDE_NAME = 8
_LEAST_LETTERS = 4
_WALKS = (
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "12345678901234567890123456789012345678901234567890",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertyuiop[]asdfghjkl;'zxcvbnm,./",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "qazwsxedcrfvtgbyhnujmikolp",
    "qweasdzxcrtyfghvbnuiojklm",
    "qwerasdfzxcvtyuighjkbnm",
)
_ONLY_WORDS = re.compile(
    r"""(?:
    pass | word | wort | qwer | ty | uiop | azerty | asdf | zxcv | abc | letmein | welcome | hello
    | world | admin | administrator | root | user | login | secret | default | change | test | temp
    | guest | ilove | love | you | me | my | the | is | new | please | monkey | dragon | shadow
    | football | baseball | basketball | superman | batman | sunshine | princess | master | freedom
    | michael | jennifer | trustno | starwars | computer | internet | whatever | summer | winter
    | trading | trader | mismartera
    )+""",
    re.VERBOSE,
)
_AROUND = string.digits + string.punctuation + " "
_READ_AS = str.maketrans("01345@$!", "oieasasi")
_ORNAMENT = re.compile(r"[\W\d_]+")
_PARTS = re.compile(r"[\W_]+")


def hash_password(password: str) -> str:
    """Argon2id's hash of `password`, with its parameters and a salt of its own."""
    with _TURNS:
        return _HASHER.hash(_plain(password))


def verify_password(password: str, password_hash: str | None) -> tuple[bool, str | None]:
    """Whether `password` is the one, and its new hash if the stored one has other parameters.

    `password_hash` None, for a user who does not exist, takes as long and is always wrong: how
    long an answer takes does not tell which names there are.
    """
    with _TURNS:
        right, renewed = _HASHER.verify_and_update(_plain(password), password_hash or _NOBODYS)
    return (right, renewed) if password_hash is not None else (False, None)


def require_good_password(password: str, username: str) -> None:
    """Refuse what is guessed first.

    Raises:
        ConfigurationError: saying what is wrong with it, and never what it is.
    """
    fault = _fault(unicodedata.normalize("NFKC", password), username.lower())
    if fault:
        raise ConfigurationError(f"password: {fault}", (f"password: {fault}",))


def _fault(password: str, username: str) -> str | None:
    if not SHORTEST <= len(password) <= LONGEST:
        return f"it has {len(password)} characters, {SHORTEST} to {LONGEST} are needed"
    plain = password.lower()
    beside = plain.replace(username, "") if username else plain
    if len(beside) < _LEAST_BESIDE_NAME:
        return "it is little more than the user's name; take several words instead"
    if _is_common(plain) or _is_common(beside):
        return "it is among those tried first; take several words that do not belong together"
    return None


def _is_common(plain: str) -> bool:
    """Few characters, a walk over the keyboard, or common words with digits around them."""
    unparted = _PARTS.sub("", plain)
    if len(set(plain)) < _LEAST_DISTINCT or _is_walk(plain):
        return True
    if 2 * len(unparted) > len(plain) and _is_walk(unparted):
        return True
    core = plain.strip(_AROUND).translate(_READ_AS)
    readings = (_ORNAMENT.sub("", plain), _ORNAMENT.sub("", core))
    return any(_is_known(letters) for letters in readings if len(letters) >= _LEAST_LETTERS)


def _is_known(letters: str) -> bool:
    return _is_on_a_row(letters) or _ONLY_WORDS.fullmatch(letters) is not None


def _is_walk(plain: str) -> bool:
    """Whether it goes along a row of keys, there or back, or says one thing again and again."""
    unit = plain[: (plain + plain).index(plain, 1)]
    return len(unit) < len(plain) or _is_on_a_row(plain)


def _is_on_a_row(plain: str) -> bool:
    return any(plain in way for walk in _WALKS for way in (walk, walk[::-1]))


def _plain(password: str) -> bytes:
    """One form for every way of typing the same letters (NIST SP 800-63B: NFKC)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
