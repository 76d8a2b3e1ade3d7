"""Upgrades: from uvicorn's protocol to picows' own, on the same connection."""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any

from picows import WSListener, WSUpgradeRequest
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]
from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

READ_BUFFER = 4_096
"""Bytes to begin with; it grows with what comes."""

log = logging.getLogger(__name__)
log.setLevel(logging.WARNING)  # picows reports every connection

ListenerFactory = Callable[[WSUpgradeRequest], WSListener | None]


def protocol_class(listener: ListenerFactory, max_message: int) -> type[asyncio.Protocol]:
    """A protocol class as uvicorn makes them.

    `listener` makes the listener of a connection, or None (404), and is told of its loss by
    `lost(error)`. `max_message` in bytes.
    """

    class Upgraded(WSProtocol):  # type: ignore[misc]  # a Cython class
        def __init__(self, config: Any, server_state: Any, app_state: Any) -> None:
            # Without pings of its own, which would cost a task each: heartbeats do as well.
            # Without pongs of its own, which nothing would bound.
            super().__init__(
                None, None, False, listener, log, True, 5.0,
                False, 20.0, 20.0, WSAutoPingStrategy.PING_WHEN_IDLE, False,
                max_message, None, READ_BUFFER,
            )  # fmt: skip
            self._connections = server_state.connections

        def connection_made(self, transport: Any) -> None:
            self._connections.add(self)
            super().connection_made(transport)

        def connection_lost(self, error: Exception | None) -> None:
            self._connections.discard(self)
            if self.listener is not None:
                self.listener.lost(error)
            super().connection_lost(error)

        def data_received(self, data: bytes) -> None:
            """Take the request that uvicorn has read already."""
            rest = memoryview(data)
            while rest:
                buffer = self.get_buffer(len(rest))
                size = min(len(buffer), len(rest))
                buffer[:size] = rest[:size]
                self.buffer_updated(size)
                rest = rest[size:]

        def shutdown(self) -> None:
            """End the connection (uvicorn calls this when it stops)."""
            self.transport.disconnect()

    return Upgraded


async def host_of(peer: tuple[str, int] | None, forwarded_for: str) -> str:
    """The client's address: the peer's, or what a trusted proxy says, as uvicorn does for HTTP."""
    headers = [(b"x-forwarded-for", forwarded_for.encode("latin-1"))] if forwarded_for else []
    scope: Scope = {"type": "websocket", "scheme": "ws", "headers": headers, "client": peer}
    trusted = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")  # uvicorn's own name and default

    async def ask(scope: Scope, receive: Receive, send: Send) -> None:
        """Nothing is asked; the middleware has put the client into the scope."""

    await ProxyHeadersMiddleware(ask, trusted)(scope, None, None)  # type: ignore[arg-type]
    return str(scope["client"][0]) if scope["client"] else ""
