"""Every route is held to the one table of rules."""

from itertools import product
from pathlib import Path

import pytest
from fastapi import APIRouter

from app.api.access import ACCESS, LOGIN_ONLY, allowed_methods, require_complete_table
from app.api.app import PREFIXES, ROUTERS
from app.core.users import Role, Scope
from app.services.security.keys import new_api_key, secret_hash
from tests.api_fixtures import Api

ROUTES = sorted(ACCESS)
SENDERS = ("nobody", *Role)


def test_a_route_without_a_rule_is_refused() -> None:
    router = APIRouter()
    router.get("/unruled")(lambda: None)
    routes = [route for each in ROUTERS for route in each.routes]
    with pytest.raises(AssertionError, match="GET /unruled"):
        require_complete_table([*routes, *router.routes])


def test_a_rule_without_a_route_is_refused() -> None:
    with pytest.raises(AssertionError, match="rules without a route"):
        require_complete_table([])


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/market-data/bars/BTC/USD", ["GET"]),
        ("/api/market-data/bars/ALPHA", ["GET"]),
        ("/api/v1/users/bob", ["GET", "PATCH"]),
        ("/api/v1/users/bob/keys", []),
    ],
)
def test_what_may_be_asked_of_a_path(path: str, allowed: list[str]) -> None:
    assert allowed_methods(path) == allowed


@pytest.mark.parametrize("rule", ROUTES)
def test_each_role_gets_through_where_the_table_says(api: Api, rule: str) -> None:
    method, path = rule.split(" ")
    for prefix in PREFIXES:
        for sender in SENDERS:
            client = api.anonymous() if sender == "nobody" else api.as_(sender)
            status = client.request(method, prefix + path).status_code
            role = None if sender == "nobody" else Role(sender)
            assert_held_to(rule, role, status)


@pytest.mark.parametrize("rule", ROUTES)
def test_each_key_gets_through_where_its_scopes_and_its_users_role_both_say(
    api: Api, rule: str
) -> None:
    method, path = rule.split(" ")
    for role, scope in product(Role, Scope):
        client = api.anonymous()
        client.headers["X-API-Key"] = key_of(api, role, scope)
        status = client.request(method, PREFIXES[0] + path).status_code
        if rule in LOGIN_ONLY:
            assert status == 403
        else:
            assert_held_to(rule, min(role, scope.role, key=lambda each: each.rank), status)


def test_what_no_key_may_do_is_on_the_page_and_served() -> None:
    assert ACCESS.keys() >= LOGIN_ONLY
    page = Path("../docs/security.md").read_text(encoding="utf-8").split("## API keys")[1]
    assert all(f"`{rule}`" in page for rule in LOGIN_ONLY)


def assert_held_to(rule: str, role: Role | None, status: int) -> None:
    """That `status` is what the table says for a sender who acts in `role`."""
    needed = ACCESS[rule]
    if needed is None:
        assert status not in (401, 403)
    elif role is None:
        assert status == 401
    elif role.rank < needed.rank:
        assert status == 403
    else:
        assert status not in (401, 403)


def key_of(api: Api, role: Role, scope: Scope) -> str:
    """A new key with one scope, of a user in `role`."""
    key, user = new_api_key(), api.user(role)
    with api.work() as work:
        work.api_keys.add(
            user.id, name=scope.value, prefix=key[:12], key_hash=secret_hash(key), scopes=[scope]
        )
    return key


def test_errors_have_one_form(api: Api) -> None:
    answer = api.anonymous().get("/api/v1/no/such/place")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "code": "DATA_NOT_FOUND",
            "message": "there is no /api/v1/no/such/place: see /docs",
        }
    }
