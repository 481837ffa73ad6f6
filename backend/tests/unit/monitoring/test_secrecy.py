"""Secrets are taken out of text, whatever stands around them; words are left."""

from time import process_time

import pytest
from pydantic import SecretStr

from app.config.settings import Settings
from app.monitoring.secrecy import LONGEST, Secrecy, secrets_of

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
KEY = "mm_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789_-abcde"

SHOWN = {
    f"token {JWT} was refused": "token *** was refused",
    f"GET /x {KEY}": "GET /x ***",
    f"Authorization: Bearer {JWT}": "Authorization: ***",
    "authorization=Basic dXNlcjpodW50ZXIy": "authorization=***",
    "X-API-Key: abcdef": "X-API-Key: ***",
    '{"username": "bob", "password": "a \\" b", "x": 1}': (
        '{"username": "bob", "password": ***, "x": 1}'
    ),
    "{'new_password': 'hunter 2', 'y': 2}": "{'new_password': ***, 'y': 2}",
    "b'password': b'hunter2'": "b'password': ***",
    "?a=1&token=abc&b=2": "?a=1&token=***&b=2",
    "AWS_SECRET_ACCESS_KEY=abc/def+g": "AWS_SECRET_ACCESS_KEY=***",
    "access_token => xyz": "access_token => ***",
    "postgresql+psycopg://mm:p%40ss@db:5432/mm failed": (
        "postgresql+psycopg://mm:***@db:5432/mm failed"
    ),
    "redis://:pw123@localhost": "redis://:***@localhost",
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA stored": "*** stored",
    "Cookie: session=abc": "Cookie: ***",
    r"{\"token\": \"abc\", \"x\": 1}": r"{\"token\": ***, \"x\": 1}",
    r"{\"password\": \"hunter\\\"abc\", \"x\": 1}": r"{\"password\": ***, \"x\": 1}",
    r"{\\\"api_key\\\":\\\"abc xyz\\\"}": r"{\\\"api_key\\\":***}",
    "password='hunter 2 and no end": "password=***",
}

UNTOUCHED = (
    "GET /api/v1/health 200 0.5 ms 127.0.0.1 user=bob",
    "the access token has expired: log in, or exchange the refresh token for a new access token",
    "session example_session starts: run 6f1c2f0e-6d5f-4a39-9d0c-6f2b0c1d7a11",
    "https://example.org/a:b@c",
    "2026-11-20T13:49:24.005 basic",
)


@pytest.mark.parametrize("text", SHOWN)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    masked = Secrecy().mask(text)
    assert masked.startswith(SHOWN[text])
    for secret in (JWT, KEY, "hunter", "abc", "xyz", "p%40ss", "pw123", "aGFzaA", "dXNlcj"):
        assert secret not in masked


@pytest.mark.parametrize("text", UNTOUCHED)
def test_ordinary_words_stay(text: str) -> None:
    assert Secrecy().mask(text) == text


def test_a_known_secret_is_masked_wherever_it_stands() -> None:
    secrecy = Secrecy(["opensesame", "opensesame-and-more", "ab"])
    assert secrecy.mask("x-opensesame-and-more-y opensesame ab") == "x-***-y *** ab"


def test_sentences_keep_what_they_say_about_a_password() -> None:
    told = "password: String should have at least 12 characters"
    assert Secrecy().mask(told, sentences=True) == told
    assert Secrecy().mask("password=abc", sentences=True) == "password=***"


def test_the_secrets_of_an_installation_are_its_secret_settings_and_its_database_password() -> None:
    settings = Settings(
        secret_key=SecretStr("a long secret"), database_url="postgresql://u:database-pw@h/d"
    )
    assert secrets_of(settings) == ["a long secret", "database-pw"]


HOSTILE = (
    "_token", "_", "-eyJ", "eyJ-", "a://b:", "a://", ":@", "://:", "-mm_", "$argon2", "$argon2a",
    'password="', "password='", "token ", "bearer ", "a", "\\", " token\t", r"token=\"",
    r"token\\'", "token" + "x" * 60, 'token"\\":', "api_key-", "=>",
)  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("before", ["", "/", "token", "a://b:", 'token="', "eyJ"])
def test_no_text_takes_long(unit: str, before: str) -> None:
    secrecy = Secrecy(["opensesame"])
    for length in (64 * 1024, LONGEST):
        text = (before + unit * length)[:length]
        began = process_time()
        secrecy.mask(text)
        assert process_time() - began < 0.1  # 0.02 s is usual


def test_a_long_text_is_shortened_says_so_and_keeps_no_half_of_a_secret() -> None:
    secret = "opensesame" * 3
    lines = "\n".join(f"line {number} {secret} of a trace" for number in range(2_000))
    shown = Secrecy([secret]).mask(lines + "\nValueError: the end")
    assert len(shown) < LONGEST + 100
    assert shown.startswith("line 0 *** of a trace\nline 1 ")
    assert shown.endswith("of a trace\nValueError: the end")
    assert " characters left out] line " in shown
    assert "opensesame" not in shown
    words = "word " * 1_998 + f"postgresql://bob:{secret}@host " + "word " * 10_000
    assert "opensesame" not in Secrecy().mask(words)


def test_a_text_that_is_not_long_stays_whole() -> None:
    assert Secrecy().mask("x" * LONGEST) == "x" * LONGEST
