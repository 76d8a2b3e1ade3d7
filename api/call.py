"""One request of somebody who is known: what an endpoint needs to serve it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from api.answers import Written
from api.auth.authenticator import Identity
from api.gateway import Origin
from api.problems import InvalidPart, Problem
from api.services import Services
from schemas import codec
from schemas.actions import AnyAction
from schemas.decisions import Answer
from schemas.record import Record
from schemas.refusals import Refused
from streams.domain.access import Permission, Viewer, allows

VERSION_HEADER = "deskstream-version"
VERSION_PARAMETER = "version"
KEY_HEADER = "idempotency-key"
TRACE_HEADER = "traceparent"

VERSION_TIMEOUT = 2.0
"""Seconds that a read waits for the version it asks for, and a write for its own."""

MAX_VERSION = 2**48 - 1
_TRACE = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_DIGITS = len(str(MAX_VERSION))

PathId = Annotated[str, Path(min_length=1, max_length=64, pattern="^[0-9A-Za-z_-]+$")]
"""An id in a path."""


View = Callable[[], Awaitable[Record | None]]
"""A query that is made when its time has come."""


class Call:
    """A request with who asks it (`viewer`) and the services that answer it."""

    __slots__ = ("identity", "request", "services", "viewer")

    def __init__(self, request: Request) -> None:
        """Raises Refused `not_allowed` for the platform, which has no account."""
        identity: Identity = request.scope["identity"]
        if identity.viewer is None:
            raise Refused("not_allowed", "The platform's token makes accounts and nothing else.")
        self.request = request
        self.identity = identity
        self.viewer: Viewer = identity.viewer
        self.services: Services = request.app.state.services

    @property
    def key(self) -> str | None:
        """The idempotency key. Raises Problem `key_invalid`."""
        key = self.request.headers.get(KEY_HEADER)
        if key is not None and not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
            raise Problem("key_invalid")
        return key

    @property
    def origin(self) -> Origin:
        """What the request says of itself. Raises Problem `key_invalid`.

        A trace that is none is passed over, as W3C's Trace Context has it.
        """
        trace = self.request.headers.get(TRACE_HEADER, "")
        return Origin(self.key, trace if _TRACE.fullmatch(trace) else None)

    def require(self, permission: Permission, *, owner: str | None = None) -> None:
        """Raise Refused `not_allowed` unless the viewer has the permission."""
        if not allows(self.viewer, permission, account=self.viewer.account, owner=owner):
            raise Refused("not_allowed")

    async def act(self, data: AnyAction) -> Answer:
        """Do it. Raises Refused, Unavailable or Overdue."""
        return await self.services.gateway.act(self.viewer, data, self.origin)

    async def fresh(self) -> None:
        """Wait for the version that the request asks for, if it does: before the first query.

        Raises Problem `version_not_reached`, or `invalid` for what is no version.
        """
        asked = (
            self.request.headers.get(VERSION_HEADER),
            self.request.query_params.get(VERSION_PARAMETER),
        )
        version = max((_version(text) for text in asked if text is not None), default=0)
        if version and not await self.reached(version):
            raise Problem("version_not_reached", headers={"retry-after": "1"})

    async def reached(self, version: int) -> bool:
        """Wait until reads show this version; False when that takes too long."""
        return await self.services.projections.reached(
            self.viewer.account, version, VERSION_TIMEOUT
        )

    async def show(self, view: View, unknown: str) -> Response:
        """The answer to a read: the view, or a problem when there is none."""
        await self.fresh()
        version = await self.services.projections.version(self.viewer.account)
        found = await view()
        if found is None:
            raise Refused(unknown)
        return answer(found, headers={VERSION_HEADER: str(version)})

    async def show_written(
        self, done: Answer, view: View, *, location: str | None = None
    ) -> Response:
        """The answer to a write: what it made (201, with `location`) or changed (200).

        202 with `Written` when it is durable but cannot be shown yet, or not any more.
        """
        headers = {VERSION_HEADER: str(done.version)}
        written = Written(version=done.version, id=done.id)
        found = await view() if await self.reached(done.version) else None
        if found is None:
            return answer(written, status=202, headers=headers)
        if location is not None:
            headers["location"] = location
        return answer(found, status=201 if location is not None else 200, headers=headers)

    async def done(self, done: Answer) -> Response:
        """The answer to a write that leaves nothing to show: 204, once reads show it too."""
        await self.reached(done.version)
        return Response(status_code=204, headers={VERSION_HEADER: str(done.version)})


def _version(text: str) -> int:
    """The version that a header or parameter names. Raises Problem `invalid`."""
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) <= MAX_VERSION:
        return int(text)
    part = InvalidPart(detail="It is no version.", parameter=VERSION_HEADER)
    raise Problem("invalid", errors=(part,))


def answer(
    record: Record, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A record as it goes out."""
    return Response(
        codec.encode(record),
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/json",
    )


async def call_of(request: Request) -> Call:
    """The call of an endpoint."""
    return Call(request)


Caller = Annotated[Call, Depends(call_of)]
