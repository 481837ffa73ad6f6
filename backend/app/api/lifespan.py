"""What begins with the server and ends with it, in a written order; twice in a row works."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from app.api.platform import Platform


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Around everything that is served: at the end the runs that were asked for are recorded."""
    platform: Platform = app.state.platform
    runs = platform.system.get_run_queue()
    runs.open()
    try:
        yield
    finally:
        await run_in_threadpool(runs.close)
