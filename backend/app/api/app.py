"""The application: every route, under ``/api/v1`` and ``/api``, put together in one place."""

from dataclasses import asdict

from fastapi import APIRouter, Depends, FastAPI
from sqlalchemy.orm import Session

from app import __version__
from app.api.access import ACCESS, PUBLIC, require_complete_table
from app.api.documentation import OPENAPI, add_documentation
from app.api.doors import Doors
from app.api.errors import add_error_handlers
from app.api.known_parameters import admitting, known_parameters
from app.api.lifespan import lifespan
from app.api.middleware import middleware_of
from app.api.platform import Platform
from app.api.responses import EVERYWHERE
from app.api.routes import (
    api_keys,
    audit,
    auth,
    health,
    invitations,
    logs,
    market_data,
    metrics,
    record,
    root,
    runs,
    session,
    session_trading,
    strategies,
    system,
    users,
)
from app.api.websocket import endpoint
from app.api.websocket.gateway import Gateway
from app.config.settings import Settings, get_settings
from app.managers.data_manager.imports import Imports
from app.managers.data_manager.markets import Markets
from app.managers.system_manager import SystemManager, get_system_manager
from app.managers.time_manager.clock import Clock, SystemClock
from app.managers.user_manager import UserManager
from app.models.database import session_factory
from app.monitoring.secrecy import guard
from app.services.market_data.parquet_storage import ParquetStorage
from app.services.security.addresses import networks
from app.services.security.token_bucket import TokenBuckets

ROUTERS = (
    health.router,
    system.router,
    session.router,
    session_trading.router,
    market_data.router,
    runs.router,
    record.router,
    api_keys.router,
    audit.router,
    auth.router,
    invitations.router,
    logs.router,
    metrics.router,
    root.router,
    strategies.router,
    users.router,
)
"""Those that are asked most come first: of a request one route after the other is looked at."""
AT_THE_TOP = (root.router, metrics.router)
"""Found without a prefix too: where people and Prometheus look."""
PREFIXES = ("/api/v1", "/api")
"""The first is the one in the documentation; the source documents use both."""

_DESCRIPTION = "Sessions, backtests, market data and the record of MisMartera."


def create_app(
    settings: Settings | None = None,
    *,
    system: SystemManager | None = None,
    clock: Clock | None = None,
) -> FastAPI:
    """The application on one installation, the process's own by default.

    Raises:
        ConfigurationError: the settings are not safe to serve with.
    """
    settings, clock = settings or get_settings(), clock or SystemClock()
    platform = _platform(settings, system or get_system_manager(), clock)
    platform.users.start()
    platform.metrics.watch_engine(platform.system.figures)
    platform.metrics.watch_hub(lambda: asdict(platform.system.hub.figures))
    guard(settings)
    app = FastAPI(
        title="MisMartera",
        version=__version__,
        description=_DESCRIPTION,
        responses=EVERYWHERE,
        middleware=middleware_of(platform),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=OPENAPI,
        redirect_slashes=False,
    )
    app.state.platform = platform
    app.state.doors = Doors(networks(settings.trusted_proxies))
    app.state.gateway = Gateway(platform.system.hub, clock.now_ns)
    add_error_handlers(app)
    _add_routes(app)
    add_documentation(app, public=_public())
    return app


def _platform(settings: Settings, system: SystemManager, clock: Clock) -> Platform:
    def open_database() -> Session:  # asked for first by the first request that needs it
        return session_factory(settings.database_url)()

    markets = Markets(ParquetStorage(settings.bars_dir), open_database=open_database, clock=clock)
    return Platform(
        settings=settings,
        clock=clock,
        system=system,
        users=UserManager(settings, clock=clock),
        markets=markets,
        imports=Imports(
            markets,
            settings.uploads_dir,
            clock=clock,
            most_bytes=settings.import_max_mib << 20,
            at_once=settings.imports_at_once,
        ),
        wrong_keys=TokenBuckets(settings.rate_limit_per_minute),
    )


def _add_routes(app: FastAPI) -> None:
    routes = [route for router in ROUTERS for route in router.routes]
    require_complete_table(routes)
    admit = Depends(admitting(known_parameters(routes)))
    api, top = (APIRouter(dependencies=[admit]) for _ in range(2))
    for router in ROUTERS:
        api.include_router(router)
    for router in AT_THE_TOP:
        top.include_router(router)
    for prefix in PREFIXES:
        app.include_router(api, prefix=prefix, include_in_schema=prefix == PREFIXES[0])
        app.include_router(endpoint.router, prefix=prefix)
    app.include_router(top, include_in_schema=False)


def _public() -> frozenset[str]:
    rules = (rule.split(" ") for rule, role in ACCESS.items() if role is PUBLIC)
    return frozenset(f"{method} {PREFIXES[0]}{path}" for method, path in rules)
