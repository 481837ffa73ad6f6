"""API keys of open WebSockets: looked up now and then, whatever becomes of the database."""

import sqlite3
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from app.core.instants import utc
from app.core.users import Role
from app.services.security.keys import new_api_key, secret_hash
from tests.api_fixtures import Api
from tests.api_server import LiveServer, closed, error, limit, receive, receive_until, say
from tests.system_fixtures import until

pytestmark = pytest.mark.usefixtures("limits")


class Database:
    """Whether the database answers."""

    def __init__(self) -> None:
        self.is_down = False
        self.asked = 0

    def look(self, *_: Any) -> None:
        if self.is_down:
            self.asked += 1
            raise OperationalError("SELECT", {}, sqlite3.OperationalError("disk I/O error"))


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database()
    event.listen(Engine, "before_cursor_execute", made.look)
    yield made
    event.remove(Engine, "before_cursor_execute", made.look)


@pytest.fixture
def key(api: Api) -> tuple[str, UUID]:
    """A key of a viewer, and its id."""
    key, user = new_api_key(), api.user(Role.VIEWER)
    with api.work() as work:
        added = work.api_keys.add(
            user.id,
            name="feed",
            key_hash=secret_hash(key),
            prefix=key[:12],
            scopes=("read",),
            expires_at=None,
        )
    return key, added.id


def test_a_key_that_was_revoked_while_the_database_was_away_is_found_out(
    api: Api, live: LiveServer, key: tuple[str, UUID], database: Database
) -> None:
    limit(api, heartbeat_s=0.05, key_check_s=0.0, key_checks=1_000_000)
    with live.connect("mismartera", f"key.{key[0]}") as ws:
        assert receive(ws)["type"] == "authenticated"
        database.is_down = True
        until(lambda: database.asked > 1)
        receive_until(ws, lambda told: told["type"] == "heartbeat" and told["seq"] > 3)
        database.is_down = False
        with api.work() as work:
            work.api_keys.revoke(key[1], utc(api.clock.now_ns()))
        told, code, _ = closed(ws)
        assert (error(told[-1])[0], code) == ("UNAUTHENTICATED", 4401)


def test_a_key_that_cannot_be_looked_up_for_long_is_over(
    api: Api, live: LiveServer, key: tuple[str, UUID], database: Database
) -> None:
    limit(api, heartbeat_s=0.05, key_check_s=0.0, key_checks=3)
    with live.connect("mismartera", f"key.{key[0]}") as ws:
        assert receive(ws)["type"] == "authenticated"
        database.is_down = True
        told, code, _ = closed(ws)
    assert (error(told[-1])[0], code) == ("DATABASE_ERROR", 1013)
    assert database.asked == 3


def test_who_comes_while_the_database_is_away_is_told_so(
    live: LiveServer, viewer_token: str, key: tuple[str, UUID], database: Database
) -> None:
    database.is_down = True
    with live.connect("mismartera", f"key.{key[0]}") as ws:
        (told,), code, _ = closed(ws)
        assert (error(told)[0], code) == ("DATABASE_ERROR", 1013)
    with live.connect() as ws:
        say(ws, action="auth", api_key=key[0])
        (told,), code, _ = closed(ws)
        assert (error(told)[0], code) == ("DATABASE_ERROR", 1013)
    with live.client(viewer_token) as ws:
        say(ws, action="auth", api_key=key[0])
        assert error(receive(ws))[0] == "DATABASE_ERROR"
        say(ws, action="ping")
        assert receive(ws)["type"] == "pong"
