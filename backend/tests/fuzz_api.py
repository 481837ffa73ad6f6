"""Every operation of the OpenAPI document, asked what nobody would think of, all checks on.

``python -m tests.fuzz_api 5000`` asks at least so many times and ends with 1 after a failure.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from fastapi import FastAPI, Request, Response
from pydantic import SecretStr
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from sqlalchemy import text
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.app import create_app
from app.api.errors import answer as error_answer
from app.config.settings import Settings
from app.core.exceptions import TradingError
from app.core.users import Role
from app.core.users import Scope as KeyScope
from app.managers.system_manager import SystemManager
from app.managers.time_manager.setup import initialise_database
from app.models.database import close_databases, session_factory
from app.monitoring.logs import log_of
from app.repositories.unit_of_work import UnitOfWork
from app.services.security.keys import new_api_key, secret_hash
from tests.api_fixtures import ANY_HASH, SECRET

BY_RULE = "X-Refused-By-Rule"
ADDRESS = "http://127.0.0.1"
FEW = 2
"""Examples per operation and phase that the test suite draws."""


@dataclass
class Outcome:
    """How often was asked, what was answered, and every failure once."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    operations: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = ", ".join(f"{status}: {n}" for status, n in sorted(self.statuses.items()))
        head = f"{self.cases} cases of {len(self.operations)} operations ({shown})"
        return "\n\n".join([head, *self.failures.values(), f"{len(self.failures)} failures"])


class Keeper:
    """The application, asked with a key that always opens: whatever was asked before.

    Requests may have ended the key or its user; both are mended before the next one.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._sessions = session_factory(settings.database_url)
        self.key = new_api_key()
        with UnitOfWork(self._sessions) as work:
            name = f"fuzzer{work.users.count()}"
            user = work.users.add(name, ANY_HASH, role=Role.ADMIN)
            work.api_keys.add(
                user.id,
                name="fuzz",
                prefix=self.key[:12],
                key_hash=secret_hash(self.key),
                scopes=[KeyScope.ADMIN],
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._mend()
        await self._app(scope, receive, send)

    def _mend(self) -> None:
        hashed = {"hash": secret_hash(self.key)}
        with self._sessions.begin() as db:
            sound = db.scalar(
                text(
                    "SELECT count(*) FROM api_keys k JOIN users u ON u.id = k.user_id "
                    "WHERE k.key_hash = :hash AND k.revoked_at IS NULL AND u.is_active "
                    "AND u.role = 'admin'"
                ),
                hashed,
            )
            if sound:
                return
            db.execute(text("UPDATE api_keys SET revoked_at = NULL WHERE key_hash = :hash"), hashed)
            db.execute(
                text(
                    "UPDATE users SET is_active = true, role = 'admin' WHERE id = "
                    "(SELECT user_id FROM api_keys WHERE key_hash = :hash)"
                ),
                hashed,
            )


def fuzz(app: FastAPI, settings: Settings, *, examples: int, seed: int = 1) -> Outcome:
    """Ask every operation in all phases, at most `examples` times in each but one.

    The phase ``coverage`` draws as many cases as an operation's parameters have boundaries.
    """
    _tell_rules_from_schemas(app)
    keeper = Keeper(app, settings)
    config = SchemathesisConfig.from_dict(
        {
            "base-url": ADDRESS,
            "seed": seed,
            "auth": {"openapi": {"key": {"api_key": keeper.key}}},
            "continue-on-failure": True,
            "generation": {"max-examples": examples, "database": "none"},
            "cache": {"enabled": False},
        }
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", keeper, config=config)
    outcome = Outcome()
    for event in from_schema(schema).execute():
        for problem in _problems(event):
            outcome.failures.setdefault(problem, problem)
        if isinstance(event, events.ScenarioFinished):
            _count(event, outcome)
    return outcome


def _problems(event: Any) -> Iterator[str]:
    """What kept the engine itself from asking."""
    if isinstance(event, events.NonFatalError | events.FatalError):
        yield f"error: {getattr(event, 'label', '')} {getattr(event, 'info', event.exception)}"


def _count(event: events.ScenarioFinished, outcome: Outcome) -> None:
    recorder = event.recorder
    for case_id, interaction in recorder.interactions.items():
        outcome.cases += 1
        case = recorder.cases[case_id].value
        outcome.operations.add(case.operation.label)
        if interaction.response is not None:
            outcome.statuses[interaction.response.status_code] += 1
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is None:
                continue
            answer = recorder.interactions[case_id].response
            if check.name == "positive_data_acceptance" and _is_refused_by_rule(answer):
                continue
            case = recorder.cases[case_id].value
            if check.name == "positive_data_acceptance" and _is_no_form(case):
                continue
            failure = check.failure_info.failure
            place = f"{case.operation.label}: {check.name}"
            asked = f"{place}\n{failure.title}\n{failure.message}\n{check.failure_info.code_sample}"
            said = answer.text[:600] if answer is not None and answer.content else ""
            outcome.failures.setdefault(f"{place} {failure.title}", f"{asked}\n{said}")


def _is_refused_by_rule(answer: Any) -> bool:
    """Whether what a schema allows was refused by what no schema can say.

    That a cursor is none of ours, that a password is among those tried first. A request that the
    schema itself should have ruled out is answered by another handler, and stays a failure.
    """
    return answer is not None and answer.headers.get(BY_RULE.lower()) == ["true"]


def _is_no_form(case: Any) -> bool:
    """Whether a form was to hold what none can hold: an object or an array.

    Its text is sent in its place, which the schema, for it is no text, does not bound.
    """
    fields = case.body if case.media_type == "multipart/form-data" else None
    return isinstance(fields, dict) and any(isinstance(v, dict | list) for v in fields.values())


def _tell_rules_from_schemas(app: FastAPI) -> None:
    async def marked(_request: Request, error: Exception) -> Response:
        assert isinstance(error, TradingError)
        response = error_answer(error)
        if response.status_code < 500:
            response.headers[BY_RULE] = "true"
        return response

    app.add_exception_handler(TradingError, marked)


def installation(home: Path) -> Settings:
    """A small one, of its own, that does not count requests."""
    settings = Settings(
        data_dir=home / "data",
        validation_dir=home / "validation",
        database_url=f"sqlite:///{home / 'data' / 'fuzz.db'}",
        secret_key=SecretStr(SECRET),
        rate_limit_per_minute=10_000_000,
        allowed_hosts="testserver",
    )
    initialise_database(settings.database_url)
    return settings


def main(wanted: int) -> int:
    """Ask at least `wanted` times, print what came of it; 1 after a failure."""
    with tempfile.TemporaryDirectory() as folder:
        settings = installation(Path(folder))
        log_of(settings)
        seed, total, failures = 1, 0, 0
        while total < wanted:
            system = SystemManager(settings)
            app = create_app(settings, system=system)
            outcome = fuzz(app, settings, examples=100, seed=seed)
            system.stop()
            print(f"seed {seed}: {outcome}", flush=True)
            seed, total, failures = (
                seed + 1,
                total + outcome.cases,
                failures + len(outcome.failures),
            )
        close_databases()
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000))
