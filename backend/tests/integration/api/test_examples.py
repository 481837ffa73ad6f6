"""Every operation of the document shows what it takes and what it answers, and shows it rightly."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from app.api.examples import example_of
from tests.api_fixtures import Api

NOTHING = {
    "DELETE /api/v1/api-keys/{key_id}",
    "DELETE /api/v1/invitations/{invitation_id}",
    "HEAD /api/v1/health",
    "POST /api/v1/auth/logout",
    "POST /api/v1/auth/password",
}
"""What is answered with 204, or without its body."""


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each body of a request and of a success, by operation and media type."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            sides = [("takes", operation.get("requestBody", {}))]
            sides += [(s, r) for s, r in operation["responses"].items() if s.startswith("2")]
            for side, told in sides:
                for media_type, body in told.get("content", {}).items():
                    yield f"{name} {side} {media_type}", body


def problems(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    whole = schema | {"components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [error.message for error in validator.iter_errors(value)]


def test_every_body_has_an_example_that_its_schema_allows(api: Api) -> None:
    document = api.app.openapi()
    found = dict(bodies(document))
    assert len([name for name in found if " takes " in name]) == 16
    for name, body in found.items():
        assert "example" in body, name
        assert problems(document, body["schema"], body["example"]) == [], name


def test_every_success_but_an_empty_one_has_a_body(api: Api) -> None:
    document = api.app.openapi()
    every = {f"{m.upper()} {p}" for p, ops in document["paths"].items() for m in ops}
    told = {" ".join(name.split(" ")[:2]) for name, _ in bodies(document) if " takes " not in name}
    assert len(every) == 70
    assert every - told == NOTHING


def test_bars_are_shown_in_each_of_their_forms(api: Api) -> None:
    told = dict(bodies(api.app.openapi()))
    bars = "GET /api/v1/market-data/bars/{symbol} 200"
    assert told[f"{bars} application/json"]["example"]["items"][0]["close"] == 100.31
    assert told[f"{bars} text/csv"]["example"].startswith("symbol,timestamp,open,")
    assert f"{bars} application/vnd.apache.arrow.stream" in told


def test_every_example_of_a_model_or_a_field_is_allowed(api: Api) -> None:
    document = api.app.openapi()
    schemas = document["components"]["schemas"]
    fields = [part for each in schemas.values() for part in each.get("properties", {}).values()]
    shown = [each for each in (*schemas.values(), *fields) if each.get("examples")]
    assert len(shown) > 100
    assert "examples" in schemas["ErrorResponse"]
    for schema in shown:
        for example in schema["examples"]:
            assert problems(document, schema, example) == [], schema


def test_a_field_with_nothing_to_show_is_named() -> None:
    schemas = {"Thing": {"properties": {"size": {"type": "integer"}}}}
    with pytest.raises(LookupError, match=r"Thing\.size has no example"):
        example_of({"$ref": "#/components/schemas/Thing"}, schemas, "GET /things")
