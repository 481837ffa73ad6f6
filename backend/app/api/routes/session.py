"""The running session's data: bars, indicators and quality, as of its own present."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.platform import Served
from app.api.responses import errors
from app.api.schemas.session import SessionDataNow, SessionIndicatorsNow, SessionQualityNow
from app.core.exceptions import DataNotFoundError
from app.managers.system_manager.session_series import session_series

router = APIRouter(prefix="/session", tags=["session"], responses=errors(404))

Symbols = Annotated[
    str,
    Query(
        max_length=2_000,
        description="Only these, by commas; all if left out.",
        examples=["ALPHA,BRAVO"],
    ),
]


@router.get("/data", summary="What of each series has closed")
def data(platform: Served, symbols: Symbols = "") -> SessionDataNow:
    """Bars of every interval, the last one, quality and indicators of each symbol.

    A strategy sees no more than is told here: what has closed by the session's own time.
    """
    rows = session_series(platform.system, _names(symbols))
    return SessionDataNow.of(platform.system.status(), rows)


@router.get("/quality", summary="How complete the bars of each session are")
def quality(platform: Served) -> SessionQualityNow:
    """Share of the expected minutes that are there, of each session that has begun."""
    if platform.system.get_session_data() is None:
        raise DataNotFoundError("no session was started yet; start one first")
    return SessionQualityNow.of(platform.system.status(), platform.system.session_scores())


@router.get("/indicators", summary="Every indicator, as of the last bar that has closed")
def indicators(platform: Served, symbols: Symbols = "") -> SessionIndicatorsNow:
    """Indicators of the strategies by series, and the historical ones of the config."""
    rows = session_series(platform.system, _names(symbols))
    session = platform.system.get_session_data()
    named = session.named_indicators() if session else {}
    return SessionIndicatorsNow.of(platform.system.status(), rows, named)


def _names(symbols: str) -> list[str]:
    return [name for name in symbols.split(",") if name]
