"""The application: routes, their edges, and how errors are answered."""

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.direct import Direct
from api.documentation import mount_docs
from api.edge import Edge
from api.errors import on_gone, on_http_error, on_invalid, on_known_error, on_unknown_error
from api.metrics import Metrics
from api.openapi import describe
from api.routes import (
    accounts,
    chats,
    desks,
    groups,
    login,
    messages,
    operators,
    platform,
    state,
    system,
    visitors,
)
from api.services import Services
from schemas.refusals import DeskstreamError

RESOURCES = (
    messages.operation,  # first: the framework looks through the routes in their order
    chats.operation,
    state.operation,
    visitors.operation,
    login.operation,
    accounts.operation,
    platform.operation,
    operators.operation,
    desks.operation,
    groups.operation,
    system.operation,
)

EXPOSED = (
    "Deskstream-Version",
    "Link",
    "Location",
    "ETag",
    "Retry-After",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
)
"""Headers that pages of other origins may read."""


class Application(FastAPI):
    """FastAPI inside the edge, so that what the edge refuses costs the framework nothing."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        super().__init__(
            title="Deskstream",
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            telemetry={"tracing": False, "metrics": False, "logs": False},
        )
        self.state.services = services
        self.state.checks = services.checks
        self.state.metrics = metrics
        self.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. (The framework's own way here has two more steps, for nothing.)"""
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        scope["app"] = self
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """The framework's own layers, the edge around them, and CORS around all if it is on."""
        services: Services = self.state.services
        inside = Direct(super().build_middleware_stack(), services.live_routes)
        edge = Edge(inside, services, self.state.metrics)
        if not services.settings.cors_origins:
            return edge
        return CORSMiddleware(
            edge,
            allow_origins=services.settings.cors_origins,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=(
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-None-Match",
                "Last-Event-ID",
                "Deskstream-Version",
            ),
            expose_headers=EXPOSED,
        )

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            records = [record for resource in RESOURCES for record in resource.records]
            self.openapi_schema = describe(self, records)
        return self.openapi_schema


def create_app(services: Services) -> Application:
    """The HTTP API. Everything it needs is in `services`; it owns none of it."""
    app = Application(services, Metrics(services.measures))
    for resource in RESOURCES:
        app.router.routes.extend(resource.router.routes)
    app.router.routes.extend(services.live_routes)
    app.router.routes.append(Route("/openapi.json", _openapi))
    mount_docs(app)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(DeskstreamError, on_known_error)
    app.add_exception_handler(ClientDisconnect, on_gone)
    app.add_exception_handler(Exception, on_unknown_error)
    return app


async def _openapi(request: Request) -> Response:
    return JSONResponse(request.app.openapi())
