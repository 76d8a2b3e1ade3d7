"""Problems: every error that the API answers with, as RFC 9457 has them.

DeskstreamError
└── Problem          an answer other than success, with a code from PROBLEMS

Refusals of the decider keep their own codes; `STATUS` alone says which HTTP status each has.
"""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from schemas import codec
from schemas.record import Record
from schemas.refusals import REFUSALS, DeskstreamError

MEDIA_TYPE = "application/problem+json"

REFUSAL_STATUS: dict[str, int] = {
    "malformed": 400,
    "record_too_large": 413,
    "not_allowed": 403,
    "account_unknown": 404,
    "account_exists": 409,
    "operator_unknown": 404,
    "operator_busy": 409,
    "operator_unavailable": 409,
    "login_taken": 409,
    "last_admin": 409,
    "desk_unknown": 404,
    "desk_busy": 409,
    "desk_full": 409,
    "desk_personal": 409,
    "desk_not_staffed": 403,
    "group_unknown": 404,
    "group_busy": 409,
    "visitor_unknown": 404,
    "queue_full": 409,
    "chat_unknown": 404,
    "chat_closed": 409,
    "chat_taken": 409,
    "chat_open": 409,
    "not_in_chat": 403,
    "already_in_chat": 409,
    "observer_silent": 403,
    "owner_stays": 409,
    "same_desk": 409,
    "message_unknown": 404,
    "offer_over": 409,
}
"""What HTTP calls each refusal of the decider."""

PROBLEMS: dict[str, tuple[int, str]] = {
    "malformed_request": (400, "The request cannot be read."),
    "malformed_json": (400, "The body is not JSON."),
    "nul_in_text": (400, "Text must not contain the character U+0000."),
    "cursor_invalid": (400, "The cursor is none that this list gave."),
    "key_invalid": (400, "An Idempotency-Key has 1 to 255 printable ASCII characters."),
    "unauthenticated": (401, "A valid bearer token is needed."),
    "login_failed": (401, "Account, login or password is wrong."),
    "password_wrong": (403, "The current password is wrong."),
    "token_unknown": (404, "There is no such token."),
    "not_found": (404, "There is nothing here."),
    "method_not_allowed": (405, "This resource does not take this method."),
    "not_here": (409, "Another process of this installation does that."),
    "version_not_reached": (412, "The account has not reached this version in time."),
    "body_too_large": (413, "The body is too large."),
    "address_too_long": (414, "The address is too long."),
    "unsupported_media_type": (415, "The body must be application/json."),
    "invalid": (422, "The request does not fit its schema."),
    "too_many_requests": (429, "Too many requests; try again later."),
    "too_many_logins": (429, "Too many failed logins; try again later."),
    "headers_too_large": (431, "The headers are too large."),
    "internal": (500, "Something went wrong here; it has been reported."),
    "unavailable": (503, "The service cannot take this now; try again later."),
    "overdue": (504, "The outcome is unknown; repeat with the same Idempotency-Key."),
}
"""Problems that are the API's own: code, status and title."""

STATUS: dict[str, int] = REFUSAL_STATUS | {code: status for code, (status, _) in PROBLEMS.items()}
"""The one table from code to HTTP status."""

_BY_STATUS = {
    400: "malformed_request",
    401: "unauthenticated",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    414: "address_too_long",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    431: "headers_too_large",
    503: "unavailable",
    504: "overdue",
}


class InvalidPart(Record):
    """What does not fit, and where: a JSON pointer into the body, or a parameter."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class ProblemDocument(Record):
    """An error, as RFC 9457 has it. `code` is stable and names what happened."""

    type: str
    code: str
    title: str
    status: int
    detail: str = ""
    errors: tuple[InvalidPart, ...] = ()


class Problem(DeskstreamError):
    """An answer other than success."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: tuple[InvalidPart, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or title_of(code))
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.code]

    def response(self) -> Response:
        """The answer as it goes out."""
        document = ProblemDocument(
            type=f"/problems/{self.code}",
            code=self.code,
            title=title_of(self.code),
            status=self.status,
            detail=self.detail or title_of(self.code),
            errors=self.errors,
        )
        return Response(
            codec.encode(document),
            status_code=self.status,
            headers={"cache-control": "no-store", **self.headers},
            media_type=MEDIA_TYPE,
        )


def title_of(code: str) -> str:
    """What a code means, in a sentence."""
    return PROBLEMS[code][1] if code in PROBLEMS else REFUSALS[code]


def code_for_status(status: int) -> str:
    """The code of an error that the framework itself raises with this status."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return "internal" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "malformed_request"


def too_many(code: str, retry_after: float) -> Problem:
    """A 429 that says after how many seconds to try again (at least one)."""
    return Problem(code, headers={"retry-after": str(max(1, int(retry_after + 0.999)))})
