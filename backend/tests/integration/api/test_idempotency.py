"""A POST with an Idempotency-Key is done once, on both databases, whatever happens meanwhile."""

import hmac
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Event, Lock
from typing import Annotated, Any
from uuid import uuid4

import pytest
from fastapi import Body, FastAPI, Response, UploadFile
from pydantic import SecretStr
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from app.api.app import create_app
from app.api.middleware import idempotency
from app.config.settings import Settings
from app.core.exceptions import ConflictError, DatabaseError
from app.core.users import Principal, Role, Scope
from app.managers.system_manager import SystemManager
from app.managers.time_manager.clock import FixedClock
from app.models.database import session_factory
from app.models.idempotency import IdempotencyKeyRow
from app.repositories.idempotency_repository import IdempotencyRepository
from app.services.security.keys import new_api_key, secret_hash
from app.services.security.tokens import AccessTokens
from tests.api_fixtures import SECRET, Api
from tests.system_fixtures import PATIENCE_S, Installation, until

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = {"Idempotency-Key": "order-66"}
JSON = {"Content-Type": "application/json"}


@dataclass
class Shop:
    """An application whose routes count what they do."""

    api: Api
    clock: FixedClock
    sold: list[Any] = field(default_factory=list)
    open: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def client(self, role: Role | str = "trader", app: FastAPI | None = None) -> TestClient:
        client = TestClient(
            app or self.api.app, base_url="http://127.0.0.1", raise_server_exceptions=False
        )
        client.headers["Authorization"] = f"Bearer {self.api.token(Role(role))}"
        return client

    def rows(self) -> list[IdempotencyKeyRow]:
        with session_factory(self.api.settings.database_url)() as db:
            return list(db.scalars(select(IdempotencyKeyRow)))

    def restarted(self) -> FastAPI:
        """A new process's application on the same database."""
        made = create_app(self.api.settings, system=self.api.system, clock=self.clock)
        self.add_routes(made)
        return made

    def add_routes(self, app: FastAPI) -> None:
        @app.post("/api/v1/things", status_code=201)
        @app.post("/api/things", status_code=201)
        def sell(item: Annotated[Any, Body()]) -> dict[str, Any]:
            with self.lock:
                self.sold.append(item)
            self.open.wait(PATIENCE_S)
            return {"number": len(self.sold), "item": item}

        @app.post("/api/v1/files")
        def upload(file: UploadFile) -> int:
            self.sold.append(file.filename)
            return len(file.file.read())

        @app.post("/api/v1/answers/{kind}")
        def fail(kind: str) -> Response:
            self.sold.append(kind)
            if kind == "conflict":
                raise ConflictError("it is there already")
            if kind == "database":
                raise DatabaseError("it broke")
            if kind == "surprise":
                raise RuntimeError("nobody thought of that")
            return Response("x" * 100_000)

        @app.post("/api/v1/auth/keys")
        def secret() -> dict[str, str]:
            self.sold.append("key")
            return {"key": "shown once"}


@pytest.fixture
def shop(installation: Installation, database_url: str) -> Iterator[Shop]:
    settings: Settings = installation.settings.model_copy(
        update={"secret_key": SecretStr(SECRET), "database_url": database_url}
    )
    installation.settings = settings
    system, clock = SystemManager(settings), FixedClock(NOON)
    api = Api(installation, system, create_app(settings, system=system, clock=clock), clock)
    made = Shop(api, clock)
    made.add_routes(api.app)
    made.open.set()
    yield made
    system.stop()


def test_the_first_answer_is_given_again(shop: Shop) -> None:
    client = shop.client()
    first, second = (client.post("/api/v1/things", json="a", headers=KEY) for _ in range(2))
    assert shop.sold == ["a"]
    assert (first.status_code, first.json()) == (201, {"number": 1, "item": "a"})
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["content-type"] == first.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"


def test_it_survives_a_restart_and_counts_under_both_prefixes(shop: Shop) -> None:
    first = shop.client().post("/api/v1/things", json="a", headers=KEY)
    again = shop.client(app=shop.restarted()).post("/api/things", json="a", headers=KEY)
    assert again.content == first.content
    assert shop.sold == ["a"]


def test_without_a_key_every_request_is_done(shop: Shop) -> None:
    for _ in range(2):
        shop.client().post("/api/v1/things", json="a")
    assert shop.sold == ["a", "a"]
    assert shop.rows() == []


def test_a_key_with_another_body_is_refused(shop: Shop) -> None:
    client = shop.client()
    client.post("/api/v1/things", json="a", headers=KEY)
    answer = client.post("/api/v1/things", json="b", headers=KEY)
    assert answer.status_code == 409
    assert "another body" in answer.json()["error"]["message"]
    assert shop.sold == ["a"]


def test_a_key_is_one_users_and_one_routes(shop: Shop) -> None:
    shop.client("trader").post("/api/v1/things", json="a", headers=KEY)
    shop.client("admin").post("/api/v1/things", json="b", headers=KEY)
    shop.client("trader").post("/api/v1/answers/long", headers=KEY)
    assert shop.sold == ["a", "b", "long"]


def key_of(shop: Shop, scope: Scope, role: Role = Role.ADMIN) -> dict[str, str]:
    """The header that is a new key of a user in `role`."""
    secret, user = new_api_key(), shop.api.user(role)
    with shop.api.work() as work:
        work.api_keys.add(
            user.id, scope.value, prefix=secret[:12], key_hash=secret_hash(secret), scopes=[scope]
        )
    return {"X-API-Key": secret}


def test_an_answer_is_not_given_to_an_api_key_that_did_not_ask(shop: Shop) -> None:
    client = TestClient(shop.api.app, base_url="http://127.0.0.1")
    keys = [key_of(shop, Scope.READ), key_of(shop, Scope.ADMIN)]
    sent = [shop.client("admin").post("/api/v1/things", json="a", headers=KEY)]
    sent += [client.post("/api/v1/things", json="a", headers=KEY | key) for key in keys]
    assert [answer.json()["number"] for answer in sent] == [1, 2, 3]
    again = client.post("/api/v1/things", json="a", headers=KEY | keys[1])
    assert (again.json()["number"], again.headers["idempotent-replayed"]) == (3, "true")
    assert shop.sold == ["a", "a", "a"]
    longest = {"Idempotency-Key": "x" * 128} | keys[0]
    assert client.post("/api/v1/things", json="b", headers=longest).status_code == 201


def test_who_may_not_ask_is_told_so_and_not_what_was_answered(shop: Shop) -> None:
    body = {"username": "bob", "password": "plum kettle orbit satin", "role": "viewer"}
    made = shop.client("admin").post("/api/v1/users", json=body, headers=KEY)
    assert made.status_code == 201
    client = TestClient(shop.api.app, base_url="http://127.0.0.1")
    admin = shop.api.user(Role.ADMIN)
    demoted = AccessTokens(secret=SECRET, life_s=600).issue(
        Principal(
            user_id=admin.id,
            username="admin",
            role=Role.VIEWER,
            login_id=uuid4(),
            api_key_id=None,
        ),
        shop.clock.now_ns(),
    )
    senders = [{"Authorization": f"Bearer {demoted}"}]
    senders += [key_of(shop, scope) for scope in Scope]
    for sender in senders:
        answer = client.post("/api/v1/users", json=body, headers=KEY | sender)
        assert answer.status_code == 403
        assert "idempotent-replayed" not in answer.headers
    assert len(shop.rows()) == 1


def test_a_body_is_not_known_by_its_fingerprint(shop: Shop) -> None:
    answer = shop.client().post("/api/v1/things", content='"guessed"', headers=KEY | JSON)
    assert answer.status_code == 201
    (row,) = shop.rows()
    guessed = b'application/json\n"guessed"'
    secret = hmac.digest(SECRET.encode(), b"fingerprints of idempotent requests\x01", "sha256")
    assert row.fingerprint != sha256(guessed).hexdigest()
    assert row.fingerprint == hmac.digest(secret, guessed, "sha256").hex()


def test_who_is_not_logged_in_leaves_nothing(shop: Shop) -> None:
    client = TestClient(shop.api.app, base_url="http://127.0.0.1")
    client.post("/api/v1/things", json="a", headers=KEY)
    assert shop.rows() == []


def test_of_many_at_the_same_time_one_is_done(shop: Shop) -> None:
    shop.open.clear()
    clients = [shop.client() for _ in range(8)]

    def send(client: TestClient) -> int:
        return client.post("/api/v1/things", json="a", headers=KEY).status_code

    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(send, client) for client in clients]
        until(lambda: sum(each.done() for each in sent) == 7)
        refused = [each.result() for each in sent if each.done()]
        shop.open.set()
        statuses = sorted(each.result() for each in sent)
    assert refused == [409] * 7
    assert statuses == [201] + [409] * 7
    assert shop.sold == ["a"]


def test_a_process_that_died_in_the_middle_leaves_a_question(shop: Shop) -> None:
    client = shop.client()
    client.post("/api/v1/things", json="a", headers=KEY)
    with session_factory(shop.api.settings.database_url).begin() as db:
        db.execute(text("UPDATE idempotency_keys SET status = NULL"))
    assert "interrupted" in _refusal(client.post("/api/v1/things", json="a", headers=KEY))
    later = shop.client(app=shop.restarted())
    assert "interrupted" in _refusal(later.post("/api/v1/things", json="a", headers=KEY))
    assert shop.sold == ["a"]


def broken_for(repository_method: str, times: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let writing down what came of a request fail so often; each failure is in the list."""
    failures: list[str] = []
    write = getattr(IdempotencyRepository, repository_method)

    def failing(self: IdempotencyRepository, *given: Any) -> None:
        if len(failures) < times:
            failures.append(repository_method)
            raise OperationalError("UPDATE", None, Exception("database is locked"))
        write(self, *given)

    monkeypatch.setattr(IdempotencyRepository, repository_method, failing)
    monkeypatch.setattr(idempotency, "PAUSES_S", (0.0, 0.0, 0.0))
    return failures


def test_an_answer_is_kept_once_the_database_can_be_written(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, failures = shop.client(), broken_for("keep", 3, monkeypatch)
    first = client.post("/api/v1/things", json="a", headers=KEY)
    again = client.post("/api/v1/things", json="a", headers=KEY)
    assert (first.status_code, again.status_code, len(failures)) == (201, 201, 3)
    assert again.json() == first.json()
    assert shop.sold == ["a"]


@pytest.mark.parametrize(
    ("method", "kind", "status"), [("keep", "long", 200), ("release", "conflict", 409)]
)
def test_what_is_over_and_could_not_be_written_down_is_not_being_done(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, method: str, kind: str, status: int
) -> None:
    client = shop.client()
    broken_for(method, 1_000, monkeypatch)
    assert client.post(f"/api/v1/answers/{kind}", headers=KEY).status_code == status
    for _ in range(2):
        refused = client.post(f"/api/v1/answers/{kind}", headers=KEY)
        assert "interrupted: look whether it was done" in _refusal(refused)
    assert shop.sold == [kind]


def test_a_body_that_nobody_reads_and_is_too_long_breaks_nothing(shop: Shop) -> None:
    @shop.api.app.post("/api/v1/deaf")
    def deaf() -> str:
        shop.sold.append("done")
        return "done"

    def parts() -> Iterator[bytes]:
        for _ in range(13):
            yield b"x" * 100_000

    client = shop.client()
    first = client.post("/api/v1/deaf", content=parts(), headers=KEY)
    assert (first.status_code, first.json()) == (200, "done")
    again = client.post("/api/v1/deaf", content=parts(), headers=KEY)
    assert "was answered with status 200; the answer is not kept" in _refusal(again)
    assert shop.sold == ["done"]


def test_the_row_is_there_before_the_work_begins(shop: Shop) -> None:
    seen: list[int | None] = []

    @shop.api.app.post("/api/v1/looking")
    def look() -> None:
        seen.extend(row.status for row in shop.rows())

    shop.client().post("/api/v1/looking", headers=KEY)
    assert seen == [None]


def test_what_was_not_done_may_be_sent_again(shop: Shop) -> None:
    for _ in range(2):
        answer = shop.client().post("/api/v1/answers/conflict", headers=KEY)
        assert answer.status_code == 409
    assert shop.sold == ["conflict", "conflict"]
    assert shop.rows() == []


def test_a_request_that_was_wrong_may_be_mended(shop: Shop) -> None:
    client = shop.client()
    wrong = client.post("/api/v1/things", content=b"{", headers=KEY | JSON)
    right = client.post("/api/v1/things", json="a", headers=KEY)
    assert (wrong.status_code, right.status_code) == (422, 201)


@pytest.mark.parametrize("kind", ["surprise", "long"])
def test_what_is_not_kept_is_still_not_done_twice(shop: Shop, kind: str) -> None:
    client = shop.client()
    first = client.post(f"/api/v1/answers/{kind}", headers=KEY)
    told = _refusal(client.post(f"/api/v1/answers/{kind}", headers=KEY))
    assert f"answered with status {first.status_code}" in told
    assert shop.sold == [kind]


def test_a_fault_of_ours_is_given_again(shop: Shop) -> None:
    client = shop.client()
    first, second = (client.post("/api/v1/answers/database", headers=KEY) for _ in range(2))
    assert (first.status_code, second.content) == (500, first.content)
    assert shop.sold == ["database"]


def test_what_is_shown_once_is_not_stored(shop: Shop) -> None:
    client = shop.client()
    assert client.post("/api/v1/auth/keys", headers=KEY).json() == {"key": "shown once"}
    assert "not kept" in _refusal(client.post("/api/v1/auth/keys", headers=KEY))
    assert [row.body for row in shop.rows()] == [None]


def test_a_file_is_the_same_whatever_separates_the_parts(shop: Shop) -> None:
    client = shop.client()

    def send(content: bytes, boundary: str) -> Any:
        body = (
            f"--{boundary}\r\nContent-Disposition: form-data; name=file; filename=bars.csv\r\n"
            f"\r\n".encode()
            + content
            + f"\r\n--{boundary}--\r\n".encode()
        )
        kind = f"multipart/form-data; boundary={boundary}"
        pieces = (body[at : at + 7] for at in range(0, len(body), 7))
        return client.post("/api/v1/files", content=pieces, headers=KEY | {"Content-Type": kind})

    first, second = send(b"1,2,3" * 100, "abcdefgh"), send(b"1,2,3" * 100, "xyz-longer-boundary")
    other = send(b"1,2,4" * 100, "abcdefgh")
    assert (first.status_code, first.json()) == (200, 500)
    assert second.headers["idempotent-replayed"] == "true"
    assert other.status_code == 409
    assert shop.sold == ["bars.csv"]


def test_a_key_lives_a_day(shop: Shop) -> None:
    day = timedelta(hours=24)
    for moment, sold in ((NOON, 1), (NOON + day - timedelta(seconds=1), 1), (NOON + day, 2)):
        shop.clock.set(moment)
        token_client = shop.client()
        assert token_client.post("/api/v1/things", json="a", headers=KEY).status_code == 201
        assert len(shop.sold) == sold
    assert len(shop.rows()) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 129])
def test_a_key_that_is_none_is_refused(shop: Shop, key: str) -> None:
    answer = shop.client().post("/api/v1/things", json="a", headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert shop.sold == []


def _refusal(answer: Any) -> str:
    assert answer.status_code == 409
    return str(answer.json()["error"]["message"])
