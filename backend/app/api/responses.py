"""The errors a route can answer with, as its part of the OpenAPI document; and fast answers."""

from typing import Any

from fastapi import Response
from pydantic import BaseModel

from app.api.errors import ErrorResponse

_TEXTS = {
    400: "The request cannot be read.",
    404: "Nothing is stored, or known, under that name.",
    409: "It does not fit what the system is doing now.",
    413: "The file is too large.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route that can answer with these beside those every route has."""
    return {status: {"model": ErrorResponse, "description": _TEXTS[status]} for status in statuses}


def written(answer: BaseModel) -> Response:
    """`answer` as JSON at once, for routes asked many times a second.

    What FastAPI is given as a value it checks against its model in another thread first.
    """
    return Response(answer.model_dump_json(), media_type="application/json")
