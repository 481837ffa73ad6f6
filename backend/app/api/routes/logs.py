"""The log, while the platform runs."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field

from app.api.access import Actor
from app.api.audit import write_down
from app.api.schemas.values import Asked
from app.monitoring.logs import current_level, set_level

router = APIRouter(prefix="/system", tags=["system"])


class LogLevel(Asked):
    """The least severe level that is written to the log."""

    level: Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        examples=["DEBUG"]
    )


@router.get("/log-level", summary="The least severe level that is logged")
def log_level() -> LogLevel:
    """What is written to the log, from this level on."""
    return LogLevel.model_validate({"level": current_level()})


@router.put("/log-level", summary="Change the least severe level that is logged")
def change_log_level(wanted: LogLevel, actor: Actor, request: Request) -> LogLevel:
    """Write from this level on, at once, until the server is started anew."""
    change = {"from": current_level(), "to": wanted.level}
    write_down(request, actor, "log_level.change", **change)
    set_level(wanted.level)
    return wanted
