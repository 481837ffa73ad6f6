"""Logins, users, keys and the audit log over HTTP: who gets in, and who does not."""

import json
from typing import Any
from uuid import uuid4

import jwt
import pytest
from starlette.testclient import TestClient

from app.api.access import ACCESS, PUBLIC
from app.api.app import create_app
from app.core.users import Role
from app.managers.time_manager.clock import SystemClock
from tests.api_fixtures import SECRET, Api

V1 = "/api/v1"
PASSWORD = "plum kettle orbit satin"  # noqa: S105
OTHER_PASSWORD = "satin orbit kettle plum"  # noqa: S105
PROTECTED = sorted(rule for rule, role in ACCESS.items() if role is not PUBLIC)


def from_address(api: Api, address: str) -> TestClient:
    return TestClient(
        api.app, base_url="http://127.0.0.1", raise_server_exceptions=False, client=(address, 5)
    )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def log_in(client: TestClient, name: str, password: str = PASSWORD) -> Any:
    answer = client.post(V1 + "/auth/login", json={"username": name, "password": password})
    assert answer.status_code == 200, answer.text
    return answer.json()


def add_user(api: Api, name: str, role: str) -> Any:
    body = {"username": name, "password": PASSWORD, "role": role}
    answer = api.as_("admin").post(V1 + "/users", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


# ── a life ───────────────────────────────────────────────────────────────────


def test_from_the_first_token_to_the_logout(api: Api) -> None:
    client = api.anonymous()
    token = api.app.state.platform.users.first_admin_token()
    body = {"token": token, "username": "Alice", "password": PASSWORD}
    registered = client.post(V1 + "/auth/register", json=body)
    assert registered.status_code == 201
    assert (registered.json()["username"], registered.json()["role"]) == ("alice", "admin")
    assert client.post(V1 + "/auth/register", json=body | {"username": "b"}).status_code == 403

    login = log_in(client, "alice")
    assert (login["token_type"], login["expires_in"]) == ("bearer", 600)
    me = client.get(V1 + "/auth/me", headers=bearer(login["access_token"]))
    assert (me.json()["user"]["username"], me.json()["role"]) == ("alice", "admin")

    refresh = {"refresh_token": login["refresh_token"]}
    renewed = client.post(V1 + "/auth/refresh", json=refresh)
    assert renewed.headers["cache-control"] == "no-store"
    now = bearer(renewed.json()["access_token"])
    assert client.get(V1 + "/auth/me", headers=now).status_code == 200
    assert client.post(V1 + "/auth/logout", headers=now).status_code == 204
    assert client.get(V1 + "/auth/me", headers=now).status_code == 401
    assert client.get(V1 + "/auth/me", headers=bearer(login["access_token"])).status_code == 401
    assert client.post(V1 + "/auth/refresh", json=refresh).status_code == 401


def test_an_invitation_is_made_used_and_listed(api: Api) -> None:
    admin = api.as_("admin")
    made = admin.post(V1 + "/invitations", json={"role": "trader"}).json()
    body = {"token": made["token"], "username": "bob", "password": PASSWORD}
    assert api.anonymous().post(V1 + "/auth/register", json=body).json()["role"] == "trader"
    (listed,) = admin.get(V1 + "/invitations").json()["items"]
    assert listed["used_by"] is not None
    assert made["token"] not in json.dumps(listed)
    path = f"{V1}/invitations/{made['invitation']['id']}"
    assert admin.delete(path).status_code == 409
    second = admin.post(V1 + "/invitations", json={"role": "viewer"}).json()
    assert admin.delete(f"{V1}/invitations/{second['invitation']['id']}").status_code == 204
    assert admin.delete(f"{V1}/invitations/{uuid4()}").status_code == 404


def test_ones_own_password(api: Api) -> None:
    add_user(api, "bob", "viewer")
    client = api.anonymous()
    headers = bearer(log_in(client, "bob")["access_token"])
    path = V1 + "/auth/password"
    wrong = {"current_password": "wrong", "new_password": OTHER_PASSWORD}
    common = {"current_password": PASSWORD, "new_password": "password1234"}
    right = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    assert client.post(path, headers=headers, json=wrong).status_code == 403
    assert client.post(path, headers=headers, json=common).status_code == 422
    assert client.post(path, headers=headers, json=right).status_code == 204
    assert client.get(V1 + "/auth/me", headers=headers).status_code == 200
    log_in(from_address(api, "203.0.113.1"), "bob", OTHER_PASSWORD)


def test_a_user_is_changed_and_the_last_admin_stays(api: Api) -> None:
    admin, me = api.as_("admin"), api.user(Role.ADMIN)
    bob = add_user(api, "bob", "viewer")
    path = f"{V1}/users/{bob['id']}"
    token = log_in(api.anonymous(), "bob")["access_token"]
    assert admin.patch(path, json={"role": "trader"}).json()["role"] == "trader"
    assert api.anonymous().get(V1 + "/auth/me", headers=bearer(token)).status_code == 401
    assert admin.patch(path, json={"is_active": False}).json()["is_active"] is False
    refused = api.anonymous().post(
        V1 + "/auth/login", json={"username": "bob", "password": PASSWORD}
    )
    assert refused.status_code == 401
    for change in ({"is_active": False}, {"role": "viewer"}):
        last = admin.patch(f"{V1}/users/{me.id}", json=change)
        assert (last.status_code, code(last)) == (409, "CONFLICT")
    assert admin.get(path).json()["role"] == "trader"
    assert admin.get(f"{V1}/users/{uuid4()}").status_code == 404
    names = [user["username"] for user in admin.get(V1 + "/users?is_active=true").json()["items"]]
    assert names == ["admin"]
    taken = {"username": "BOB", "password": PASSWORD, "role": "viewer"}
    assert admin.post(V1 + "/users", json=taken).status_code == 409


# ── fault 41: a token that is not one of ours ────────────────────────────────


def forgeries(api: Api) -> dict[str, str]:
    now_s = api.clock.now_ns() // 10**9
    claims: dict[str, Any] = {
        "iss": "mismartera",
        "aud": "mismartera-api",
        "sub": str(api.user(Role.ADMIN).id),
        "name": "admin",
        "role": "admin",
        "login": str(uuid4()),
        "iat": now_s,
        "exp": now_s + 600,
    }
    good = jwt.encode(claims, SECRET, "HS256")
    head, payload, signature = good.split(".")
    rs256 = jwt.utils.base64url_encode(b'{"alg":"RS256","typ":"JWT"}').decode()
    hmac = jwt.get_algorithm_by_name("HS256")
    over_secret = hmac.sign(f"{rs256}.{payload}".encode(), hmac.prepare_key(SECRET))
    login = log_in(api.anonymous(), add_user(api, "carl", "admin")["username"])
    return {
        "none": "",
        "no token": "null",
        "expired": jwt.encode(claims | {"iat": now_s - 700, "exp": now_s - 100}, SECRET, "HS256"),
        "bad signature": f"{head}.{payload}.{signature[::-1]}",
        "alg none": jwt.encode(claims, None, "none"),
        "RS256 over the secret": f"{rs256}.{payload}."
        + jwt.utils.base64url_encode(over_secret).decode(),
        "another secret": jwt.encode(claims, "another secret, as long as ours is", "HS256"),
        "HS512": jwt.encode(claims, SECRET * 2, "HS512"),
        "wrong audience": jwt.encode(claims | {"aud": "other-api"}, SECRET, "HS256"),
        "wrong issuer": jwt.encode(claims | {"iss": "other"}, SECRET, "HS256"),
        "refresh used as access": login["refresh_token"],
        "not ASCII": "é",
    }


def test_no_forged_token_opens_any_route(api: Api) -> None:
    client = api.anonymous()
    for name, token in forgeries(api).items():
        for rule in PROTECTED:
            method, path = rule.split(" ")
            headers = {b"Authorization": b"Bearer " + token.encode("latin-1")}
            answer = client.request(method, V1 + path, headers=headers)
            assert (answer.status_code, rule) == (401, rule), name
            assert code(answer) == "UNAUTHENTICATED"
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Basic YWRtaW46YWRtaW4=", "Bearer", "bearer ", "Token x", ""])
def test_another_way_to_authenticate_is_none(api: Api, header: str) -> None:
    answer = api.anonymous().get(V1 + "/auth/me", headers={"Authorization": header})
    assert answer.status_code == 401


def test_an_access_token_is_no_refresh_token_and_no_key(api: Api) -> None:
    client, token = api.anonymous(), api.token(Role.ADMIN)
    refresh = client.post(V1 + "/auth/refresh", json={"refresh_token": token})
    key = client.get(V1 + "/auth/me", headers={"X-API-Key": token})
    url = client.get(f"{V1}/auth/me?access_token={token}&token={token}")
    assert [each.status_code for each in (refresh, key, url)] == [401, 401, 400]


def test_a_token_of_another_installation_is_refused(api: Api) -> None:
    from pydantic import SecretStr

    other = api.settings.model_copy(update={"secret_key": SecretStr("k3" * 8 + "Zq9" * 8)})
    elsewhere = create_app(other, system=api.system, clock=SystemClock())
    client = TestClient(elsewhere, base_url="http://127.0.0.1")
    assert client.get(V1 + "/auth/me", headers=bearer(api.token(Role.ADMIN))).status_code == 401


# ── fault 43: more than one may ──────────────────────────────────────────────


def test_nobody_makes_an_admin_of_oneself(api: Api) -> None:
    for role in (Role.VIEWER, Role.TRADER):
        client, me = api.as_(role), api.user(role)
        answers = [
            client.patch(f"{V1}/users/{me.id}", json={"role": "admin"}),
            client.post(
                V1 + "/users", json={"username": "x", "password": PASSWORD, "role": "admin"}
            ),
            client.post(V1 + "/invitations", json={"role": "admin"}),
            client.post(V1 + "/api-keys", json={"name": "x", "scopes": ["admin"]}),
            client.get(V1 + "/users"),
            client.get(V1 + "/audit"),
        ]
        assert [answer.status_code for answer in answers] == [403] * 6
    assert {user.role for user in api.users.values()} == {Role.VIEWER, Role.TRADER}


def test_keys_are_their_owners_and_the_admins(api: Api) -> None:
    trader, viewer, admin = (api.as_(role) for role in ("trader", "viewer", "admin"))
    body = {"name": "bot", "scopes": ["read", "trade"], "days": 30}
    made = trader.post(V1 + "/api-keys", json=body).json()
    path = f"{V1}/api-keys/{made['api_key']['id']}"
    owner = f"?user_id={api.user(Role.TRADER).id}"
    assert viewer.delete(path).status_code == 404
    assert viewer.get(V1 + "/api-keys" + owner).status_code == 403
    assert viewer.get(V1 + "/api-keys").json()["items"] == []
    (own,) = trader.get(V1 + "/api-keys" + owner).json()["items"]
    (seen,) = admin.get(V1 + "/api-keys").json()["items"]
    assert own == seen
    assert made["secret"] not in json.dumps(own)
    assert trader.post(V1 + "/api-keys", json=body).status_code == 409
    assert admin.delete(path).status_code == 204
    assert admin.delete(f"{V1}/api-keys/{uuid4()}").status_code == 404
    key = {"X-API-Key": made["secret"]}
    assert api.anonymous().get(V1 + "/auth/me", headers=key).status_code == 401


def test_a_key_of_an_admin_may_what_its_scopes_say(api: Api) -> None:
    admin, client = api.as_("admin"), api.anonymous()
    statuses = {}
    for scope in ("read", "trade", "admin"):
        made = admin.post(V1 + "/api-keys", json={"name": scope, "scopes": [scope]}).json()
        headers = {"X-API-Key": made["secret"]}
        assert (
            client.get(V1 + "/auth/me", headers=headers).json()["role"]
            == ({"read": "viewer", "trade": "trader", "admin": "admin"}[scope])
        )
        statuses[scope] = client.get(V1 + "/users", headers=headers).status_code
        more = {"name": "child", "scopes": ["read"]}
        assert client.post(V1 + "/api-keys", headers=headers, json=more).status_code == 403
        assert client.post(V1 + "/auth/logout", headers=headers).status_code == 409
    assert statuses == {"read": 403, "trade": 403, "admin": 200}


def made_key(api: Api, scope: str, role: str = "admin") -> tuple[str, dict[str, str]]:
    """The id of a new key and the header that is it."""
    body = {"name": f"made-{scope}", "scopes": [scope]}
    made = api.as_(role).post(V1 + "/api-keys", json=body).json()
    return made["api_key"]["id"], {"X-API-Key": made["secret"]}


def test_a_key_revokes_itself_and_no_other(api: Api) -> None:
    client = api.anonymous()
    (read_id, read), (trade_id, trade) = made_key(api, "read"), made_key(api, "trade")
    (_, admin), (other_id, other) = made_key(api, "admin"), made_key(api, "read", "trader")
    for speaker, key_id in (
        (read, trade_id),
        (trade, read_id),
        (admin, read_id),
        (admin, other_id),
    ):
        refused = client.delete(f"{V1}/api-keys/{key_id}", headers=speaker)
        assert (refused.status_code, code(refused)) == (403, "FORBIDDEN")
    for key in (read, trade, admin, other):
        assert client.get(V1 + "/auth/me", headers=key).status_code == 200
    assert client.delete(f"{V1}/api-keys/{read_id}", headers=read).status_code == 204
    assert client.get(V1 + "/auth/me", headers=read).status_code == 401


def test_no_key_adds_or_changes_who_may_log_in(api: Api) -> None:
    invited = api.as_("admin").post(V1 + "/invitations", json={"role": "viewer"}).json()
    invitation = invited["invitation"]["id"]
    (_, key), me = made_key(api, "admin"), api.user(Role.ADMIN).id
    user = {"username": "eve", "password": PASSWORD, "role": "admin"}
    asked: list[tuple[str, str, Any]] = [
        ("POST", "/users", user),
        ("PATCH", f"/users/{me}", {"is_active": False}),
        ("POST", "/invitations", {"role": "admin"}),
        ("DELETE", f"/invitations/{invitation}", None),
    ]
    for method, path, body in asked:
        answer = api.anonymous().request(method, V1 + path, json=body, headers=key)
        assert (answer.status_code, code(answer)) == (403, "FORBIDDEN")
        assert "log in with your password" in answer.json()["error"]["message"]
    listed = api.anonymous().get(V1 + "/users", headers=key).json()["items"]
    assert [each["username"] for each in listed] == ["admin"]


# ── fault 44: guessing ───────────────────────────────────────────────────────


def attempt(client: TestClient, name: str, forwarded: str | None = None) -> int:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    body = {"username": name, "password": "wrong"}
    return client.post(V1 + "/auth/login", json=body, headers=headers).status_code


def test_guesses_are_limited_whatever_address_they_claim(api: Api) -> None:
    api.clock.hold()
    client = from_address(api, "203.0.113.7")
    claimed = [f"198.51.100.{number}" for number in range(20)]
    statuses = [attempt(client, f"user{number}", each) for number, each in enumerate(claimed)]
    assert statuses == [401] * 5 + [429] * 15
    refused = client.post(V1 + "/auth/login", json={"username": "z", "password": "wrong"})
    assert code(refused) == "RATE_LIMITED"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert attempt(from_address(api, "203.0.113.8"), "user0") == 401


def test_guesses_at_one_account_are_limited_from_everywhere_together(api: Api) -> None:
    api.clock.hold()
    add_user(api, "bob", "admin")
    statuses = [attempt(from_address(api, f"203.0.113.{n}"), "bob") for n in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    right = {"username": "bob", "password": PASSWORD}
    client = from_address(api, "203.0.113.99")
    assert client.post(V1 + "/auth/login", json=right).status_code == 429


def test_behind_a_trusted_proxy_each_client_is_itself(api: Api) -> None:
    settings = api.settings.model_copy(update={"trusted_proxies": "10.0.0.0/8"})
    api.clock.hold()
    app = create_app(settings, system=api.system, clock=api.clock)
    behind = Api(api.installation, api.system, app, api.clock)
    proxy = from_address(behind, "10.0.0.1")
    assert [attempt(proxy, f"a{n}", "203.0.113.7") for n in range(6)] == [401] * 5 + [429]
    assert attempt(proxy, "b", "203.0.113.8") == 401
    assert attempt(proxy, "c", "203.0.113.8, 203.0.113.7") == 429
    outsider = from_address(behind, "203.0.113.9")
    assert [attempt(outsider, f"d{n}", f"192.0.2.{n}") for n in range(6)] == [401] * 5 + [429]


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(api: Api) -> None:
    add_user(api, "bob", "viewer")
    answers = [
        api.anonymous().post(V1 + "/auth/login", json={"username": name, "password": "wrong"})
        for name in ("bob", "nobody")
    ]
    assert answers[0].json() == answers[1].json()
    assert answers[0].status_code == answers[1].status_code == 401


# ── what may be sent ─────────────────────────────────────────────────────────

LOGIN = {"username": "bob", "password": "hunter2 hunter2"}


@pytest.mark.parametrize(
    "body",
    [
        LOGIN | {"admin": True},
        LOGIN | {"username": "bob\x00"},
        LOGIN | {"username": ["bob"]},
        LOGIN | {"username": "' OR 1=1 --"},
        LOGIN | {"password": "hunter2" * 100},
        LOGIN | {"password": None},
        {"username": "bob"},
        [LOGIN],
        "hunter2",
    ],
)
def test_what_is_no_login_is_refused_without_being_repeated(api: Api, body: object) -> None:
    answer = api.anonymous().post(V1 + "/auth/login", json=body)
    assert (answer.status_code, code(answer)) == (422, "VALIDATION_ERROR")
    assert "hunter2" not in answer.text


def test_a_lone_surrogate_breaks_nothing(api: Api) -> None:
    def sent(path: str, body: dict[str, Any], client: TestClient | None = None) -> int:
        headers = {"Content-Type": "application/json"}
        content = json.dumps(body).encode()
        answer = (client or api.anonymous()).post(V1 + path, content=content, headers=headers)
        return answer.status_code

    assert sent("/auth/login", LOGIN | {"username": "\ud800"}) == 422
    assert sent("/auth/login", LOGIN | {"password": "\ud800"}) == 401
    assert sent("/auth/refresh", {"refresh_token": "\ud800"}) == 401
    admin = api.as_("admin")
    assert sent("/api-keys", {"name": "\ud800", "scopes": ["read"]}, admin) == 422
    user = {
        "username": "eve",
        "password": PASSWORD,
        "role": "viewer",
        "email": "\ud800@example.org",
    }
    assert sent("/users", user, admin) == 422


# ── the audit log ────────────────────────────────────────────────────────────


def test_the_log_tells_who_what_when_and_from_where(api: Api) -> None:
    add_user(api, "bob", "viewer")
    admin = api.as_("admin")
    key = admin.post(V1 + "/api-keys", json={"name": "ops", "scopes": ["admin"]}).json()
    speaker = {"X-API-Key": key["secret"]}
    api.anonymous().put(V1 + "/system/log-level", json={"level": "INFO"}, headers=speaker)

    def log(query: str = "") -> list[Any]:
        return list(admin.get(f"{V1}/audit{query}").json()["items"])

    actions = [entry["action"] for entry in log()]
    assert actions == ["log_level.change", "api_key.create", "user.create"]
    (made,) = log("?action=user.create")
    assert (made["actor"], made["target"]) == ("admin", "user:bob")
    (entry,) = log("?action=log_level.change")
    assert (entry["actor"], entry["target"]) == ("admin", None)
    assert entry["actor_id"] == str(api.user(Role.ADMIN).id)
    assert entry["address"] == "testclient"
    assert entry["details"]["to"] == "INFO"
    assert entry["details"]["api_key"] == key["api_key"]["id"]
    assert log(f"?actor_id={uuid4()}") == []
    middle = log()[1]["occurred_at"]
    assert len(log(f"?to={middle}")) == 1
    assert len(log(f"?from={middle}")) == 2
    assert len(log("?limit=2")) == 2
    page = admin.get(f"{V1}/audit?limit=2").json()
    rest = admin.get(f"{V1}/audit?limit=2&cursor={page['next_cursor']}").json()
    assert [entry["action"] for entry in rest["items"]] == ["user.create"]


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=0",
        "to=2026-01-01T00:00:00",
        "action=DROP TABLE",
        "limit=0",
        "limit=1001",
        "sort=actor",
        "actor_id=bob",
        "cursor=x",
    ],
)
def test_a_question_the_log_does_not_know_is_refused(api: Api, query: str) -> None:
    answer = api.as_("admin").get(f"{V1}/audit?{query}")
    assert (answer.status_code, code(answer)) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("query", "any_there"),
    [("from=0001-01-01T00:00:00%2B14:00", True), ("to=0001-01-01T00:00:00%2B14:00", False)],
)
def test_a_moment_before_all_others_is_a_moment(api: Api, query: str, any_there: bool) -> None:
    admin = api.as_("admin")
    admin.put(f"{V1}/system/log-level", json={"level": "INFO"})
    answer = admin.get(f"{V1}/audit?{query}")
    assert answer.status_code == 200
    assert bool(answer.json()["items"]) is any_there
