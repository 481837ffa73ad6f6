"""Every route is held to the one table of rules."""

import pytest
from fastapi import APIRouter

from app.api.access import ACCESS, require_complete_table
from app.api.app import PREFIXES, ROUTERS
from app.core.users import Role
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


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("rule", ROUTES)
def test_each_role_gets_through_where_the_table_says(
    api: Api, rule: str, sender: str, prefix: str
) -> None:
    method, path = rule.split(" ")
    needed = ACCESS[rule]
    client = api.anonymous() if sender == "nobody" else api.as_(sender)
    status = client.request(method, prefix + path).status_code
    if needed is None:
        assert status not in (401, 403)
    elif sender == "nobody":
        assert status == 401
    elif Role(sender).rank < needed.rank:
        assert status == 403
    else:
        assert status not in (401, 403)


def test_errors_have_one_form(api: Api) -> None:
    answer = api.anonymous().get("/api/v1/no/such/place")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "code": "DATA_NOT_FOUND",
            "message": "there is no /api/v1/no/such/place: see /docs",
        }
    }
