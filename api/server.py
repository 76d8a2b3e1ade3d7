"""The HTTP server: uvicorn, which ends its streams before it stops."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from api.protocol import BoundedHttp

BACKLOG = 8_192
"""Connections that the system may hold before they are accepted."""

STOPPING = (signal.SIGINT, signal.SIGTERM)

STOP_WITHIN = 2
"""Seconds that requests under way get to finish when the server stops."""


def bind(host: str, port: int, *, send_timeout: float = 10.0) -> socket.socket:
    """A bound socket; port 0 lets the system choose. Raises OSError.

    `send_timeout`: seconds after which a client that takes nothing of what it was sent is cut
    off. Only the system can tell, and let go of a connection that is closed but not yet empty;
    where it has no such option (outside Linux), its own time-outs hold.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # accepted sockets inherit it
        milliseconds = int(send_timeout * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class Server(uvicorn.Server):
    """Calls `drain` first when it stops: streams would keep it from stopping otherwise."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain = drain

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM; a second one is not waited for.

        uvicorn raises a captured signal again once it has stopped, which would cut short what
        the process has to finish after it.
        """
        loop = asyncio.get_running_loop()
        for number in STOPPING:
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in STOPPING:
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        self._drain()
        await super().shutdown(sockets)


def configure(app: Any, websocket: Any) -> uvicorn.Config:
    """uvicorn's settings: `websocket` is the protocol class that takes upgrades."""
    return uvicorn.Config(
        app,
        loop="none",
        http=BoundedHttp,
        ws=websocket,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_WITHIN,
    )
