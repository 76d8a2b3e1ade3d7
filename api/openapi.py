"""The OpenAPI document: what the framework knows of the routes, and what records add to it."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.call import KEY_HEADER, MAX_VERSION, TRACE_HEADER, VERSION_HEADER, VERSION_PARAMETER
from api.examples import EXAMPLES
from api.live_openapi import LIVE_PATHS, LIVE_RECORDS, RESET
from api.problems import ProblemDocument

VERSION = "1"

DESCRIPTION = """\
Live chat in which the log is the truth. Every write becomes an action on the log, is decided
once, and is answered when the decision is durable.

- **Retries.** Send an `Idempotency-Key` with a write: a repeat gets the first answer again, also
  when its body differs.
- **Read your writes.** A write answers with `Deskstream-Version`; a read that sends that header
  waits until it shows that version.
- **Live.** Get `/v1/state`, then follow `/v1/live/sse`, `/v1/live/poll` or `/v1/live/ws` from its
  `id`.
- **Errors** are problem documents (RFC 9457) with a stable `code`.
"""

TAGS = (
    ("chats", "Chats: asked for, joined, transferred, closed."),
    ("messages", "What is said in a chat."),
    ("state", "Who I am, what my client holds, and the events that lead on from it."),
    ("live", "Events as they happen."),
    ("visitors", "Who asks."),
    ("login", "Operators' tokens."),
    ("accounts", "Accounts and their settings."),
    ("operators", "Who answers."),
    ("desks", "Seats with a limit, and who sits at them."),
    ("groups", "Desks that share a queue."),
    ("platform", "What the installation itself may do."),
    ("system", "For whoever runs the service."),
)

_COUNT = {"type": "integer", "minimum": 0}
_VERSION = {"type": "integer", "minimum": 0, "maximum": MAX_VERSION}

HEADERS: dict[str, dict[str, Any]] = {
    "Version": {"description": "The account's version with this.", "schema": _VERSION},
    "Location": {"description": "Where it is.", "schema": {"type": "string"}},
    "Link": {"description": "The next page (`rel=next`).", "schema": {"type": "string"}},
    "ETag": {"description": "Good for If-None-Match.", "schema": {"type": "string"}},
    "Limit": {"description": "Requests at once.", "schema": _COUNT},
    "Remaining": {"description": "Requests left now.", "schema": _COUNT},
    "Reset": {"description": "Seconds until all are there again.", "schema": _COUNT},
    "RetryAfter": {"description": "Seconds to wait.", "schema": _COUNT},
    "Authenticate": {"description": "The scheme: Bearer.", "schema": {"type": "string"}},
}

PARAMETERS: dict[str, dict[str, Any]] = {
    "IdempotencyKey": {
        "name": KEY_HEADER.title(),
        "in": "header",
        "description": "Names this write, so that its repeats do nothing but get its answer: "
        "one name for one write of one viewer, whatever its route or connection.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    "Trace": {
        "name": TRACE_HEADER,
        "in": "header",
        "description": "W3C Trace Context: the records of this write carry it on.",
        "schema": {"type": "string"},
    },
    "MinimumVersion": {
        "name": VERSION_HEADER.title(),
        "in": "header",
        "description": "Wait until this version of the account can be read.",
        "schema": _VERSION,
    },
    "MinimumVersionInQuery": {
        "name": VERSION_PARAMETER,
        "in": "query",
        "description": "As the header Deskstream-Version.",
        "schema": _VERSION,
    },
}

SECURITY: dict[str, dict[str, str]] = {
    "viewer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An operator's token from /v1/login, or a visitor's from /v1/visitors.",
    },
    "platform": {
        "type": "http",
        "scheme": "bearer",
        "description": "The installation's own token: it makes accounts and nothing else.",
    },
}


def describe(app: FastAPI, records: Iterable[type]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of an application whose operations refer to `records`."""
    document = get_openapi(
        title="Deskstream",
        version=VERSION,
        description=DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS],
    )
    document["paths"].update(LIVE_PATHS)
    components = document.setdefault("components", {})
    components["schemas"] = _schemas([*records, *LIVE_RECORDS, ProblemDocument])
    components["headers"] = HEADERS
    components["parameters"] = PARAMETERS
    components["securitySchemes"] = SECURITY
    return document


def _schemas(records: Sequence[type]) -> dict[str, Any]:
    """The JSON schema of each record and of all that it refers to, with its example."""
    unique = list(dict.fromkeys(records))
    _, schemas = msgspec.json.schema_components(unique, ref_template="#/components/schemas/{name}")
    schemas["Reset"] = RESET
    for name, example in EXAMPLES.items():
        schemas[name]["examples"] = [example]
    return schemas
