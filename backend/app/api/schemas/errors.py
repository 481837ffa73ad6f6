"""What a response that is an error says."""

from enum import StrEnum

from pydantic import BaseModel, Field

from app.api.schemas.values import shown_as


class ErrorCode(StrEnum):
    """What went wrong, for programs; a code never changes its meaning."""

    DATA_NOT_FOUND = "DATA_NOT_FOUND"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    EXTERNAL_API_ERROR = "EXTERNAL_API_ERROR"
    DATABASE_ERROR = "DATABASE_ERROR"
    BACKTEST_ERROR = "BACKTEST_ERROR"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    CONFLICT = "CONFLICT"
    RATE_LIMITED = "RATE_LIMITED"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    BAD_REQUEST = "BAD_REQUEST"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class ErrorDetail(BaseModel):
    """One thing that is wrong."""

    field: str = Field(description="Path of the field, empty for the request as a whole.")
    message: str


class ErrorBody(BaseModel):
    """What went wrong, and what to do."""

    code: ErrorCode
    message: str
    details: list[ErrorDetail] | None = None


class ErrorResponse(BaseModel):
    """The body of every response that is an error."""

    model_config = shown_as(
        error={
            "code": "VALIDATION_ERROR",
            "message": "limit: Input should be greater than or equal to 1",
            "details": [
                {"field": "limit", "message": "Input should be greater than or equal to 1"}
            ],
        }
    )

    error: ErrorBody
