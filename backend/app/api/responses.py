"""The errors a route can answer with, as its part of the OpenAPI document."""

from typing import Any

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
