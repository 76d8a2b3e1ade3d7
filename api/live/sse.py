"""Server-sent events: sse-starlette's response, beside which the hub writes to the connection.

A delivery through a generator costs a task switch and five calls (28 µs), one through the
server's `send` still a coroutine and a chunk of its own for each client. Here the response begins
and ends the stream; in between the hub's bytes go to the connection as they are, put into one of
HTTP's chunks once for all clients.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from api.live.hub import Hub
from api.live.request import session_for
from api.live.resume import Resume
from api.live.wire import SSE
from api.protocol import CONNECTION, BoundedHttp

BACKLOG = 1 << 20
"""Bytes that wait for a client that reads too slowly, besides what it had missed; with more its
connection is cut, and it resumes."""


class Chunks:
    """Puts bytes into a chunk (RFC 9112, section 7.1); the same bytes only once."""

    def __init__(self) -> None:
        self._data = b""
        self._chunk = b""

    def chunk(self, data: bytes) -> bytes:
        """The chunk with this data, which is not empty: that would be the last one."""
        if data is not self._data:
            self._chunk = b"%x\r\n%b\r\n" % (len(data), data)
            self._data = data
        return self._chunk


class SseStream(EventSourceResponse):
    """One stream; the Outlet of its session."""

    def __init__(self, connection: BoundedHttp, chunks: Chunks) -> None:
        super().__init__(self._body(), ping=0, sep="\n")
        self._connection = connection
        self._transport: Any = connection.transport
        self._chunk = chunks.chunk
        self._last = b""
        self._over = asyncio.Event()
        self._open = False
        self._held: list[bytes] = []
        """What comes before the stream is open."""
        self._allowed = BACKLOG
        self._cut = False

    @property
    def dropped(self) -> bool:
        """Whether the connection was cut because the client did not read."""
        return self._cut or isinstance(self._connection.lost, TimeoutError)

    async def serve(self, begun: list[bytes], scope: Scope, receive: Receive, send: Send) -> None:
        """Send `begun` and then what is written, until the stream or the connection ends."""
        self._held[:0] = begun
        self._allowed += sum(map(len, begun))
        try:
            await self(scope, receive, send)
        finally:
            self._over.set()

    def write(self, data: bytes) -> None:
        """See Outlet.write."""
        if self._open:
            transport = self._transport
            if transport.is_closing():
                return
            transport.write(self._chunk(data))
            if transport.get_write_buffer_size() > self._allowed:
                self._drop()
        elif not self._over.is_set():
            self._hold(data)

    def end(self, data: bytes = b"") -> None:
        """See Outlet.end."""
        self._last = self._last or data
        self._open = False
        self._over.set()

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        if sum(map(len, self._held)) > self._allowed:
            self._drop()

    def _drop(self) -> None:
        self._cut = True
        self.end()
        self._transport.abort()

    async def _body(self) -> AsyncIterator[bytes]:
        held, self._held = self._held, []
        self._open = not self._over.is_set()
        for data in held:
            self.write(data)
        await self._over.wait()
        if self._last:
            yield self._last


class SseEndpoint:
    """`GET /v1/live/sse`, an ASGI application for requests that passed the edge."""

    def __init__(self, hub: Hub, resume: Resume) -> None:
        self._hub = hub
        self._resume = resume
        self._chunks = Chunks()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one stream. Raises Refused, Problem."""
        request = Request(scope)
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        stream = SseStream(scope["extensions"][CONNECTION], self._chunks)
        session = session_for(scope, SSE, stream)
        try:
            begun = await self._resume.begin(session, after)
            await stream.serve(begun, scope, receive, send)
        finally:
            self._hub.leave(session)
            self._hub.dropped += stream.dropped
