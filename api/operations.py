"""Operations: how a route is declared, so that its OpenAPI cannot be forgotten.

What the framework cannot see, because records are no pydantic models, a `Says` says once: body,
answer, and the codes that it may be refused with. `api.openapi` puts in what follows from it.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal

from fastapi import APIRouter
from starlette.responses import Response

from api.answers import Written
from api.problems import MEDIA_TYPE, STATUS, ProblemDocument, title_of

Endpoint = Callable[..., Awaitable[Response]]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Security = Literal["viewer", "platform", "public"]

EVERYWHERE = ("malformed_request", "invalid", "too_many_requests", "internal", "unavailable")
AUTHENTICATED = ("unauthenticated", "not_allowed")
WITH_BODY = ("malformed_json", "nul_in_text", "body_too_large", "unsupported_media_type")
WRITING = ("key_invalid", "record_too_large", "overdue")
READING = ("version_not_reached",)


@dataclass(frozen=True, kw_only=True)
class Says:
    """What an operation takes and answers.

    `status` is that of success; `headers` names (in components/headers) what it carries.
    `writes`: takes an Idempotency-Key; `reads`: takes a version to wait for. By default a GET
    reads and everything else of a viewer's writes.
    """

    answer: type | UnionType | None = None
    status: int = 200
    body: type | None = None
    codes: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    security: Security = "viewer"
    writes: bool | None = None
    reads: bool | None = None
    accepted: bool = False
    """Whether it may also answer 202 with `Written`."""
    unchanged: bool = False
    """Whether it may also answer 304."""
    unready: bool = False
    """Whether it may also answer 503 with what it answers otherwise."""
    text: str | None = None
    """The media type of an answer that is text."""


class Operations:
    """The operations of one resource; `records` are the types that its OpenAPI refers to."""

    def __init__(self, tag: str) -> None:
        self.router = APIRouter(tags=[tag], generate_unique_id_function=lambda route: route.name)
        self.records: list[type] = []

    def __call__(self, method: Method, path: str, says: Says) -> Callable[[Endpoint], Endpoint]:
        """Declare the function below as what answers `method` on `path`."""

        def declare(endpoint: Endpoint) -> Endpoint:
            self.router.add_api_route(
                path,
                endpoint,
                methods=[method],
                status_code=says.status,
                summary=_sentence(endpoint),
                response_class=Response,
                response_model=None,
                responses=self._responses(method, says),
                openapi_extra=self._extra(method, says),
            )
            return endpoint

        return declare

    def _extra(self, method: Method, says: Says) -> dict[str, Any]:
        extra: dict[str, Any] = {
            "security": [] if says.security == "public" else [{says.security: []}]
        }
        parameters = []
        if _writes(method, says):
            parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
            parameters.append({"$ref": "#/components/parameters/Trace"})
        if _reads(method, says):
            parameters.append({"$ref": "#/components/parameters/MinimumVersion"})
            parameters.append({"$ref": "#/components/parameters/MinimumVersionInQuery"})
        if parameters:
            extra["parameters"] = parameters
        if says.body is not None:
            content = {"application/json": {"schema": self._schema(says.body)}}
            extra["requestBody"] = {"required": True, "content": content}
        return extra

    def _responses(self, method: Method, says: Says) -> dict[int | str, dict[str, Any]]:
        responses: dict[int | str, dict[str, Any]] = {says.status: self._success(says)}
        if says.accepted:
            responses[202] = {
                "description": "It is durable, but cannot be shown yet, or not any more.",
                "headers": _headers(("Version", *_limits(says))),
                "content": {"application/json": {"schema": self._schema(Written)}},
            }
        if says.unchanged:
            responses[304] = {"description": "Nothing has changed.", "headers": _headers(("ETag",))}
        if says.unready:
            responses[503] = {**self._success(says), "description": "Not ready."}
        for status, codes in _by_status(_codes(method, says)).items():
            responses.setdefault(status, _problem(status, codes))
        return responses

    def _success(self, says: Says) -> dict[str, Any]:
        success: dict[str, Any] = {
            "description": _description(says.answer),
            "headers": _headers((*says.headers, *_limits(says))),
        }
        if says.answer is not None:
            success["content"] = {"application/json": {"schema": self._schema(says.answer)}}
        elif says.text is not None:
            success["content"] = {says.text: {"schema": {"type": "string"}}}
        return success

    def _schema(self, record: Any) -> dict[str, Any]:
        if isinstance(record, UnionType):
            return {"oneOf": [self._schema(kind) for kind in record.__args__]}
        self.records.append(record)
        return {"$ref": f"#/components/schemas/{record.__name__}"}


def _description(record: type | UnionType | None) -> str:
    return (record.__doc__ or "").strip() if isinstance(record, type) else "Done."


def _sentence(endpoint: Endpoint) -> str:
    return (endpoint.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def _writes(method: Method, says: Says) -> bool:
    if says.writes is not None:
        return says.writes
    return method != "GET" and says.security != "public"


def _reads(method: Method, says: Says) -> bool:
    if says.reads is not None:
        return says.reads
    return method == "GET" and says.security == "viewer"


def _codes(method: Method, says: Says) -> Iterable[str]:
    yield from EVERYWHERE
    if says.security != "public":
        yield from AUTHENTICATED
    if says.body is not None:
        yield from WITH_BODY
    if _writes(method, says):
        yield from WRITING
    if _reads(method, says):
        yield from READING
    yield from says.codes


def _by_status(codes: Iterable[str]) -> dict[int, list[str]]:
    grouped: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        grouped.setdefault(STATUS[code], []).append(code)
    return dict(sorted(grouped.items()))


def _problem(status: int, codes: list[str]) -> dict[str, Any]:
    examples = {
        code: {
            "value": {
                "type": f"/problems/{code}",
                "code": code,
                "title": title_of(code),
                "status": status,
                "detail": title_of(code),
            }
        }
        for code in codes
    }
    schema = {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}
    described: dict[str, Any] = {
        "description": "; ".join(f"`{code}`: {title_of(code)}" for code in codes),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }
    if status in (429, 503):
        described["headers"] = _headers(("RetryAfter",))
    if status == 401:
        described["headers"] = _headers(("Authenticate",))
    return described


def _limits(says: Says) -> tuple[str, ...]:
    return ("Limit", "Remaining", "Reset") if says.security == "viewer" else ()


_HEADER_NAMES = {
    "Version": "Deskstream-Version",
    "Location": "Location",
    "Link": "Link",
    "ETag": "ETag",
    "Limit": "RateLimit-Limit",
    "Remaining": "RateLimit-Remaining",
    "Reset": "RateLimit-Reset",
    "RetryAfter": "Retry-After",
    "Authenticate": "WWW-Authenticate",
}


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {_HEADER_NAMES[name]: {"$ref": f"#/components/headers/{name}"} for name in names}
