"""The application behind a real uvicorn on a real port, and clients of its WebSocket."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Self

import pytest
import uvicorn
from fastapi import FastAPI
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from app.api.serving import PROTOCOLS
from app.api.websocket.limits import Limits
from app.api.websocket.serving import Server
from app.core.users import Role
from tests.api_fixtures import Api
from tests.system_fixtures import PATIENCE_S, until

PATIENT: dict[str, Any] = {"login_s": PATIENCE_S, "goodbye_s": PATIENCE_S, "heartbeat_s": 3_600.0}
"""However slow the machine is: nobody is late, and no heartbeat comes between what is told."""


@dataclass
class LiveServer:
    """An application that is served on 127.0.0.1 by a thread of this process."""

    app: FastAPI
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config = uvicorn.Config(
            self.app,
            host="127.0.0.1",
            port=0,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=int(PATIENCE_S),
            **(PROTOCOLS | self.options),
        )
        self.uvicorn = Server(config, self.app)
        self._thread = Thread(target=self.uvicorn.run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        until(lambda: self.uvicorn.started)

    def stop(self) -> None:
        self.uvicorn.should_exit = True
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """Such as ``127.0.0.1:12345``."""
        host, port = self.uvicorn.servers[0].sockets[0].getsockname()
        return f"{host}:{port}"

    def connect(
        self, *subprotocols: str, path: str = "/api/v1/websocket/stream", **options: Any
    ) -> ClientConnection:
        """A WebSocket that has not logged in, unless by one of `subprotocols`."""
        offered = list(subprotocols) or None
        return connect(f"ws://{self.address}{path}", subprotocols=offered, **options)  # type: ignore[arg-type]  # names are all that is offered

    @contextmanager
    def client(self, token: str, *channels: str, **options: Any) -> Iterator[ClientConnection]:
        """A WebSocket that has logged in and hears `channels`."""
        with self.connect("mismartera", f"bearer.{token}", **options) as socket:
            assert receive(socket)["type"] == "authenticated"
            if channels:
                say(socket, action="subscribe", channels=list(channels))
                assert receive(socket)["type"] == "subscribed"
            yield socket


def limit(api: Api, **caps: Any) -> None:
    """Change caps of the application, before a client comes; who does not say else is patient."""
    api.app.state.gateway.limits = Limits(**(PATIENT | caps))


def say(socket: ClientConnection, **action: Any) -> None:
    """Send one action."""
    socket.send(json.dumps(action))


def receive(socket: ClientConnection) -> dict[str, Any]:
    """The next message."""
    told: dict[str, Any] = json.loads(socket.recv(PATIENCE_S))
    return told


def receive_until(
    socket: ClientConnection, is_last: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """Every message up to the first that `is_last`."""
    told = [receive(socket)]
    while not is_last(told[-1]):
        told.append(receive(socket))
    return told


@pytest.fixture
def live(api: Api) -> Iterator[LiveServer]:
    """The application of `api`, served; ``live.client(api.token(Role.VIEWER), "orders")``."""
    with LiveServer(api.app) as server:
        yield server


@pytest.fixture
def viewer_token(api: Api) -> str:
    """An access token of a user who may only look."""
    return api.token(Role.VIEWER)


@pytest.fixture
def limits(api: Api) -> Limits:
    """Those of the application; in these tests everybody is patient."""
    own: Limits = api.app.state.gateway.limits
    limit(api)
    return own


def closed(ws: ClientConnection) -> tuple[list[dict[str, Any]], int, str]:
    """What is told until the server closes, its code and its reason."""
    told: list[dict[str, Any]] = []
    with pytest.raises(ConnectionClosed) as end:
        told.extend(iter(lambda: receive(ws), {}))
    received = end.value.rcvd
    assert received is not None
    return told, received.code, received.reason


def error(message: dict[str, Any]) -> tuple[str, str]:
    assert message["type"] == "error"
    body = message["payload"]["error"]
    return body["code"], body["message"]
