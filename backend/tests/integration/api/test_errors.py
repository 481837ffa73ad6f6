"""What is wrong with a request is told by the fields the client has written, and no others."""

import pytest

from tests.api_fixtures import Api

LOGIN = "/api/v1/auth/login"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "Expecting property name enclosed in double quotes at line 1, column 2"),
        ("", None),
        ('{\n "username": ,\n}', "Expecting value at line 2, column 14"),
        ('{"username": "é",\r\n\r\n  x}', "at line 3, column 3"),
        ("hunter22", "Expecting value at line 1, column 1"),
    ],
)
def test_a_body_that_is_no_json(api: Api, body: str, said: str | None) -> None:
    answer = api.anonymous().post(LOGIN, content=body.encode(), headers=JSON)
    assert answer.status_code == 422, answer.text
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == "body"
    if said is not None:
        assert detail["message"].startswith("the body is not JSON: ")
        assert detail["message"].endswith(said)
    assert "hunter22" not in answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/runs", {"config": 7}),
        ("/api/v1/runs", {"config": ""}),
        ("/api/v1/runs", {"config": {}}),
        ("/api/v1/system/start", {"config": ["example_session"]}),
    ],
)
def test_a_value_of_one_of_several_kinds_has_its_own_name(
    api: Api, path: str, body: dict[str, object]
) -> None:
    answer = api.as_("trader").post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert {each["field"] for each in answer.json()["error"]["details"]} == {"config"}
    assert "constrained-str" not in answer.text
    assert "dict[" not in answer.text


def test_what_a_client_calls_so_keeps_its_name(api: Api) -> None:
    answer = api.as_("viewer").get("/api/v1/runs?dict[str,any]=1&body=2&query=3")
    fields = [each["field"] for each in answer.json()["error"]["details"]]
    assert fields == ["dict[str,any]", "body", "query"]


def test_what_a_rule_of_ours_says_is_said_plainly(api: Api) -> None:
    answer = api.as_("viewer").get("/api/v1/market-data/bars/ALPHA?start=yesterday")
    assert answer.json()["error"]["details"] == [
        {
            "field": "start",
            "message": "is no date (2024-01-31) or time (2024-01-31T14:30:00Z)",
        }
    ]


def test_the_wait_is_told_as_its_header_tells_it(api: Api) -> None:
    """Six attempts at once: 5 in 60 s are allowed, so the sixth waits for the first to be 60 s ago.

    With 59.7 s of that over 0.3 s are left, which is 1 s and not 0.
    """
    api.clock.hold()
    client, login = api.anonymous(), {"username": "nobody", "password": "plum kettle orbit satin"}
    for _ in range(5):
        assert client.post(LOGIN, json=login).status_code == 401
    api.clock.advance(59.7)
    refused = client.post(LOGIN, json=login)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["error"]["message"].endswith("try again in 1 s")
