"""Whether the platform is there, and how each of its parts is."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from app import __version__
from app.api.platform import Served
from app.api.vital_signs import Level, Part, examine

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """That the API answers."""

    status: str = Field(examples=["ok"])
    version: str = Field(examples=["0.1.0"])


class PartHealth(BaseModel):
    """One part: how it is, how long it took to answer, and what there is to say of it."""

    name: str = Field(examples=["database"])
    status: Level
    required: bool = Field(
        description="Whether the platform is of no use without it.", examples=[True]
    )
    latency_ms: float = Field(ge=0, examples=[0.4])
    message: str = Field(examples=["schema 0012"])


class DetailedHealth(BaseModel):
    """The worst of all parts, then each."""

    status: Level
    version: str = Field(examples=["0.1.0"])
    parts: list[PartHealth]


@router.get("/health", summary="Whether the API answers")
@router.head("/health", summary="Whether the API answers, without a body")
def health() -> Health:
    """Answers without looking at anything else: for load balancers."""
    return Health(status="ok", version=__version__)


@router.get(
    "/health/detailed",
    summary="How each part is",
    response_model=DetailedHealth,
    responses={503: {"model": DetailedHealth, "description": "A required part is failing."}},
)
def detailed_health(platform: Served) -> JSONResponse:
    """Database, store, engine threads, queues, disk and optional services, each with its latency.

    ``failing``, with status 503: a required part does not work. ``degraded``, with 200: an
    optional one does not, or a required one needs somebody's care soon.
    """
    parts = examine(platform)
    status = _worst(parts)
    shown = DetailedHealth(
        status=status, version=__version__, parts=[PartHealth(**part._asdict()) for part in parts]
    )
    return JSONResponse(shown.model_dump(mode="json"), 503 if status is Level.FAILING else 200)


def _worst(parts: list[Part]) -> Level:
    """An optional part that fails degrades the whole, no more."""
    felt = [
        part.status if part.required or part.status is Level.OK else Level.DEGRADED
        for part in parts
    ]
    return max(felt, key=list(Level).index)
