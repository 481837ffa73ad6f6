"""Access tokens: what is not exactly one of ours speaks for nobody (OWASP ASVS V9)."""

import base64
import hashlib
import hmac
import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.exceptions import AuthenticationError, ConfigurationError
from app.core.users import Principal, Role
from app.services.security.keys import new_api_key, new_refresh_token
from app.services.security.tokens import AccessTokens

SECRET = "q7Vn2xKf9Lr4Tz8Wb1Hc6Md3Ps5Gj0Ye"  # noqa: S105
NOW_S = 1_800_000_000
NOW_NS = NOW_S * 1_000_000_000 + 123_456_789
TOKENS = AccessTokens(secret=SECRET, life_s=600)
ALICE = Principal(
    user_id=UUID(int=1),
    username="alice",
    role=Role.ADMIN,
    login_id=UUID(int=2),
    api_key_id=None,
)
GOOD = TOKENS.issue(ALICE, NOW_NS)
PUBLIC_KEY = (
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIB\n-----END PUBLIC KEY-----\n"
)
CLAIMS = {
    "iss": "mismartera",
    "aud": "mismartera-api",
    "sub": str(UUID(int=1)),
    "name": "alice",
    "role": "admin",
    "login": str(UUID(int=2)),
    "iat": NOW_S,
    "exp": NOW_S + 600,
}


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(header: object, claims: object, *, key: str = SECRET, digest: str = "sha256") -> str:
    """A token made by hand, by RFC 7515, without the library under test."""
    signed = f"{part(header)}.{part(claims)}"
    return f"{signed}.{part(hmac.new(key.encode(), signed.encode(), digest).digest())}"


def refuses(token: str, now_ns: int = NOW_NS) -> bool:
    try:
        TOKENS.read(token, now_ns)
    except AuthenticationError:
        return True
    return False


HS256 = {"alg": "HS256", "typ": "JWT"}


def test_a_token_speaks_for_whom_it_was_issued_to() -> None:
    assert TOKENS.read(GOOD, NOW_NS) == ALICE
    assert TOKENS.read(forged(HS256, CLAIMS), NOW_NS) == ALICE


def without(claim: str) -> dict[str, object]:
    return {name: value for name, value in CLAIMS.items() if name != claim}


FORGERIES = {
    "nothing": "",
    "words": "not a token",
    "three empty parts": "..",
    "alg none, no signature": f"{part({'alg': 'none'})}.{part(CLAIMS)}.",
    "alg None": f"{part({'alg': 'None'})}.{part(CLAIMS)}.",
    "alg nOnE": f"{part({'alg': 'nOnE'})}.{part(CLAIMS)}.",
    "alg none, our signature": forged({"alg": "none"}, CLAIMS),
    "no alg": forged({"typ": "JWT"}, CLAIMS),
    "RS256 over our secret": forged({"alg": "RS256"}, CLAIMS),
    "HS256 over a public key": forged(HS256, CLAIMS, key=PUBLIC_KEY),
    "HS256 over nothing": forged(HS256, CLAIMS, key=""),
    "HS384": forged({"alg": "HS384"}, CLAIMS, digest="sha384"),
    "HS512": forged({"alg": "HS512"}, CLAIMS, digest="sha512"),
    "another secret": forged(HS256, CLAIMS, key="another secret of thirty-two bytes"),
    "no signature": GOOD.rsplit(".", 1)[0] + ".",
    "signature cut": GOOD[:-4],
    "signature of another token": GOOD.rsplit(".", 1)[0]
    + "."
    + TOKENS.issue(ALICE, NOW_NS + 10**9).rsplit(".", 1)[1],
    "expired": forged(HS256, CLAIMS | {"exp": NOW_S, "iat": NOW_S - 600}),
    "not yet": forged(HS256, CLAIMS | {"iat": NOW_S + 1}),
    "never expires": forged(HS256, without("exp")),
    "for another service": forged(HS256, CLAIMS | {"aud": "another-api"}),
    "for nobody": forged(HS256, without("aud")),
    "from elsewhere": forged(HS256, CLAIMS | {"iss": "somebody"}),
    "from nobody": forged(HS256, without("iss")),
    "no user": forged(HS256, without("sub")),
    "a user that is no id": forged(HS256, CLAIMS | {"sub": "alice"}),
    "a user that is a number": forged(HS256, CLAIMS | {"sub": 1}),
    "no login": forged(HS256, without("login")),
    "a login that is none": forged(HS256, CLAIMS | {"login": None}),
    "no role": forged(HS256, without("role")),
    "a role there is not": forged(HS256, CLAIMS | {"role": "root"}),
    "times in words": forged(HS256, CLAIMS | {"exp": "tomorrow"}),
    "claims that are a list": forged(HS256, [CLAIMS]),
    "a critical extension": forged(HS256 | {"crit": ["b64"], "b64": False}, CLAIMS),
    "a refresh token": new_refresh_token(),
    "an API key": new_api_key(),
    "not ASCII": "é" * 40,
    "a lone surrogate": "\ud800.\ud800.\ud800",
    "base64 with a sign that is skipped": GOOD + "*",
    "base64 with padding": GOOD + "=",
    "a line end": GOOD + "\n",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_refused(name: str) -> None:
    with pytest.raises(AuthenticationError):
        TOKENS.read(FORGERIES[name], NOW_NS)


@given(place=st.integers(0, len(GOOD) - 1), byte=st.characters(max_codepoint=0x7E))
def test_a_token_with_any_byte_changed_is_refused(place: int, byte: str) -> None:
    changed = GOOD[:place] + byte + GOOD[place + 1 :]
    assert refuses(changed) is (changed != GOOD)


@given(place=st.integers(0, len(GOOD)), more=st.text(st.characters(max_codepoint=0x7E), min_size=1))
def test_a_token_with_anything_added_is_refused(place: int, more: str) -> None:
    assert refuses(GOOD[:place] + more + GOOD[place:])


@given(first=st.integers(0, len(GOOD)), count=st.integers(1, len(GOOD)))
def test_a_token_with_anything_missing_is_refused(first: int, count: int) -> None:
    shorter = GOOD[:first] + GOOD[first + count :]
    assert refuses(shorter) is (shorter != GOOD)


def test_each_bit_of_the_last_letter_of_the_signature_counts() -> None:
    """32 bytes are 43 letters, whose last carries two bits that decoders drop."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert [letter for letter in alphabet if not refuses(GOOD[:-1] + letter)] == [GOOD[-1]]


@given(now_s=st.integers(0, 2 * NOW_S))
def test_a_token_is_true_from_its_issue_for_its_life(now_s: int) -> None:
    assert refuses(GOOD, now_s * 1_000_000_000) is not (NOW_S <= now_s < NOW_S + 600)


def test_a_secret_shorter_than_its_hash_signs_nothing() -> None:
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        AccessTokens(secret="x" * 31, life_s=600)
    assert hashlib.sha256().digest_size == 32


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(TOKENS)
