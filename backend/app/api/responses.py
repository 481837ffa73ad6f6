"""The errors that may be answered, as the OpenAPI document tells them; and fast answers."""

from typing import Any, Final

from fastapi import Response
from pydantic import BaseModel

from app.api.schemas.errors import ErrorResponse

Responses = dict[int | str, dict[str, Any]]

_TEXTS: Final = {
    400: "The request cannot be read.",
    401: "Nobody is logged in.",
    403: "The role is not enough.",
    404: "Nothing is stored, or known, under that name.",
    409: "It does not fit what the system is doing now.",
    413: "What is sent is too large.",
    422: "Something in the request is wrong; `details` says what.",
    429: "Too many requests; `Retry-After` says when to go on.",
    500: "The platform's fault.",
}


def errors(*statuses: int, text: str | None = None) -> Responses:
    """``responses`` of a route that can answer with these beside those every route has.

    `text` says when, where the usual description says too little.
    """
    return {
        status: {"model": ErrorResponse, "description": text or _TEXTS[status]}
        for status in statuses
    }


EVERYWHERE: Final = errors(400, 401, 403, 422, 429, 500)
"""What every route may answer."""

WITH_BODY: Final = {
    "409": "It collides with what is there, or its Idempotency-Key was used.",
    "413": _TEXTS[413],
}
"""What is answered before a route is asked to change something, where it says nothing itself."""

SEVERAL_KINDS: Final = {"406": "`Accept` takes none of the media types there are."}
"""What is answered where the client chooses how it is told."""

AS_JSON: Final = {
    "application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}},
}
"""The content of every error."""


def written(answer: BaseModel) -> Response:
    """`answer` as JSON at once, for routes asked many times a second.

    What FastAPI is given as a value it checks against its model in another thread first.
    """
    return Response(answer.model_dump_json(), media_type="application/json")
