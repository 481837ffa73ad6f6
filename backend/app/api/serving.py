"""The process's server: uvicorn on a socket that is bound already."""

import gc
import socket
from typing import Any, Final

import uvicorn

from app.api.app import create_app
from app.api.doors import allow_many_files, doors_for
from app.api.http_protocol import Protocol
from app.api.websocket.serving import WEBSOCKET_OPTIONS, Server
from app.config.settings import Settings
from app.core.exceptions import ConfigurationError
from app.services.security.addresses import networks

DRAIN_S: Final = 10
"""How long requests that are being answered may go on after the first Ctrl-C."""

BACKLOG: Final = 256
"""Connections that may wait to be taken; so many are taken at a time."""

PROTOCOLS: Final[dict[str, Any]] = {"http": Protocol, **WEBSOCKET_OPTIONS}
"""How uvicorn has to be told to speak, for `uvicorn.Config`."""


def run(settings: Settings, listening: socket.socket) -> None:
    """Serve the process's own application until a signal to end.

    Raises:
        ConfigurationError: it did not start.
    """
    app = create_app(settings)
    app.state.doors = doors_for(networks(settings.trusted_proxies), allow_many_files())
    config = uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_S,
        lifespan="on",
        backlog=BACKLOG,
        **PROTOCOLS,
    )
    server = Server(config, app)
    spare_the_collector()
    server.run(sockets=[listening])
    if not server.started:
        raise ConfigurationError("the API did not start: the log says why")


def spare_the_collector() -> None:
    """Leave what is there now out of every later collection: it stays to the end.

    To look through all that an application is made of takes a tenth of a second, in which no
    request is answered and no bar is decided.
    """
    gc.collect()
    gc.freeze()
