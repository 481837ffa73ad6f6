"""The page at ``/docs``: Swagger UI over our OpenAPI document, with no other server involved.

Its files come from the package fastapi-swagger; nothing of that package is run.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response

from app.api.examples import add_examples
from app.api.middleware.idempotency import KEY_PATTERN
from app.api.responses import AS_JSON, SEVERAL_KINDS, WITH_BODY

OPENAPI: Final = "/openapi.json"
_KEPT: Final = {"Cache-Control": "public, max-age=86400"}
_FILES: Final = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>MisMartera API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/begin.js"></script>
</body>
</html>
"""
_BEGIN: Final = f"""SwaggerUIBundle({{
  url: "{OPENAPI}",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  presets: [SwaggerUIBundle.presets.apis],
}});
"""


def add_documentation(app: FastAPI, *, public: frozenset[str]) -> None:
    """Serve the page, its files, and a document that knows what every request may carry.

    `public` names the operations that need nobody to be logged in, as ``GET /path``.
    """
    folder = _folder()
    app.add_route("/docs", lambda _request: HTMLResponse(_PAGE), include_in_schema=False)
    app.add_route("/docs/begin.js", lambda _request: _script(), include_in_schema=False)
    for name in _FILES:
        app.add_route(f"/docs/{name}", _file(folder / name), include_in_schema=False)
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        _complete(document, public)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _folder() -> Path:
    found = find_spec("fastapi_swagger")
    places = found.submodule_search_locations if found else None
    if not places:
        raise RuntimeError("the package fastapi-swagger is not installed: run `make setup`")
    return Path(places[0]) / "resources"


def _script() -> Response:
    return Response(_BEGIN, media_type="text/javascript")


def _file(path: Path) -> Any:
    return lambda _request: FileResponse(path, headers=_KEPT)


# ── the document ─────────────────────────────────────────────────────────────

_SCHEMES: Final = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token that a login gives.",
    },
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key of one's own, made at `/api-keys` by whoever is logged in.",
    },
}
_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Chosen by you: sent again within a day, the request is done once.",
    "schema": {"type": "string", "pattern": f"^{KEY_PATTERN}$", "maxLength": 128},
}


def _complete(document: dict[str, Any], public: frozenset[str]) -> None:
    """Say of each operation what the middleware takes and answers; once, for it may be cached."""
    components = document.setdefault("components", {})
    if "securitySchemes" in components:
        return
    components["securitySchemes"] = _SCHEMES
    add_examples(document)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if f"{method.upper()} {path}" not in public:
                operation["security"] = [{"token": []}, {"key": []}]
            if method not in ("get", "head"):
                _add_responses(operation, WITH_BODY)
            if len(operation["responses"].get("200", {}).get("content", {})) > 1:
                _add_responses(operation, SEVERAL_KINDS)
            _errors_are_json(operation)
            if method == "head":
                _leave_out_bodies(operation)
            if method == "post":
                operation.setdefault("parameters", []).append(_IDEMPOTENCY)


def _errors_are_json(operation: dict[str, Any]) -> None:
    """Also where the route itself answers in another form."""
    for status, response in operation["responses"].items():
        if status >= "400" and "application/json" not in response.get("content", {}):
            response["content"] = AS_JSON


def _leave_out_bodies(operation: dict[str, Any]) -> None:
    """Of an answer that is like another's, and has no body."""
    for response in operation["responses"].values():
        response.pop("content", None)


def _add_responses(operation: dict[str, Any], texts: dict[str, str]) -> None:
    for status, text in texts.items():
        operation["responses"].setdefault(status, {"description": text, "content": AS_JSON})
