"""The shortest way: the hottest operation without the framework around it.

Of what a posted message takes in this process, the framework's routing, dependencies and exit
stacks were two thirds (FastAPI 0.165). The operation stays declared like any other; it is only
called directly. What its path does not fit goes the usual way.
"""

import logging
import re

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import problem_of
from api.problems import Problem
from api.routes.messages import post_message
from schemas.refusals import DeskstreamError

_POST_MESSAGE = re.compile("/v1/chats/([0-9A-Za-z_-]{1,64})/messages")

_log = logging.getLogger(__name__)


class Direct:
    """Calls `post_message` itself and leaves everything else to the framework."""

    path = "/v1/chats/{chat}/messages"
    """What the metrics call it."""

    def __init__(self, framework: ASGIApp) -> None:
        self._framework = framework

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        found = _POST_MESSAGE.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope["method"] != "POST":
            await self._framework(scope, receive, send)
            return
        scope["route"] = self
        try:
            response = await post_message(found[1], Request(scope, receive))
        except DeskstreamError as error:
            response = problem_of(error).response()
        except ClientDisconnect:
            return
        except Exception:
            _log.exception("%s failed", self.path)
            response = Problem("internal").response()
        await response(scope, receive, send)
