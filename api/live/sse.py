"""Server-sent events: sse-starlette's response, into which the hub writes directly.

A delivery through a generator costs a task switch and five calls (28 µs). Here the response's
body only begins and ends the stream; in between the hub hands its bytes to the server's `send`,
which takes them at once unless the client does not read.
"""

import asyncio
import types
from collections.abc import AsyncIterator, Coroutine, Generator
from typing import Any

from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from api.live.hub import Hub
from api.live.request import session_for
from api.live.resume import Resume
from api.live.wire import SSE

BACKLOG = 1 << 20
"""Bytes that wait for a client that does not read; with more its connection ends."""


class SseStream(EventSourceResponse):
    """One stream; the Outlet of its session."""

    def __init__(self, send_timeout: float) -> None:
        """`send_timeout`: seconds after which a client that does not read is dropped."""
        super().__init__(self._body(), ping=0, sep="\n", send_timeout=send_timeout)
        self._timeout = send_timeout
        self._first = b""
        self._last = b""
        self._over = asyncio.Event()
        self._held: list[bytes] | None = []
        """What waits until the client takes what it was sent before; None when nothing does."""
        self._held_size = 0
        self._sending: asyncio.Task[None] | None = None
        self._send: Send | None = None
        self.overflowed = False

    async def serve(self, begun: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        """Send `begun` and then what is written, until the stream or the connection ends."""
        self._first = begun
        self._send = send
        try:
            await self(scope, receive, send)
        finally:
            self._over.set()
            if self._sending is not None:
                self._sending.cancel()

    def write(self, data: bytes) -> None:
        """See Outlet.write."""
        if self._over.is_set():
            return
        if self._held is not None:
            self._hold(data)
            return
        assert self._send is not None
        sending = self._send({"type": "http.response.body", "body": data, "more_body": True})
        assert isinstance(sending, Coroutine)
        try:
            waiting = sending.send(None)
        except StopIteration:
            return
        self._held = []
        self._sending = asyncio.ensure_future(self._finish(sending, waiting))

    def end(self, data: bytes = b"") -> None:
        """See Outlet.end."""
        self._last = self._last or data
        self._over.set()

    def _hold(self, data: bytes) -> None:
        assert self._held is not None
        self._held.append(data)
        self._held_size += len(data)
        if self._held_size > BACKLOG:
            self.overflowed = True
            self.end()

    async def _body(self) -> AsyncIterator[bytes]:
        yield self._first
        self._sending = asyncio.ensure_future(self._catch_up())
        await self._over.wait()
        if self._last:
            yield self._last

    async def _finish(self, sending: Coroutine[Any, Any, None], waiting: Any) -> None:
        """Wait until the client has taken what the server holds, then send what was held."""
        try:
            async with asyncio.timeout(self._timeout):
                await _rest_of(sending, waiting)
        except (TimeoutError, OSError):
            self.overflowed = True
            self.end()
            return
        await self._catch_up()

    async def _catch_up(self) -> None:
        assert self._send is not None
        try:
            while self._held and not self._over.is_set():
                held, self._held, self._held_size = b"".join(self._held), [], 0
                async with asyncio.timeout(self._timeout):
                    await self._send(
                        {"type": "http.response.body", "body": held, "more_body": True}
                    )
        except (TimeoutError, OSError):
            self.overflowed = True
            self.end()
        self._held = None


@types.coroutine
def _rest_of(sending: Coroutine[Any, Any, None], waiting: Any) -> Generator[Any, Any, None]:
    """Await the rest of a coroutine that was begun by hand and waits for `waiting`."""
    while True:
        try:
            yield waiting
        except BaseException as error:
            thrown: BaseException | None = error
        else:
            thrown = None
        try:
            waiting = sending.send(None) if thrown is None else sending.throw(thrown)
        except StopIteration:
            return


class SseEndpoint:
    """`GET /v1/live/sse`, an ASGI application for requests that passed the edge."""

    def __init__(self, hub: Hub, resume: Resume, *, send_timeout: float) -> None:
        self._hub = hub
        self._resume = resume
        self._send_timeout = send_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one stream. Raises Refused, Problem."""
        request = Request(scope)
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        stream = SseStream(self._send_timeout)
        session = session_for(scope, SSE, stream)
        try:
            begun = await self._resume.begin(session, after)
            await stream.serve(begun, scope, receive, send)
        finally:
            self._hub.leave(session)
            self._hub.dropped += stream.overflowed
