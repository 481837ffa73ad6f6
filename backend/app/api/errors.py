"""The error tree as responses: ``{"error": {"code", "message", "details"}}``, from one place."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from json import JSONDecodeError
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from loguru import logger
from sqlalchemy import exc as sql
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from app.api.access import allowed_methods
from app.api.schemas.errors import ErrorBody, ErrorCode, ErrorDetail
from app.core import exceptions as tree
from app.core.shown import shortened, shown_path
from app.monitoring.secrecy import mask

_ANSWERS: tuple[tuple[type[tree.TradingError], int, ErrorCode], ...] = (
    (tree.DataNotFoundError, 404, ErrorCode.DATA_NOT_FOUND),
    (tree.InsufficientDataError, 400, ErrorCode.INSUFFICIENT_DATA),
    (tree.DataError, 422, ErrorCode.VALIDATION_ERROR),
    (tree.WrongStateError, 409, ErrorCode.CONFLICT),
    (tree.ConfigurationError, 422, ErrorCode.VALIDATION_ERROR),
    (tree.ConflictError, 409, ErrorCode.CONFLICT),
    (tree.DatabaseError, 500, ErrorCode.DATABASE_ERROR),
    (tree.AuthenticationError, 401, ErrorCode.UNAUTHENTICATED),
    (tree.PermissionDeniedError, 403, ErrorCode.FORBIDDEN),
    (tree.RateLimitedError, 429, ErrorCode.RATE_LIMITED),
    (tree.ExternalServiceError, 503, ErrorCode.EXTERNAL_API_ERROR),
    (tree.OrderStateError, 409, ErrorCode.CONFLICT),
    (tree.TradingError, 500, ErrorCode.BACKTEST_ERROR),
)
"""From special to general: the first class an error is an instance of answers for it."""

_HTTP_CODES = {
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.DATA_NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    406: ErrorCode.NOT_ACCEPTABLE,
    409: ErrorCode.CONFLICT,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
    422: ErrorCode.VALIDATION_ERROR,
    429: ErrorCode.RATE_LIMITED,
    503: ErrorCode.EXTERNAL_API_ERROR,
}
MOST_DETAILS = 100
"""Of a body with more things wrong than this, these are told first and the rest is counted."""
_SOURCES = ("body", "query", "path")
_KIND = re.compile(r"(constrained|function|dict|list|tuple|nullable)(-\w+|\[.*\])+")
_UNSEEN = "something went wrong that should not; the log has it under request id {}"


def error_response(
    status: int,
    code: ErrorCode,
    message: str,
    *,
    details: Sequence[ErrorDetail] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """A response in the form every error has; secrets are masked in it."""
    shown = [
        ErrorDetail(field=each.field, message=mask(each.message, sentences=True))
        for each in details[:MOST_DETAILS]
    ]
    body = ErrorBody(code=code, message=mask(message, sentences=True), details=shown or None)
    content = {"error": body.model_dump(mode="json", exclude_none=True)}
    return JSONResponse(content, status, headers)


def answer(error: tree.TradingError) -> Response:
    """What an error of the tree is answered with.

    A server's fault is logged in full; its message is shown, for it was written to be read.
    """
    status, code = next((s, c) for kind, s, c in _ANSWERS if isinstance(error, kind))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.opt(exception=error).error("{}: {}", code, error)
    return error_response(
        status, code, str(error), details=_details(error), headers=_headers(error)
    )


def add_error_handlers(app: FastAPI) -> None:
    """Answer every error of `app` in the one form."""
    app.add_exception_handler(tree.TradingError, _on_trading_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)


async def _on_trading_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, tree.TradingError)  # noqa: S101  # registered for nothing else
    return answer(error)


async def _on_invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for nothing else
    problems = error.errors()
    details = [_detail(problem, error.body) for problem in problems[:MOST_DETAILS]]
    message = "; ".join(f"{each.field}: {each.message}" for each in details)
    if len(problems) > MOST_DETAILS:
        message += f"; and {len(problems) - MOST_DETAILS:,} more"
    return error_response(422, ErrorCode.VALIDATION_ERROR, message, details=details)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for nothing else
    code = _HTTP_CODES.get(error.status_code, ErrorCode.BAD_REQUEST)
    message = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        message = f"there is no {shown_path(request.scope['path'])}: see /docs"
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = allowed_methods(request.url.path)
        message = f"{request.method} may not be asked of {shown_path(request.scope['path'])}"
        headers["Allow"] = ", ".join(allowed) or headers.get("Allow", "")
    return error_response(error.status_code, code, message, headers=headers)


def surprise(request: Request, error: Exception) -> Response:
    """What an error outside the tree is answered with; the log alone has what it says."""
    request_id = getattr(request.state, "request_id", "-")
    logger.opt(exception=error).error("{} {}", request.method, shown_path(request.scope["path"]))
    if isinstance(error, sql.SQLAlchemyError):
        message = _database_trouble(error, request_id)
        return error_response(500, ErrorCode.DATABASE_ERROR, message)
    return error_response(500, ErrorCode.INTERNAL_ERROR, _UNSEEN.format(request_id))


def _database_trouble(error: sql.SQLAlchemyError, request_id: str) -> str:
    """What a database says of itself may name its host and its users: the log alone has it."""
    if isinstance(error, sql.OperationalError | sql.InterfaceError | sql.TimeoutError):
        is_locked = "locked" in str(getattr(error, "orig", ""))
        reason = "is locked by another program" if is_locked else "does not answer"
        return f"the database {reason}: try again; the log has more under request id {request_id}"
    return f"the database refused what was asked: the log has it under request id {request_id}"


def _details(error: tree.TradingError) -> list[ErrorDetail]:
    problems: tuple[str, ...] = getattr(error, "problems", ())
    parts = (problem.partition(": ") for problem in problems)
    return [ErrorDetail(field=field, message=message or field) for field, _, message in parts]


def _headers(error: tree.TradingError) -> dict[str, str] | None:
    if isinstance(error, tree.AuthenticationError):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, tree.RateLimitedError):
        return {"Retry-After": str(max(1, ceil(error.retry_after_s)))}
    return None


def _detail(problem: dict[str, Any], body: Any) -> ErrorDetail:
    """Where and what; never the value itself, which may be a password."""
    if problem["type"] == "json_invalid":
        return ErrorDetail(field="body", message=_no_json(problem, body))
    first, *rest = problem["loc"]
    place = rest if first in _SOURCES else [first, *rest]
    written = place[:1] + [part for part in place[1:] if not _is_kind(part)]
    field = shortened(".".join(map(str, written))) or str(first)
    return ErrorDetail(field=field, message=problem["msg"].removeprefix("Value error, "))


def _no_json(problem: dict[str, Any], body: str) -> str:
    """What is wrong and where, of which FastAPI tells the count of characters before."""
    found = JSONDecodeError(problem["ctx"]["error"], body, problem["loc"][-1])
    return f"the body is not JSON: {found.msg} at line {found.lineno}, column {found.colno}"


def _is_kind(part: str | int) -> bool:
    """Whether pydantic means one of the kinds a value may be of, which nobody has written."""
    return isinstance(part, str) and _KIND.fullmatch(part) is not None
