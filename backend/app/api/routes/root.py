"""What this is, and where to go on."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app import __version__

router = APIRouter(tags=["health"])


class Welcome(BaseModel):
    """Name, version, and where things are."""

    name: str = Field(examples=["MisMartera"])
    version: str = Field(examples=["0.1.0"])
    links: dict[str, str] = Field(examples=[{"documentation": "/docs"}])


_LINKS = {
    "api": "/api/v1",
    "documentation": "/docs",
    "health": "/api/v1/health",
    "metrics": "/metrics",
    "openapi": "/openapi.json",
}


@router.get("/", summary="What this is, and where to go on")
def welcome() -> Welcome:
    """Name, version and links."""
    return Welcome(name="MisMartera", version=__version__, links=_LINKS)
