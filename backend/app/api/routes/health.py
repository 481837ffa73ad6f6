"""Whether the platform is there."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app import __version__

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """That the API answers."""

    status: str = Field(examples=["ok"])
    version: str = Field(examples=["0.1.0"])


@router.get("/health", summary="Whether the API answers")
def health() -> Health:
    """Answers without looking at anything else: for load balancers."""
    return Health(status="ok", version=__version__)
