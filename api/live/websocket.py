"""WebSocket: picows reads frames under uvicorn's listener; the same connection takes actions.

uvicorn hands an upgrade over to a protocol class (its `ws` setting). Ours is picows' own, so a
message costs a few microseconds instead of the 60 of a pass through ASGI; acknowledgements that
come within one turn of the loop go out in one write.
"""

import asyncio
import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]

from api.auth.authenticator import Authenticator, Identity
from api.live.frames import Denied, ErrorFrame, answer_frame
from api.live.hub import Hub
from api.live.incoming import Incoming
from api.live.request import session_of
from api.live.resume import Resume
from api.live.session import Session
from api.live.wire import WEBSOCKET
from api.problems import Problem
from schemas import codec
from schemas.decisions import Answer
from schemas.refusals import DeskstreamError, Refused

PATH = "/v1/live/ws"

BACKLOG = 1 << 20
"""Bytes that wait for a client that does not read; with more its connection ends."""

HELD = 64
"""Messages that may come before it is known who sends them."""

_READ_BUFFER = 4_096

_log = logging.getLogger(__name__)
_log.setLevel(logging.WARNING)  # picows reports every connection


class LiveSocket(WSListener):
    """One connection; the Outlet of its session."""

    def __init__(self, endpoint: "WebSocketEndpoint", request: WSUpgradeRequest) -> None:
        query = parse_qs(urlsplit(request.path.decode("latin-1")).query)
        self._endpoint = endpoint
        self._after: str | None = query.get("after", [None])[0]
        self._token = _token_of(request, query)
        self._transport: Any = None
        self._write: Any = None
        self._session: Session | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._held: list[bytes] = []
        self._begun = False
        self._parts: list[bytes] = []
        self._acks: list[bytes] = []
        self._unread = 0
        self._paused: asyncio.TimerHandle | None = None
        self._over = False
        self.in_flight = 0

    # --- picows calls these ------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade is done."""
        self._transport = transport
        self._write = transport.underlying_transport.write
        self._beginning = asyncio.ensure_future(self._begin())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame came; messages may come in several."""
        match frame.msg_type:
            case WSMsgType.TEXT | WSMsgType.BINARY | WSMsgType.CONTINUATION:
                self._take(frame.get_payload_as_bytes(), frame.fin)
            case WSMsgType.CLOSE:
                transport.send_close(WSCloseCode.OK)
                transport.disconnect()
            case _:
                pass

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone."""
        self._over = True
        if self._paused is not None:
            self._paused.cancel()
        if self._beginning is not None:
            self._beginning.cancel()
        if self._session is not None:
            self._endpoint.hub.leave(self._session)

    def pause_writing(self) -> None:
        """The client does not read: it has some time to begin again."""
        loop = asyncio.get_running_loop()
        self._unread = 0
        self._paused = loop.call_later(self._endpoint.send_timeout, self._drop)

    def resume_writing(self) -> None:
        """The client reads."""
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None

    # --- the outlet --------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """See Outlet.write."""
        if self._over:
            return
        self._write(data)
        if self._paused is not None:
            self._unread += len(data)
            if self._unread > BACKLOG:
                self._drop()

    def end(self, data: bytes = b"") -> None:
        """See Outlet.end."""
        if self._over:
            return
        if data:
            self._write(data)
        self._over = True
        code = WSCloseCode.POLICY_VIOLATION if data else WSCloseCode.GOING_AWAY
        self._transport.send_close(code)
        self._transport.disconnect()

    def _drop(self) -> None:
        """Cut off a client that does not read; it resumes when it can."""
        if not self._over:
            self._over = True
            self._endpoint.hub.dropped += 1
            self._transport.underlying_transport.abort()

    # --- the session -------------------------------------------------------------------------

    async def _begin(self) -> None:
        try:
            self._session = session_of(await self._identify(), WEBSOCKET, self)
            self.write(await self._endpoint.resume.begin(self._session, self._after))
        except (Problem, Refused) as error:
            denied = Denied(code=error.code, detail=str(error))
            self.end(WEBSOCKET.pack("denied", codec.encode(denied)))
            return
        self._begun = True
        for message in self._held:
            self._endpoint.incoming.take(self, self._session.viewer, message)
        self._held.clear()

    async def _identify(self) -> Identity:
        identity = await self._endpoint.authenticator.identify(self._token)
        if identity is None:
            raise Problem("unauthenticated")
        return identity

    def _take(self, payload: bytes, last: bool) -> None:
        if self._parts or not last:
            self._parts.append(payload)
            if sum(map(len, self._parts)) > self._endpoint.max_message:
                self.end(b"")
            if not last:
                return
            payload = b"".join(self._parts)
            self._parts.clear()
        if self._begun and self._session is not None:
            self._endpoint.incoming.take(self, self._session.viewer, payload)
        elif len(self._held) < HELD:
            self._held.append(payload)
        else:
            self.end()

    # --- answers to actions ------------------------------------------------------------------

    def answer(self, seq: int, answer: Answer | DeskstreamError) -> None:
        """Tell what became of an action."""
        self.in_flight -= 1
        if isinstance(answer, Answer):
            type_ = "ack" if answer.refused is None else "refused"
            self._say(WEBSOCKET.pack(type_, answer_frame(seq, answer)))  # type: ignore[arg-type]
        else:
            self.fail(answer, seq)

    def fail(self, error: DeskstreamError, seq: int | None) -> None:
        """Tell that a message was not taken."""
        frame = ErrorFrame(code=code_of(error), detail=str(error), seq=seq)
        self._say(WEBSOCKET.pack("error", codec.encode(frame)))

    def _say(self, data: bytes) -> None:
        if not self._acks:
            asyncio.get_running_loop().call_soon(self._flush)
        self._acks.append(data)

    def _flush(self) -> None:
        self.write(b"".join(self._acks))
        self._acks.clear()


def code_of(error: DeskstreamError) -> str:
    """The stable code of an error: its own, or what HTTP calls it."""
    code: str | None = getattr(error, "code", None)
    return code or type(error).__name__.lower()


def _token_of(request: WSUpgradeRequest, query: dict[str, list[str]]) -> str:
    header = request.headers.get("authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "bearer":
        return str(token.strip())
    return query.get("access_token", [""])[0]


class WebSocketEndpoint:
    """`/v1/live/ws`. `protocol()` gives the class that uvicorn is to hand upgrades to."""

    def __init__(
        self,
        hub: Hub,
        resume: Resume,
        authenticator: Authenticator,
        incoming: Incoming,
        *,
        send_timeout: float,
    ) -> None:
        self.hub = hub
        self.resume = resume
        self.authenticator = authenticator
        self.incoming = incoming
        self.send_timeout = send_timeout
        self.max_message = incoming.max_message

    def listener(self, request: WSUpgradeRequest) -> LiveSocket | None:
        """The listener of a new connection; None (404) elsewhere than at PATH."""
        path = request.path.decode("latin-1").partition("?")[0]
        return LiveSocket(self, request) if path == PATH else None

    def protocol(self) -> type[asyncio.Protocol]:
        """A protocol class as uvicorn makes them, bound to this endpoint."""
        endpoint = self

        class Upgraded(WSProtocol):  # type: ignore[misc]  # a Cython class
            def __init__(self, config: Any, server_state: Any, app_state: Any) -> None:
                super().__init__(
                    None, None, False, endpoint.listener, _log, True, 5.0,
                    False, 20.0, 20.0, WSAutoPingStrategy.PING_WHEN_IDLE, True,
                    endpoint.max_message, None, _READ_BUFFER,
                )  # fmt: skip
                self._connections = server_state.connections

            def connection_made(self, transport: Any) -> None:
                self._connections.add(self)
                super().connection_made(transport)

            def connection_lost(self, error: Exception | None) -> None:
                self._connections.discard(self)
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
