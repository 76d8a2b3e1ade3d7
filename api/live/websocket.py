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

from api.auth.authenticator import Identity
from api.door import network_of
from api.errors import problem_of
from api.live.frames import Denied, ErrorFrame, answer_frame
from api.live.hub import Hub
from api.live.incoming import Incoming
from api.live.request import session_of
from api.live.resume import Resume
from api.live.session import Session
from api.live.upgrade import host_of, protocol_class
from api.live.wire import WEBSOCKET
from api.problems import Problem
from projections.errors import ProjectionError
from schemas import codec
from schemas.decisions import Answer
from schemas.refusals import DeskstreamError

PATH = "/v1/live/ws"

BACKLOG = 1 << 20
"""Bytes that wait for a client that reads too slowly, besides what it had missed; with more its
connection is cut, and it resumes."""

CLOSE_WITHIN = 1.0
"""Seconds that a client gets to answer a close frame."""

TRY_LATER = frozenset({"unavailable", "too_many_requests"})
"""Codes with which a client is told to come again (1013), not to stay away (1008)."""

_log = logging.getLogger(__name__)


class LiveSocket(WSListener):
    """One connection; the Outlet of its session."""

    def __init__(self, endpoint: "WebSocketEndpoint", request: WSUpgradeRequest) -> None:
        query = parse_qs(urlsplit(request.path.decode("latin-1")).query)
        self._endpoint = endpoint
        self._forwarded = request.headers.get("x-forwarded-for", "")
        self._after: str | None = query.get("after", [None])[0]
        self._token = _token_of(request, query)
        self._transport: Any = None
        self._connection: Any = None
        self._session: Session | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._held: list[bytes] = []
        self._begun = False
        self._parts: list[bytes] = []
        self._size = 0
        self._gathered: list[bytes] = []
        self._allowed = BACKLOG
        self._over = False
        self._closing: asyncio.TimerHandle | None = None
        self.in_flight = 0

    # --- picows calls these ------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade is done."""
        self._transport = transport
        self._connection = transport.underlying_transport
        self._beginning = asyncio.ensure_future(self._begin())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame came; messages may come in several."""
        match frame.msg_type:
            case WSMsgType.CLOSE:
                if not self._over:
                    transport.send_close(WSCloseCode.OK)
                self._over = True
                transport.disconnect()
            case WSMsgType.PING:
                if not self._over:
                    transport.send_pong(frame.get_payload_as_bytes())
                    self._check_backlog()
            case WSMsgType.PONG:
                pass
            case type_ if not self._over:
                self._take(type_, frame.get_payload_as_bytes(), frame.fin)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone."""
        self._over = True
        if self._closing is not None:
            self._closing.cancel()
        if self._beginning is not None:
            self._beginning.cancel()
        if self._session is not None:
            self._endpoint.hub.leave(self._session)

    def pause_writing(self) -> None:
        """Much waits for the client. How much, and how long, is bounded elsewhere."""

    def resume_writing(self) -> None:
        """Little waits for the client."""

    def lost(self, error: Exception | None) -> None:
        """The connection broke, if there is an error; a time-out says that nobody reads."""
        self._endpoint.hub.dropped += isinstance(error, TimeoutError)

    # --- the outlet --------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """See Outlet.write. What comes within one turn of the loop is one write."""
        if self._over:
            return
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._flush)
        self._gathered.append(data)

    def _flush(self) -> None:
        if self._over or not self._gathered:
            return
        self._connection.write(b"".join(self._gathered))
        self._gathered.clear()
        self._check_backlog()

    def end(self, data: bytes = b"") -> None:
        """See Outlet.end."""
        self._close(WSCloseCode.POLICY_VIOLATION if data else WSCloseCode.GOING_AWAY, data)

    def _close(self, code: WSCloseCode, data: bytes = b"") -> None:
        """Say the last words; the client's close frame, or its silence, ends the connection."""
        if self._over:
            return
        self._flush()
        self._over = True
        if data:
            self._connection.write(data)
        self._transport.send_close(code)
        loop = asyncio.get_running_loop()
        self._closing = loop.call_later(CLOSE_WITHIN, self._connection.abort)

    def _check_backlog(self) -> None:
        """Cut off a client that reads too slowly; it resumes when it can."""
        if self._connection.get_write_buffer_size() > self._allowed:
            self._over = True
            self._endpoint.hub.dropped += 1
            self._connection.abort()

    # --- the session -------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Read no messages meanwhile: they would have to be kept. A few came with the request."""
        self._connection.pause_reading()
        try:
            self._session = session_of(await self._identify(), WEBSOCKET, self)
            self._endpoint.incoming.admit(self._session.viewer)
            begun = await self._endpoint.resume.begin(self._session, self._after)
        except DeskstreamError as error:
            self._deny(problem_of(error))
        except Exception:
            _log.exception("a connection could not begin")
            self._close(WSCloseCode.INTERNAL_ERROR)
        else:
            self._allowed += sum(map(len, begun))
            for block in begun:
                self.write(block)
            self._begun = True
            for message in self._held:
                self._endpoint.incoming.take(self, self._session.viewer, message)
        finally:
            self._held.clear()
            if not self._connection.is_closing():
                self._connection.resume_reading()

    def _deny(self, problem: Problem) -> None:
        denied = Denied(code=problem.code, detail=str(problem))
        later = problem.code in TRY_LATER
        self._close(
            WSCloseCode.TRY_AGAIN_LATER if later else WSCloseCode.POLICY_VIOLATION,
            WEBSOCKET.pack("denied", codec.encode(denied)),
        )
        if self._session is not None:
            self._endpoint.hub.leave(self._session)

    async def _identify(self) -> Identity:
        door = self._endpoint.door
        if (identity := door.known(self._token)) is not None:
            return identity
        peer = self._connection.get_extra_info("peername")
        return await door.identify(self._token, network_of(await host_of(peer, self._forwarded)))

    def _take(self, type: WSMsgType, payload: bytes, last: bool) -> None:
        """Take a part of a message, or a whole one (RFC 6455, section 5.4)."""
        continues = type is WSMsgType.CONTINUATION
        if continues != bool(self._parts):
            self._close(WSCloseCode.PROTOCOL_ERROR)
            return
        if continues or not last:
            self._size += len(payload)
            if self._size > self._endpoint.max_message:
                self._close(WSCloseCode.MESSAGE_TOO_BIG)
                return
            self._parts.append(payload)
            if not last:
                return
            payload = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
        if self._begun and self._session is not None:
            self._endpoint.incoming.take(self, self._session.viewer, payload)
        else:
            self._held.append(payload)

    # --- answers to actions ------------------------------------------------------------------

    def answer(self, seq: int, answer: Answer | DeskstreamError) -> None:
        """Tell what became of an action."""
        self.in_flight -= 1
        if isinstance(answer, Answer):
            type_ = "ack" if answer.refused is None else "refused"
            self.write(WEBSOCKET.pack(type_, answer_frame(seq, answer)))  # type: ignore[arg-type]
        else:
            self.fail(answer, seq)

    def fail(self, error: DeskstreamError, seq: int | None) -> None:
        """Tell that a message was not taken."""
        frame = ErrorFrame(code=code_of(error), detail=str(error), seq=seq)
        self.write(WEBSOCKET.pack("error", codec.encode(frame)))


def code_of(error: DeskstreamError) -> str:
    """The stable code of an error: its own, or what HTTP calls it."""
    if isinstance(error, ProjectionError):
        return "unavailable"
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
        incoming: Incoming,
    ) -> None:
        self.hub = hub
        self.resume = resume
        self.door = incoming.door
        self.incoming = incoming
        self.max_message = incoming.max_message

    def listener(self, request: WSUpgradeRequest) -> LiveSocket | None:
        """The listener of a new connection; None (404) elsewhere than at PATH."""
        path = request.path.decode("latin-1").partition("?")[0]
        return LiveSocket(self, request) if path == PATH else None

    def protocol(self) -> type[asyncio.Protocol]:
        """A protocol class as uvicorn makes them, bound to this endpoint."""
        return protocol_class(self.listener, self.max_message)
