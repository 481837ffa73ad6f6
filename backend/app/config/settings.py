"""Places and addresses, from environment variables, `.env`, or these defaults."""

from functools import cache
from pathlib import Path
from urllib.parse import quote

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

HOME = Path(__file__).resolve().parents[2]
"""The backend folder: relative paths in settings are relative to it."""


class Settings(BaseSettings):
    """What differs between installations; nothing about a session is in here."""

    model_config = SettingsConfigDict(env_file=HOME / ".env", extra="ignore")

    data_dir: Path = Field(Path("data"), description="Bars, database, run folders and logs.")
    validation_dir: Path = Field(Path("validation"), description="Per-bar CSV of each session.")
    session_configs_dir: Path = Field(Path("session_configs"), description="Session configs.")
    strategies_dir: Path = Field(Path("user_strategies"), description="Your strategies, as files.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in data_dir.")
    log_level: str = Field("INFO", description="Least severe level written to the log.")
    log_json: bool = Field(default=False, description="Write the log as one JSON object per line.")
    api_host: str = Field("127.0.0.1", description="Address the API listens on.")
    api_port: int = Field(8000, ge=0, le=65_535, description="Port of the API; 0: a free one.")
    secret_key: SecretStr = Field(SecretStr(""), description="Signs the tokens of logins.")
    trusted_proxies: str = Field(
        "",
        description="Proxies whose X-Forwarded-For is believed: addresses or networks, by commas.",
    )
    access_token_minutes: int = Field(10, ge=1, le=60, description="Life of an access token.")
    refresh_token_days: int = Field(30, ge=1, le=365, description="Life of a login at most.")
    import_max_mib: int = Field(
        256, ge=1, le=16_384, description="Largest file imported over the API, unpacked, in MiB."
    )
    imports_at_once: int = Field(2, ge=1, le=16, description="Imports over the API at once.")
    cors_origins: str = Field("", description="Web pages that may call the API, by commas.")
    allowed_hosts: str = Field("", description="Names the API is reached by, by commas.")
    rate_limit_per_minute: int = Field(
        1_200, ge=1, description="Requests a minute of each key, user or address."
    )
    max_body_bytes: int = Field(
        1_048_576, ge=1_024, description="Longest body of a trader's or an admin's request."
    )

    def model_post_init(self, _context: object) -> None:
        """Make every path absolute and fill in the default database."""
        self.data_dir = HOME / self.data_dir
        self.validation_dir = HOME / self.validation_dir
        self.session_configs_dir = HOME / self.session_configs_dir
        self.strategies_dir = HOME / self.strategies_dir
        self.database_url = self.database_url or sqlite_url(self.data_dir / "trading_app.db")

    @staticmethod
    def listed(text: str) -> tuple[str, ...]:
        """What a setting names by commas."""
        return tuple(part for each in text.split(",") if (part := each.strip()))

    @property
    def logs_dir(self) -> Path:
        """``app.log`` and its older files."""
        return self.data_dir / "logs"

    @property
    def bars_dir(self) -> Path:
        """Root of the Parquet store of minute bars."""
        return self.data_dir / "bars"

    @property
    def uploads_dir(self) -> Path:
        """Files that are being imported over the API; empty while none is."""
        return self.data_dir / "uploads"

    @property
    def runs_dir(self) -> Path:
        """One folder per run lies in here."""
        return self.data_dir / "runs"


def sqlite_url(path: Path) -> str:
    """The address of the SQLite database in a file, whose name may hold ``%``, ``?`` and ``#``."""
    return f"sqlite:///{quote(str(path))}"


@cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
