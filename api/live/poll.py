"""Long poll: each request is a session that ends with its first frames."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.live.hub import Hub
from api.live.request import session_for
from api.live.resume import Resume
from api.live.wire import POLL
from api.problems import InvalidPart, Problem

MAX_WAIT = 60.0
DEFAULT_WAIT = 25.0
"""Seconds that a request waits for news."""


class PollOutlet:
    """Gathers what a session is sent."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.arrived = asyncio.Event()

    def write(self, data: bytes) -> None:
        """See Outlet.write. Bounded by the request's end, which is at hand."""
        self.frames.append(data)
        self.arrived.set()

    def end(self, data: bytes = b"") -> None:
        """See Outlet.end."""
        self.write(data)


class PollEndpoint:
    """`GET /v1/live/poll`, an ASGI application for requests that passed the edge.

    Answers `{"frames": [...], "id": CURSOR}`: at once when something was missed, or without
    `after`; else with what comes, or with `caught_up` after `wait` seconds.
    """

    def __init__(self, hub: Hub, resume: Resume) -> None:
        self._hub = hub
        self._resume = resume

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises Refused, Problem."""
        request = Request(scope)
        after = request.query_params.get("after")
        wait = _wait(request)
        outlet = PollOutlet()
        session = session_for(scope, POLL, outlet)
        leaving = asyncio.ensure_future(_gone(receive, outlet))
        try:
            begun = await self._resume.begin(session, after, settle=after is None)
            if begun:
                outlet.frames[:0] = begun
            elif not await _arrives(outlet, wait):
                outlet.frames += self._resume.settle(session)
        finally:
            leaving.cancel()
            self._hub.leave(session)
        body = b'{"frames":[%b],"id":"%b"}' % (
            b"".join(outlet.frames).removesuffix(b","),
            session.cursor.encode(),
        )
        await Response(body, media_type="application/json")(scope, receive, send)


async def _gone(receive: Receive, outlet: PollOutlet) -> None:
    """End the wait of a client that has gone: it would hold its session until then."""
    while (await receive())["type"] != "http.disconnect":
        pass
    outlet.end()


async def _arrives(outlet: PollOutlet, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await outlet.arrived.wait()
    except TimeoutError:
        return False
    return True


def _wait(request: Request) -> float:
    text = request.query_params.get("wait")
    if text is None:
        return DEFAULT_WAIT
    try:
        wait = float(text)
    except ValueError:
        wait = -1
    if not 0 <= wait <= MAX_WAIT:
        part = InvalidPart(detail=f"Seconds, 0 to {MAX_WAIT:g}.", parameter="wait")
        raise Problem("invalid", errors=(part,))
    return wait
