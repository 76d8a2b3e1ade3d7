"""The edge: what every request passes before the framework sees it, in one layer of plain ASGI.

It refuses what is too large, tells who asks (nothing under /v1 without a token, but for PUBLIC),
counts against the limits, and puts headers on every answer. A layer for each would cost more
than the checks themselves.
"""

import time
from collections.abc import Iterable
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.door import network_of
from api.errors import problem_of
from api.limits import Allowance
from api.metrics import Metrics
from api.problems import Problem, too_many
from api.services import Services

MAX_TARGET = 8_192
"""Bytes of path and query together."""

MAX_HEADERS = 16_384
"""Bytes of all headers' names and values."""

PUBLIC = frozenset({("POST", "/v1/login"), ("POST", "/v1/visitors")})
"""What may be asked without a token; limited per address instead."""

LIVE = "/v1/live/"

NOT_SNIFFED = (b"x-content-type-options", b"nosniff")
PAGE_HEADERS = (NOT_SNIFFED, (b"x-frame-options", b"DENY"), (b"referrer-policy", b"no-referrer"))
DATA_HEADERS = (NOT_SNIFFED, (b"cache-control", b"no-store"))
"""For everything under /v1: answers hold personal data and tokens."""


class Edge:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, services: Services, metrics: Metrics) -> None:
        self._app = app
        self._door = services.door
        self._metrics = metrics
        self._max_body = services.settings.max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; anything that is not HTTP goes straight on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send, self._metrics)
        try:
            receive = self._checked(scope, receive)
            if scope["path"].startswith("/v1/"):
                answer.extra = DATA_HEADERS
                await self._admit(scope, answer)
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            pass
        except Exception as error:
            if answer.started:
                raise  # the server reports it and cuts the connection
            await problem_of(error).response()(scope, receive, answer.send)

    def _checked(self, scope: Scope, receive: Receive) -> Receive:
        """Refuse what is too large by its own word; count what gives no word."""
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_TARGET:
            raise Problem("address_too_long")
        if sum([len(name) + len(value) for name, value in scope["headers"]]) > MAX_HEADERS:
            raise Problem("headers_too_large")
        if scope["method"] in ("GET", "HEAD"):
            return receive
        length = _header(scope["headers"], b"content-length")
        if length is None:
            return _counted(receive, self._max_body)
        if not length.isdigit() or len(length) > 15:
            raise Problem("malformed_request", "Content-Length is no number.")
        if int(length) > self._max_body:
            raise Problem("body_too_large", headers={"connection": "close"})
        return receive

    async def _admit(self, scope: Scope, answer: "_Answer") -> None:
        """Tell who asks and count it. Raises Problem for those who stay outside."""
        if (scope["method"], scope["path"]) in PUBLIC or scope["method"] == "OPTIONS":
            answer.count(self._door.count_stranger(address_of(scope)))
            return
        token = token_of(scope)
        identity = self._door.known(token)
        if identity is None:
            address = address_of(scope)
            try:
                identity = await self._door.identify(token, address)
            except Problem:
                answer.allowance = self._door.left_for(address)
                raise
        scope["identity"] = identity
        if identity.viewer is not None:
            answer.count(self._door.count(identity.viewer))


class _Answer:
    """Sends an answer on, with the headers that all have, and measures it."""

    __slots__ = ("_metrics", "_scope", "_send", "_since", "allowance", "extra", "started")

    def __init__(self, scope: Scope, send: Send, metrics: Metrics) -> None:
        self._scope = scope
        self._send = send
        self._metrics = metrics
        self._since = time.perf_counter()
        self.extra: tuple[tuple[bytes, bytes], ...] = PAGE_HEADERS
        self.allowance: Allowance | None = None
        self.started = False

    def count(self, allowance: Allowance) -> None:
        """Tell what is allowed. Raises Problem `too_many_requests` when this was too much."""
        self.allowance = allowance
        if allowance.refused:
            raise too_many("too_many_requests", allowance.retry_after)

    async def send(self, message: Message) -> None:
        """Take one ASGI message."""
        if message["type"] == "http.response.start":
            self.started = True
            headers = message["headers"]
            given = {name for name, _ in headers}
            headers = [*headers, *(pair for pair in self.extra if pair[0] not in given)]
            if self.allowance is not None:
                headers += self.allowance.headers()
            message = {**message, "headers": headers}
            self._metrics.answered(
                self._scope, message["status"], time.perf_counter() - self._since
            )
        await self._send(message)


def token_of(scope: Scope) -> str:
    """The bearer token of a request, "" without one.

    Live connections may give it as `access_token` in the query, because a browser's EventSource
    and WebSocket can send no header.
    """
    header = _header(scope["headers"], b"authorization")
    if header is not None:
        scheme, _, token = header.decode("latin-1").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
    if scope["path"].startswith(LIVE):
        query = parse_qs(scope["query_string"].decode("latin-1"))
        return str(query.get("access_token", [""])[0])
    return ""


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    for key, value in headers:
        if key == name:
            return value
    return None


def address_of(scope: Scope) -> str:
    """The client's address, as the limits count it."""
    client = scope.get("client")
    return network_of(client[0]) if client else ""


def _counted(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > limit:
                raise Problem("body_too_large", headers={"connection": "close"})
        return message

    return counted
