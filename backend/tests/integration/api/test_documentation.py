"""The page at /docs needs no other server, and the document says what every request may carry."""

import re

import pytest

from tests.api_fixtures import Api

FILES = ("/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/favicon-32x32.png")


def test_the_page_asks_nobody_else(api: Api) -> None:
    client = api.anonymous()
    page, begin = client.get("/docs"), client.get("/docs/begin.js")
    addresses = re.findall(r'(?:src|href|url)(?:=|: )"([^"]+)"', page.text + begin.text)
    assert {*FILES, "/docs/begin.js", "/openapi.json"} == set(addresses)
    assert "://" not in page.text + begin.text
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert "<script>" not in page.text


@pytest.mark.parametrize("path", FILES)
def test_its_files_are_served(api: Api, path: str) -> None:
    answer = api.anonymous().get(path)
    assert answer.status_code == 200
    assert len(answer.content) > 500
    assert answer.headers["cache-control"] == "public, max-age=86400"


def test_the_document_says_who_may_ask_and_what_is_answered(api: Api) -> None:
    document = api.anonymous().get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"].keys() == {"token", "key"}
    assert all(path.startswith("/api/v1/") for path in document["paths"])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert {"400", "422", "429", "500"} <= operation["responses"].keys(), (method, path)
            assert operation["summary"], (method, path)
            names = {each["name"] for each in operation.get("parameters", ())}
            assert ("Idempotency-Key" in names) is (method == "post")
    health = document["paths"]["/api/v1/health"]
    assert "security" not in health["get"]
    assert "security" not in health["head"]
    assert [each for each in health["head"]["responses"].values() if "content" in each] == []
    assert "content" in health["get"]["responses"]["200"]
    assert "413" not in health["head"]["responses"]
    assert document["paths"]["/api/v1/metrics"]["get"]["security"] == [{"token": []}, {"key": []}]


def test_every_schema_has_a_name_of_its_own(api: Api) -> None:
    """Two models of one name would get their modules' names: ``app__api__schemas__…``."""
    names = api.app.openapi()["components"]["schemas"].keys()
    assert [name for name in names if "__" in name] == []
    assert {"Page_Order_", "Page_UserView_", "ErrorResponse"} <= names


def test_the_document_is_the_same_when_it_is_asked_for_again(api: Api) -> None:
    client = api.anonymous()
    assert client.get("/openapi.json").content == client.get("/openapi.json").content
