"""How uvicorn has to be told to serve the WebSocket: its options, and an end that says goodbye."""

import socket
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from app.api.websocket.gateway import Gateway

WEBSOCKET_OPTIONS: Final[dict[str, Any]] = {
    "ws": "websockets-sansio",
    "ws_max_size": 64 * 1024,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    "ws_per_message_deflate": False,
}
"""For `uvicorn.Config`.

Larger messages end a connection (1009) before they are held in memory; one whose pings are not
answered is ended (1011). Without compression the bytes of a message are the same for everyone.
"""


class Server(uvicorn.Server):
    """Uvicorn that tells WebSocket clients that it goes (1001) before it closes connections."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._gateway: Gateway = app.state.gateway

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say goodbye, then end as uvicorn does."""
        await self._gateway.close()
        await super().shutdown(sockets)
