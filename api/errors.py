"""From an exception to the problem that the client is told of."""

import logging

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.gateway import Overdue, Unavailable
from api.problems import InvalidPart, Problem, code_for_status
from projections.errors import ProjectionError
from schemas.refusals import Refused

_log = logging.getLogger(__name__)


def problem_of(error: Exception) -> Problem:
    """The problem that stands for an error of ours; one that nobody expected is reported."""
    match error:
        case Problem():
            return error
        case Refused():
            return Problem(error.code, error.detail)
        case Overdue():
            return Problem("overdue", str(error))
        case Unavailable() | ProjectionError():
            _log.warning("unavailable: %s", error)
            return Problem("unavailable", headers={"retry-after": "1"})
        case _:
            _log.error("unexpected here", exc_info=error)
            return Problem("internal")


async def on_known_error(request: Request, error: Exception) -> Response:
    """Answer an error of ours."""
    return problem_of(error).response()


async def on_gone(request: Request, error: Exception) -> Response:
    """The client left before its body was here; nobody reads this."""
    return Problem("malformed_request").response()


async def on_unknown_error(request: Request, error: Exception) -> Response:
    """Answer what nobody expected. The server reports it; the client learns nothing of it."""
    return Problem("internal").response()


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses by itself: no such route, no such method."""
    assert isinstance(error, HTTPException)
    return Problem(code_for_status(error.status_code), headers=error.headers).response()


async def on_invalid(request: Request, error: Exception) -> Response:
    """Answer parameters that do not fit their schema."""
    assert isinstance(error, RequestValidationError)
    parts = tuple(
        InvalidPart(detail=str(item["msg"]), parameter=str(item["loc"][-1]))
        for item in error.errors()
    )
    return Problem("invalid", errors=parts).response()
