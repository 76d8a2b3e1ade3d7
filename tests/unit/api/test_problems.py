import json

import pytest

from api.problems import (
    PROBLEMS,
    REFUSAL_STATUS,
    STATUS,
    InvalidPart,
    Problem,
    code_for_status,
    too_many,
)
from schemas.refusals import REFUSALS


def test_every_refusal_has_one_http_status() -> None:
    assert set(REFUSAL_STATUS) == set(REFUSALS)
    assert not set(PROBLEMS) & set(REFUSALS)
    assert all(400 <= status <= 599 for status in STATUS.values())


def test_codes_keep_their_status() -> None:
    by_status: dict[int, set[str]] = {}
    for code, status in STATUS.items():
        by_status.setdefault(status, set()).add(code)
    assert by_status == {
        400: {
            "malformed", "malformed_request", "malformed_json", "nul_in_text", "cursor_invalid",
            "key_invalid",
        },
        401: {"unauthenticated", "login_failed"},
        403: {
            "not_allowed", "desk_not_staffed", "not_in_chat", "observer_silent", "password_wrong",
        },
        404: {
            "account_unknown", "operator_unknown", "desk_unknown", "group_unknown",
            "visitor_unknown", "chat_unknown", "message_unknown", "token_unknown", "not_found",
        },
        405: {"method_not_allowed"},
        409: {
            "not_here",
            "account_exists", "operator_busy", "operator_unavailable", "login_taken",
            "last_admin", "desk_busy", "desk_full", "desk_personal", "group_busy", "queue_full",
            "chat_closed", "chat_taken", "chat_open", "already_in_chat", "owner_stays",
            "same_desk", "offer_over",
        },
        412: {"version_not_reached"},
        413: {"body_too_large", "record_too_large"},
        414: {"address_too_long"},
        415: {"unsupported_media_type"},
        422: {"invalid"},
        429: {"too_many_requests", "too_many_logins"},
        431: {"headers_too_large"},
        500: {"internal"},
        503: {"unavailable"},
        504: {"overdue"},
    }  # fmt: skip


def test_a_problem_is_a_document_of_rfc_9457() -> None:
    part = InvalidPart(detail="Expected `str`", pointer="/name")
    response = Problem("invalid", errors=(part,)).response()
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(bytes(response.body)) == {
        "type": "/problems/invalid",
        "code": "invalid",
        "title": "The request does not fit its schema.",
        "status": 422,
        "detail": "The request does not fit its schema.",
        "errors": [{"detail": "Expected `str`", "pointer": "/name"}],
    }


@pytest.mark.parametrize(("seconds", "header"), [(0.01, "1"), (1.0, "1"), (1.2, "2"), (60, "60")])
def test_a_wait_is_rounded_up_to_whole_seconds(seconds: float, header: str) -> None:
    assert too_many("too_many_requests", seconds).headers["retry-after"] == header


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "not_found"), (405, "method_not_allowed"), (418, "malformed_request"),
     (500, "internal"), (502, "internal")],
)  # fmt: skip
def test_errors_of_the_framework_get_a_code(status: int, code: str) -> None:
    assert code_for_status(status) == code
