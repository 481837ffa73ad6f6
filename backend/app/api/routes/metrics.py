"""Figures for Prometheus."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from app.api.platform import Served
from app.monitoring.metrics import CONTENT_TYPE

router = APIRouter(tags=["health"])

_EXAMPLE = 'mismartera_requests_total{method="GET",route="/health",status="200"} 3.0\n'


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"example": _EXAMPLE}}}},
)
def metrics(platform: Served) -> PlainTextResponse:
    """Requests, latency, the engine, its threads and queues, the process, as text.

    Prometheus logs in with an API key of the scope ``read`` in its `http_headers`.
    """
    return PlainTextResponse(platform.metrics.text(), media_type=CONTENT_TYPE)
