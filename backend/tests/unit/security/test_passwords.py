"""Passwords: stored as OWASP says, refused as attackers guess, and alike in time."""

import time
import unicodedata

import pytest
from argon2 import extract_parameters

from app.core.exceptions import ConfigurationError
from app.services.security import passwords
from app.services.security.passwords import (
    hash_password,
    require_good_password,
    verify_password,
)

GOOD = "plum kettle orbit satin"


def test_the_parameters_are_those_of_owasp() -> None:
    """Password Storage Cheat Sheet: Argon2id, 19 MiB of memory, 2 iterations, 1 lane."""
    stored = hash_password(GOOD)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    found = extract_parameters(stored)
    assert (found.hash_len, found.salt_len) == (32, 16)


def test_a_password_opens_its_own_hash_only() -> None:
    stored = hash_password(GOOD)
    assert stored != hash_password(GOOD)
    assert verify_password(GOOD, stored) == (True, None)
    assert verify_password(GOOD + " ", stored) == (False, None)
    assert verify_password("", stored) == (False, None)


def test_one_password_typed_in_two_ways_is_one() -> None:
    composed, apart = (unicodedata.normalize(form, "été à la forêt") for form in ("NFC", "NFD"))
    assert composed != apart
    assert verify_password(apart, hash_password(composed)) == (True, None)


def test_a_hash_of_other_parameters_is_made_anew() -> None:
    from argon2 import PasswordHasher

    weaker = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(GOOD)
    right, renewed = verify_password(GOOD, weaker)
    assert right
    assert renewed is not None
    assert verify_password(GOOD, renewed) == (True, None)
    assert verify_password("wrong", weaker) == (False, None)


def test_a_user_who_is_not_there_costs_as_much_as_one_who_is() -> None:
    stored = hash_password(GOOD)

    def cost(password_hash: str | None) -> float:
        began = time.process_time()
        assert verify_password("wrong password", password_hash) == (False, None)
        return time.process_time() - began

    known = min(cost(stored) for _ in range(5))
    unknown = min(cost(None) for _ in range(5))
    assert 0.5 < unknown / known < 2.0


def test_nobodys_hash_has_the_parameters_of_everybodys() -> None:
    assert extract_parameters(passwords._NOBODYS) == extract_parameters(hash_password(GOOD))


# ── which are accepted ───────────────────────────────────────────────────────

GUESSED_FIRST = [
    "123456789012",
    "1234567890123",
    "098765432109",
    "111111111111",
    "121212121212",
    "123123123123",
    "abcabcabcabc",
    "abcdefghijkl",
    "qwertyuiop[]",
    "qwertyuiopas",
    "qwerty123456",
    "1234567890qwerty",
    "1q2w3e4r5t6y",
    "q1w2e3r4t5y6",
    "1qaz2wsx3edc",
    "123qweasdzxc",
    "qazwsxedcrfv",
    "password1234",
    "Password123!",
    "P@ssw0rd1234",
    "passw0rd!2024",
    "passwordpassword",
    "Administrator",
    "adminadmin12",
    "Welcome2024!!",
    "changeme12345",
    "letmein123456",
    "iloveyou12345",
    "Summer2026!!!",
    "Mismartera123",
    "secretpassword",
    "!!!!!!!!!!!!!!",
    "blau blau blau",
    "123 456 789 0",
]
FINE = [
    GOOD,
    "correct horse battery staple",
    "x7!ab2kq-9#z1",
    "Eis im Juli, drei Kugeln",
    "été à la forêt",
    "密码比十二个字更长一些好吗",
    "482910573625-ok-bye",
    "p" + "assword reimagined for owls",
    "z" * 5 + "ebra crossing at 9",
    "b" * 64 + "acdefghijk" * 6 + "wxyz",
]


@pytest.mark.parametrize("password", GUESSED_FIRST)
def test_what_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^password: it is among those tried first"):
        require_good_password(password, "alice")


@pytest.mark.parametrize("password", ["alice1234567890", "alice blaublaublau"])
def test_what_is_guessed_first_is_refused_beside_the_users_name(password: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^password: it is among those tried first"):
        require_good_password(password, "alice")


@pytest.mark.parametrize("password", FINE)
def test_other_passwords_are_taken(password: str) -> None:
    require_good_password(password, "alice")


@pytest.mark.parametrize("length", [0, 1, 11, 129, 10_000])
def test_the_length_is_12_to_128(length: int) -> None:
    text = ("plum kettle orbit satin" * 500)[:length]
    with pytest.raises(ConfigurationError, match=f"it has {length} characters, 12 to 128"):
        require_good_password(text, "alice")


@pytest.mark.parametrize(
    "password", ["dorothea.gale", "DOROTHEA.GALE", "dorothea.gale1", "12dorothea.gale!"]
)
def test_the_name_of_the_user_is_no_password(password: str) -> None:
    with pytest.raises(ConfigurationError, match="the user's name"):
        require_good_password(password, "Dorothea.Gale")


def test_a_refusal_never_says_the_password() -> None:
    for password in (*GUESSED_FIRST, "dorothea.gale1", "short"):
        with pytest.raises(ConfigurationError) as refusal:
            require_good_password(password, "dorothea.gale")
        assert password not in str(refusal.value)


def test_the_rule_is_quick_for_the_worst_password() -> None:
    began = time.process_time()
    with pytest.raises(ConfigurationError):
        require_good_password("loveloveyoume" * 10, "alice")
    require_good_password("passwordiloveyou" * 7 + "zebra 9 owls", "alice")
    assert time.process_time() - began < 0.1
