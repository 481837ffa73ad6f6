"""Set-up gives every installation a secret of its own, and never takes one away."""

import stat
from pathlib import Path

import pytest

from app.config.env_file import ensure_env_file
from app.config.settings import Settings
from app.services.security.exposure import reasons_against

BACKEND = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".env.example").write_text((BACKEND / ".env.example").read_text())
    return tmp_path


def secret_in(home: Path) -> str:
    return Settings(_env_file=home / ".env").secret_key.get_secret_value()


def test_each_installation_has_a_secret_that_may_be_served(home: Path) -> None:
    secrets = set()
    for _ in range(5):
        (home / ".env").unlink(missing_ok=True)
        assert ensure_env_file(home)
        secrets.add(secret_in(home))
    assert len(secrets) == 5
    assert all(reasons_against("203.0.113.1", secret, 1) == () for secret in secrets)


def test_the_file_is_its_owners_alone(home: Path) -> None:
    ensure_env_file(home)
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600
    assert sorted(path.name for path in home.iterdir()) == [".env", ".env.example"]


@pytest.mark.parametrize(
    "line", ["SECRET_KEY=kept", "SECRET_KEY = kept", "export SECRET_KEY=kept", "SECRET_KEY='kept'"]
)
def test_a_secret_that_is_there_stays(home: Path, line: str) -> None:
    (home / ".env").write_text(f"LOG_LEVEL=DEBUG\n{line}\n")
    assert not ensure_env_file(home)
    assert (home / ".env").read_text() == f"LOG_LEVEL=DEBUG\n{line}\n"
    assert secret_in(home) == "kept"


@pytest.mark.parametrize(
    "text", ["LOG_LEVEL=DEBUG", "LOG_LEVEL=DEBUG\nSECRET_KEY=\n", "SECRET_KEY="]
)
def test_a_file_without_one_gets_one_and_keeps_its_lines(home: Path, text: str) -> None:
    (home / ".env").write_text(text)
    assert ensure_env_file(home)
    assert len(secret_in(home)) == 43
    assert ("LOG_LEVEL=DEBUG" in (home / ".env").read_text()) is ("LOG_LEVEL" in text)
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600
    assert not ensure_env_file(home)


def test_every_setting_of_the_example_is_one(home: Path) -> None:
    lines = (home / ".env.example").read_text().splitlines()
    named = [
        line.strip("# ").split("=")[0].lower()
        for line in lines
        if "=" in line and " = " not in line
    ]
    assert set(named) <= set(Settings.model_fields)
    assert {"secret_key", "trusted_proxies", "api_host"} <= set(named)
