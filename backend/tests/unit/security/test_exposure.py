"""What may be served where (an open door is refused before it is opened)."""

import secrets

import pytest
from pydantic import SecretStr

from app.config.settings import Settings
from app.core.exceptions import ConfigurationError
from app.services.security.exposure import is_loopback, require_safe_to_serve

STRONG = "8Z0wq-3vJr5m_TnXc1yKb7Lh2dGfQaPs9uEoVi4RjWk"
ANYWHERE = "0.0.0.0"  # noqa: S104 - refused or not, nothing is bound
ELSEWHERE = [ANYWHERE, "::", "192.168.1.5", "10.0.0.1", "trading.example.org", "8.8.8.8", ""]
HERE = ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost", "LOCALHOST"]
GUESSABLE = [
    "change-me-change-me-change-me-change-me",
    "your-256-bit-secret-goes-here-and-is-long",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "django-insecure-x1y2z3a4b5c6d7e8f9g0h1",
    "a" * 64,
    "01" * 32,
    "MY-VERY-OWN-PASSWORD-OF-32-BYTES-OR-MORE",
]


def settings(host: str, secret: str) -> Settings:
    return Settings(_env_file=None, api_host=host, secret_key=SecretStr(secret))


@pytest.mark.parametrize("host", [*HERE, *ELSEWHERE])
@pytest.mark.parametrize("secret", ["", "secret", STRONG[:31], "é" * 15])
def test_a_short_secret_is_refused_everywhere(host: str, secret: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^SECRET_KEY: it .*32 are the least"):
        require_safe_to_serve(settings(host, secret), 1)


@pytest.mark.parametrize("secret", GUESSABLE)
@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_secret_that_can_be_guessed_stays_at_home(host: str, secret: str) -> None:
    with pytest.raises(ConfigurationError, match="SECRET_KEY: it can be guessed"):
        require_safe_to_serve(settings(host, secret), 1)


@pytest.mark.parametrize("secret", [*GUESSABLE, STRONG])
@pytest.mark.parametrize("host", HERE)
def test_this_machine_may_be_served_before_there_is_a_user(host: str, secret: str) -> None:
    require_safe_to_serve(settings(host, secret), 0)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_others_are_served_only_when_somebody_has_an_account(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"API_HOST: .* there is no user yet"):
        require_safe_to_serve(settings(host, STRONG), 0)
    require_safe_to_serve(settings(host, STRONG), 1)


def test_every_reason_is_given() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        require_safe_to_serve(settings(ANYWHERE, "a" * 32), 0)
    assert [reason.split(":")[0] for reason in refusal.value.problems] == ["SECRET_KEY", "API_HOST"]


def test_no_random_secret_is_called_weak() -> None:
    for _ in range(50):
        for make in (secrets.token_urlsafe, secrets.token_hex):
            require_safe_to_serve(settings(ANYWHERE, make(32)), 1)


def test_a_message_never_holds_the_secret() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        require_safe_to_serve(settings(ANYWHERE, "hunter2"), 0)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("host", ["128.0.0.1", "::ffff:8.8.8.8", "localhost.example.org", "0"])
def test_only_this_machine_is_this_machine(host: str) -> None:
    assert not is_loopback(host)
