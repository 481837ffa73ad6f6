"""What begins with the server and ends with it, in a written order; twice in a row works."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from loguru import logger
from starlette.concurrency import run_in_threadpool

from app.api.platform import Platform
from app.managers.system_manager import SHUT_DOWN

LAST_WORDS_S = 30.0
"""How long a stopped session may take to write down what it did."""

IMPORTS_END_S = 10.0
"""How long imports may take to come to their next step, where they end."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Around everything that is served.

    At the end no request comes in any more: what is left to stop is what requests have begun.
    """
    platform: Platform = app.state.platform
    platform.system.get_run_queue().open()
    platform.imports.open()
    logger.info("the API is up")
    try:
        yield
    finally:
        await run_in_threadpool(_end, platform)
        logger.info("the API is down")


def _end(platform: Platform) -> None:
    """Stop the session, the runs and the imports that were asked for, keep what they did."""
    platform.system.get_run_queue().close()
    platform.system.stop(SHUT_DOWN)
    if not platform.system.wait(LAST_WORDS_S):
        logger.error("the session did not write down what it did within {} s", LAST_WORDS_S)
    if not platform.imports.close(IMPORTS_END_S):
        logger.error("imports did not end within {} s; they end at their next step", IMPORTS_END_S)
