"""Live connections, client side: one shape over server-sent events, WebSocket and long poll.

A transport is asked for frames after a cursor and gives them as JSON until the connection ends.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from typing import Literal, Protocol

import httpx
import msgspec
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from schemas.refusals import DeskstreamError
from simulator.frames import CaughtUp
from simulator.http import Servers
from simulator.log_index import version_in
from simulator.sse import SseParser

TransportName = Literal["sse", "ws", "poll"]

SSE_PATH = "/v1/live/sse"
WS_PATH = "/v1/live/ws"
POLL_PATH = "/v1/live/poll"

CONNECT_WITHIN = 10.0
SILENT_FOR = 60.0
"""Seconds without a byte after which a stream counts as lost; heartbeats come more often."""

POLL_WAIT = 1.0

HIGH, LOW = 2_000, 200
"""WebSocket messages not taken yet, at which reading pauses and goes on."""


_quiet = logging.getLogger(__name__)
"""For picows, which would tell of every connection as if somebody had asked."""


class StreamLost(DeskstreamError):
    """The connection is over, or did not come about. Try again from the cursor."""


class StreamRefused(StreamLost):
    """The server did not want this connection: `status` is the HTTP status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status} {detail}")
        self.status = status


class Transport(Protocol):
    """A way to follow."""

    name: TransportName

    def frames(self, after: str | None) -> AsyncGenerator[bytes, None]:
        """The frames of one connection, as JSON. Ends, or raises StreamLost, when it is over."""
        ...


class SseTransport:
    """Server-sent events."""

    name: TransportName = "sse"

    def __init__(self, http: Servers, token: str) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}

    async def frames(self, after: str | None) -> AsyncGenerator[bytes, None]:
        """The frames of one connection. A frame's type is that of its JSON."""
        headers = dict(self._headers)
        if after is not None:
            headers["last-event-id"] = after
        timeout = httpx.Timeout(CONNECT_WITHIN, read=SILENT_FOR)
        parser = SseParser()
        try:
            async with self._http.stream(
                "GET", SSE_PATH, headers=headers, timeout=timeout
            ) as response:
                if response.status_code != httpx.codes.OK:
                    detail = (await response.aread()).decode(errors="replace")
                    raise StreamRefused(response.status_code, detail)
                async for chunk in response.aiter_raw():
                    for event in parser.feed(chunk):
                        yield event.data.encode()
        except httpx.HTTPError as error:
            raise StreamLost(repr(error)) from error


class PollTransport:
    """Long poll: one request after the other, so that each is a connection of its own."""

    name: TransportName = "poll"

    def __init__(self, http: Servers, token: str, *, wait: float = POLL_WAIT) -> None:
        """`wait`: seconds that the server waits for news."""
        self._http = http
        self._wait = f"{wait:g}"
        self._headers = {"authorization": f"Bearer {token}"}

    async def frames(self, after: str | None) -> AsyncGenerator[bytes, None]:
        """The frames of one request; the cursor in the answer counts as `caught_up`."""
        params = {"wait": self._wait}
        if after is not None:
            params["after"] = after
        timeout = httpx.Timeout(CONNECT_WITHIN, read=SILENT_FOR)
        try:
            response = await self._http.get(
                POLL_PATH, params=params, headers=self._headers, timeout=timeout
            )
        except httpx.HTTPError as error:
            raise StreamLost(repr(error)) from error
        if response.status_code != httpx.codes.OK:
            raise StreamRefused(response.status_code, response.text)
        answer = _poll_answers.decode(response.content)
        for frame in answer.frames:
            yield bytes(frame)
        yield msgspec.json.encode(CaughtUp(id=answer.id, version=version_in(answer.id)))


class _PollAnswer(msgspec.Struct):
    id: str
    frames: list[msgspec.Raw] = []


_poll_answers = msgspec.json.Decoder(_PollAnswer)


class WebSocketTransport:
    """WebSocket; also sends."""

    name: TransportName = "ws"

    def __init__(self, http: Servers, token: str) -> None:
        """`http`: whose addresses are connected to."""
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}
        self._inbox: _Inbox | None = None

    @property
    def connected(self) -> bool:
        """Whether something can be sent now."""
        return self._inbox is not None and not self._inbox.over

    def send(self, message: bytes) -> None:
        """Send a text message. Raises StreamLost when there is no connection."""
        if self._inbox is None or self._inbox.over or self._inbox.transport is None:
            raise StreamLost("not connected")
        self._inbox.transport.send(WSMsgType.TEXT, message)

    async def frames(self, after: str | None) -> AsyncGenerator[bytes, None]:
        """The frames of one connection."""
        server = self._http.base_url
        url = "ws" + str(server).removeprefix("http").rstrip("/") + WS_PATH
        try:
            inbox = await self._connect(url if after is None else f"{url}?after={after}")
        except (WSError, OSError, TimeoutError) as error:
            self._http.failed(server)
            raise _refusal(error) from error
        self._inbox = inbox
        try:
            while (message := await inbox.take()) is not None:
                yield message
        finally:
            self._inbox = None
            inbox.end()

    async def _connect(self, url: str) -> "_Inbox":
        """Connect; if cancelled, first see the handshake through: picows would leave it open."""
        connecting = asyncio.ensure_future(
            ws_connect(
                _Inbox,
                url,
                extra_headers=self._headers,
                websocket_handshake_timeout=CONNECT_WITHIN,
                enable_auto_ping=True,
                auto_ping_idle_timeout=SILENT_FOR / 2,
                logger_name=_quiet,
            )
        )
        try:
            _, inbox = await asyncio.shield(connecting)
        except asyncio.CancelledError:
            done, _ = await asyncio.wait([connecting], timeout=CONNECT_WITHIN)
            if done and connecting.exception() is None:
                connecting.result()[0].disconnect()
            connecting.cancel()
            raise
        assert isinstance(inbox, _Inbox)
        return inbox


class _Inbox(WSListener):
    """Messages that came and were not taken yet; stops reading when there are too many."""

    def __init__(self) -> None:
        self.transport: WSTransport | None = None
        self.over = False
        self._messages: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._paused = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY):
            self._messages.append(frame.get_payload_as_bytes())
            self._news.set()
            if len(self._messages) > HIGH and not self._paused:
                self._paused = True
                transport.underlying_transport.pause_reading()
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), None)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.over = True
        self._news.set()

    async def take(self) -> bytes | None:
        """The next message, None after the last."""
        while not self._messages:
            if self.over:
                return None
            self._news.clear()
            await self._news.wait()
        if self._paused and len(self._messages) < LOW and self.transport and not self.over:
            self._paused = False
            self.transport.underlying_transport.resume_reading()
        return self._messages.popleft()

    def end(self) -> None:
        """Let go of the connection, without ceremony."""
        if self.transport is not None and not self.over:
            self.transport.disconnect(graceful=False)


def _refusal(error: Exception) -> StreamLost:
    response = getattr(error, "response", None)
    status = getattr(response, "status", None)
    if status is not None:
        return StreamRefused(int(status), str(error))
    return StreamLost(repr(error))
