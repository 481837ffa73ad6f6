"""An example for every body in the OpenAPI document, put together from those of the models."""

from collections.abc import Iterator
from typing import Any, Final

JSON: Final = "application/json"
NULL: Final = {"type": "null"}
Schema = dict[str, Any]


def add_examples(document: dict[str, Any]) -> None:
    """Give each JSON body of a request or a success one, where its route has given none.

    Raises:
        LookupError: a field has no example and nothing to make one of; it is named.
    """
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        if "examples" in schema:
            schema["examples"] = [with_nulls(each, schema, schemas) for each in schema["examples"]]
    for place, content in _bodies(document):
        body = content.get(JSON)
        if body is not None and "example" not in body:
            body["example"] = example_of(body["schema"], schemas, place)


def with_nulls(value: Any, schema: Schema, schemas: dict[str, Schema]) -> Any:
    """`value` with the nulls that FastAPI takes out of examples."""
    schema = _resolved(schema, schemas)
    if isinstance(value, list):
        return [with_nulls(each, schema.get("items", {}), schemas) for each in value]
    if not isinstance(value, dict):
        return value
    parts, rest = schema.get("properties", {}), schema.get("additionalProperties")
    others = rest if isinstance(rest, dict) else {}
    named = [name for name in parts if name in value or name in schema.get("required", ())]
    return {
        name: with_nulls(value.get(name), parts.get(name, others), schemas)
        for name in dict.fromkeys([*named, *value])
    }


def example_of(schema: Schema, schemas: dict[str, Schema], place: str) -> Any:
    """A value that `schema` allows: its own example, or one made of those of its parts."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "default" in schema:
        return schema["default"]
    if "$ref" in schema:
        return example_of(_resolved(schema, schemas), schemas, _name(schema))
    if "anyOf" in schema:
        return _of_one(schema["anyOf"], schemas, place)
    return _made(schema, schemas, place)


def _made(schema: Schema, schemas: dict[str, Schema], place: str) -> Any:
    if "properties" in schema:
        return {
            name: example_of(part, schemas, f"{place}.{name}")
            for name, part in schema["properties"].items()
        }
    if "items" in schema:
        return [example_of(schema["items"], schemas, place)]
    if "enum" in schema:
        return schema["enum"][0]
    raise LookupError(f"{place} has no example: give its field or its model one")


def _of_one(kinds: list[Schema], schemas: dict[str, Schema], place: str) -> Any:
    """Of the first that shows what it is like; null where none does and nothing is one of them."""
    for kind in kinds:
        if "$ref" in kind or kind.get("examples"):
            return example_of(kind, schemas, place)
    return None if NULL in kinds else example_of(kinds[0], schemas, place)


def _resolved(schema: Schema, schemas: dict[str, Schema]) -> Schema:
    """What `schema` refers to, or what it is beside null."""
    while "$ref" in schema or "anyOf" in schema:
        schema = schemas[_name(schema)] if "$ref" in schema else schema["anyOf"][0]
    return schema


def _name(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            place = f"{method.upper()} {path}"
            yield place, operation.get("requestBody", {}).get("content", {})
            for status, response in operation["responses"].items():
                if status.startswith("2"):
                    yield place, response.get("content", {})
