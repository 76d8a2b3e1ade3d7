"""The live connections as OpenAPI has them; what serves them is no route of the framework."""

from typing import Any

from api.live.frames import FRAMES, Reset
from api.problems import MEDIA_TYPE, ProblemDocument, title_of

LIVE_RECORDS: tuple[type, ...] = tuple(frame for frame in FRAMES if frame is not Reset)

RESET: dict[str, Any] = {
    "title": "Reset",
    "description": Reset.__doc__,
    "type": "object",
    "properties": {
        "type": {"enum": ["reset"]},
        "reason": {"type": "string"},
        "state": {
            "oneOf": [
                {"$ref": "#/components/schemas/StaffState"},
                {"$ref": "#/components/schemas/VisitorState"},
            ]
        },
    },
    "required": ["type", "reason", "state"],
    "additionalProperties": False,
}
"""By hand: the two states have no tag, so the library cannot tell that either may come."""

SENT_ON_SOCKETS_ALONE = ("Ack", "RefusedFrame", "ErrorFrame")

_FRAMES = {
    "oneOf": [
        {"$ref": f"#/components/schemas/{frame.__name__}"}
        for frame in FRAMES
        if frame.__name__ not in SENT_ON_SOCKETS_ALONE
    ]
}
_AFTER = {
    "name": "after",
    "in": "query",
    "description": "The id that the client is at: `id` of its state or of its last event. "
    "Without it the first frame is a reset with a fresh state.",
    "schema": {"type": "string", "maxLength": 64},
}
_TOKEN = {
    "name": "access_token",
    "in": "query",
    "description": "The bearer token, for clients that can send no header.",
    "schema": {"type": "string", "maxLength": 512},
}
_LAST = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "As `after`; browsers send it when they connect again.",
    "schema": {"type": "string", "maxLength": 64},
}
_WAIT = {
    "name": "wait",
    "in": "query",
    "description": "Seconds to wait for news.",
    "schema": {"type": "number", "minimum": 0, "maximum": 60, "default": 25},
}
_RESUME = (
    "The client goes on from `after`: it is sent what it missed and then `caught_up`, or else "
    "`reset` with a fresh state, or `denied`. Each event names in `prev` the id before it."
)


def _problem(code: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}
    return {
        "description": f"`{code}`: {title_of(code)}",
        "content": {MEDIA_TYPE: {"schema": schema}},
    }


def _operation(id: str, summary: str, **parts: Any) -> dict[str, Any]:
    responses = parts.pop("responses") | {
        "401": _problem("unauthenticated"),
        "403": _problem("not_allowed"),
        "422": _problem("invalid"),
        "429": _problem("too_many_requests"),
        "503": _problem("unavailable"),
    }
    return {
        "get": {
            "operationId": id,
            "tags": ["live"],
            "summary": summary,
            "security": [{"viewer": []}],
            "responses": responses,
            **parts,
        }
    }


LIVE_PATHS: dict[str, Any] = {
    "/v1/live/sse": _operation(
        "live_sse",
        "Follow events as server-sent events",
        description=f"{_RESUME} A frame's `type` is also the SSE event's name.",
        parameters=[_AFTER, _LAST, _TOKEN],
        responses={
            "200": {
                "description": "An endless stream; the `data` of each event is a frame.",
                "content": {
                    "text/event-stream": {"schema": {"type": "string"}, "itemSchema": _FRAMES}
                },
            }
        },
    ),
    "/v1/live/poll": _operation(
        "live_poll",
        "Follow events by asking again and again",
        description=f"{_RESUME} Ask again with `after` = the answer's `id`.",
        parameters=[_AFTER, _WAIT, _TOKEN],
        responses={
            "200": {
                "description": "What came, or what was missed.",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "frames": {"type": "array", "items": _FRAMES},
                                "id": {"type": "string"},
                            },
                            "required": ["frames", "id"],
                        }
                    }
                },
            }
        },
    ),
    "/v1/live/ws": _operation(
        "live_ws",
        "Follow events and send actions over a WebSocket",
        description=f"{_RESUME} Each message is a frame. The client sends "
        '`{"seq": 1, "key": "…", "action": {"type": "post_message", …}}` and gets, once the '
        "decision is durable, `ack` or `refused` with that `seq`; `error` says that a message was "
        "not taken.",
        parameters=[_AFTER, _TOKEN],
        responses={"101": {"description": "A WebSocket, if it is asked for one."}},
    ),
}
