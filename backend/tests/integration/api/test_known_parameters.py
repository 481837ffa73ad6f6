"""A query parameter that a route does not know is a mistake, and is told as one."""

from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from tests.api_fixtures import Api

SOME_ID = str(uuid4())


@pytest.mark.parametrize(
    ("path", "name", "known"),
    [
        ("/runs?bogus=1", "bogus", "session_name, sort, status"),
        ("/positions?side=short", "side", "strategy_id"),
        (f"/fills?strategy_id={SOME_ID}", "strategy_id", "order_id"),
        ("/market-data/bars/BTC/USD?intervall=5m", "intervall", "interval"),
        ("/fills?from_=2025-11-06T14:30:00Z", "from_", "cursor, from, limit"),
        ("/trading/orders?Limit=1", "Limit", "limit"),
        ("/runs?bogus", "bogus", "cursor"),
    ],
)
def test_it_is_refused_and_those_there_are_named(
    api: Api, path: str, name: str, known: str
) -> None:
    for prefix in ("/api/v1", "/api"):
        answer = api.as_("viewer").get(prefix + path)
        assert answer.status_code == 422, answer.text
        error = answer.json()["error"]
        assert error["code"] == "VALIDATION_ERROR"
        assert [each["field"] for each in error["details"]] == [name]
        assert known in error["details"][0]["message"]
        assert error["message"] == f"{name}: {error['details'][0]['message']}"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/runs?limit=2&limit=5", ["limit"]),
        ("/runs?limit=2&limit=2", ["limit"]),
        ("/market-data/bars/BTC/USD?start=2024-01-01&interval=5m&start=2024-01-02", ["start"]),
        ("/fills?side=buy&symbol=A&side=sell&symbol=B&limit=3", ["side", "symbol"]),
    ],
)
def test_one_that_is_given_twice_is_refused(api: Api, path: str, fields: list[str]) -> None:
    answer = api.as_("viewer").get("/api/v1" + path)
    assert answer.status_code == 422
    details = answer.json()["error"]["details"]
    assert [each["field"] for each in details] == fields
    assert {each["message"] for each in details} == {"is given 2 times; give it once"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_field_of_a_body_that_is_written_twice_is_refused(api: Api, encoding: str) -> None:
    admin, kind = api.as_("admin"), {"Content-Type": "application/json"}
    body = ' {"role": "viewer", "expires_in_s": 60, "role": "admin", "\\u0072ole": "trader"}'
    answer = admin.post("/api/v1/invitations", content=body.encode(encoding), headers=kind)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["details"] == [
        {"field": "role", "message": "is given 3 times; give it once"}
    ]
    assert admin.get("/api/v1/invitations").json()["items"] == []
    once = '{"role": "viewer"}'.encode(encoding)
    assert admin.post("/api/v1/invitations", content=once, headers=kind).status_code == 201


@pytest.mark.parametrize("body", ["", "[]", '[{"a": 1, "a": 2}]', '"role"', "{", '{"a": 1} {}'])
def test_what_is_no_object_is_told_as_that(api: Api, body: str) -> None:
    kind = {"Content-Type": "application/json"}
    answer = api.as_("admin").post("/api/v1/invitations", content=body, headers=kind)
    assert answer.status_code == 422
    assert "times" not in answer.text


def test_a_config_that_is_given_twice_starts_nothing(api: Api) -> None:
    trader, kind = api.as_("trader"), {"Content-Type": "application/json"}
    body = '{"config": "one", "config": "two"}'
    for path in ("/runs", "/system/start"):
        answer = trader.post(f"/api/v1{path}", content=body, headers=kind)
        assert answer.status_code == 422
        assert answer.json()["error"]["details"][0]["field"] == "config"


def test_every_stranger_is_told(api: Api) -> None:
    answer = api.as_("viewer").get("/api/v1/runs?one=1&limit=2&two=2&one=3")
    fields = [each["field"] for each in answer.json()["error"]["details"]]
    assert fields == ["one", "two"]


@pytest.mark.parametrize("path", ["/api/v1/health", "/api/health", "/"])
def test_also_where_anybody_may_ask_and_nothing_is_taken(api: Api, path: str) -> None:
    answer = api.anonymous().get(f"{path}?probe=1")
    assert answer.status_code == 422
    assert answer.json()["error"]["details"] == [
        {"field": "probe", "message": "is no query parameter here: there are none"}
    ]


def test_what_changes_something_is_not_done(api: Api) -> None:
    admin = api.as_("admin")
    made = admin.post("/api/v1/invitations?dry_run=true", json={"role": "viewer"})
    assert made.status_code == 422
    assert admin.get("/api/v1/invitations").json()["items"] == []


def test_who_may_not_ask_is_not_told_what_there_is(api: Api) -> None:
    assert api.anonymous().get("/api/v1/runs?bogus=1").status_code == 401
    assert api.as_("viewer").get("/api/v1/audit?bogus=1").status_code == 403


def test_whatever_the_document_names_is_known(api: Api) -> None:
    """Given without a value each is at most wrong in its value, never a stranger."""
    client: TestClient = api.as_("admin")
    asked = 0
    for path, operations in api.app.openapi()["paths"].items():
        parameters = operations.get("get", {}).get("parameters", ())
        names = [each["name"] for each in parameters if each["in"] == "query"]
        if not names:
            continue
        address = path.replace("{run_id}", "ab").replace("{symbol}", "ALPHA")
        answer = client.get(
            address.replace("{strategy_id}", SOME_ID), params=dict.fromkeys(names, "")
        )
        assert "is no query parameter" not in answer.text
        asked += 1
    assert asked > 20
