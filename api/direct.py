"""The shortest way: the hottest operations without the framework around them.

Of what a posted message takes in this process, the framework's routing, dependencies and exit
stacks were two thirds (FastAPI 0.165), and an idle stream would hold all their frames. The
operations stay declared like any other; they are only called directly. A path that does not fit
goes the usual way.
"""

import re
from collections.abc import Iterable

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.routes.messages import post_message

_POST_MESSAGE = re.compile("/v1/chats/([0-9A-Za-z_-]{1,64})/messages")


class Direct:
    """Calls `post_message` and the live endpoints itself; leaves all else to the framework."""

    path = "/v1/chats/{chat}/messages"
    """What the metrics call `post_message`."""

    def __init__(self, framework: ASGIApp, live: Iterable[BaseRoute]) -> None:
        self._framework = framework
        self._live = {route.path: route for route in live if isinstance(route, Route)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises what the operations raise."""
        method, path = scope["method"], scope["path"]
        if method == "POST":
            found = _POST_MESSAGE.fullmatch(path)
            if found is not None:
                scope["route"] = self
                response = await post_message(found[1], Request(scope, receive))
                await response(scope, receive, send)
                return
        elif method == "GET" and path in self._live:
            scope["route"] = self._live[path]
            await self._live[path].app(scope, receive, send)
            return
        await self._framework(scope, receive, send)
