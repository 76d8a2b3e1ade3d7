"""Who I am, the state that a client holds, and the events that lead on from it."""

from typing import Annotated, NamedTuple

import msgspec
from fastapi import Query
from starlette.responses import Response

from api.answers import EventPage, EventView, MeView
from api.call import VERSION_HEADER, Call, Caller, answer
from api.operations import Operations, Says
from api.pages import Limit, next_link
from schemas.events import Event
from schemas.ids import parse_event_id
from schemas.views import StaffState, StoredEvent, VisitorState
from streams.domain.access import allows

SCANNED = 2_000
"""Events looked at for one page: few of them may be for a visitor."""

_decode_event = msgspec.json.Decoder(Event).decode

operation = Operations("state")


@operation(
    "GET",
    "/v1/me",
    Says(answer=MeView, codes=("operator_unknown", "visitor_unknown"), headers=("Version",)),
)
async def get_me(call: Caller) -> Response:
    """Show who the token stands for."""
    viewer, projections = call.viewer, call.services.projections

    async def me() -> MeView | None:
        if viewer.kind == "visitor":
            visitor = await projections.visitor(viewer.account, viewer.id)
            if visitor is None:
                return None
            return MeView(kind="visitor", account=viewer.account, visitor=visitor)
        operator = await projections.operator(viewer.account, viewer.id)
        if operator is None:
            return None
        return MeView(kind="operator", account=viewer.account, operator=operator)

    return await call.show(
        me, "visitor_unknown" if viewer.kind == "visitor" else "operator_unknown"
    )


@operation(
    "GET",
    "/v1/state",
    Says(
        answer=StaffState | VisitorState,
        codes=("account_unknown", "visitor_unknown"),
        headers=("Version", "ETag"),
        unchanged=True,
    ),
)
async def get_state(call: Caller) -> Response:
    """Show all that one's client holds, as of `version`; go on with events after `id`.

    Staff get a StaffState, visitors a VisitorState.
    """
    call.require("events:read", owner=call.viewer.id)
    await call.fresh()
    state = await call.services.projections.state_for(call.viewer)
    headers = {VERSION_HEADER: str(state.version), "etag": f'"{state.version}"'}
    if headers["etag"] in call.request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return answer(state, headers=headers)


@operation(
    "GET",
    "/v1/events",
    Says(answer=EventPage, headers=("Version", "Link")),
)
async def list_events(
    call: Caller,
    after: Annotated[
        str | None,
        Query(
            pattern="^[0-9a-v]{19}[0g]$",
            description="The id after which to begin; the first event without.",
        ),
    ] = None,
    limit: Limit = 100,
) -> Response:
    """List the events that one may see, oldest first.

    A page may hold less than `limit`, or nothing, and still have a `next`.
    """
    call.require("events:read", owner=call.viewer.id)
    await call.fresh()
    found = await _seen(call, _version_of(after), limit)
    headers = {VERSION_HEADER: str(found.version)}
    if found.next is not None:
        headers["link"] = next_link(call.request, after=found.next)
    views = tuple(_view(event) for event in found.events)
    page = EventPage(items=views, version=found.version, next=found.next)
    return answer(page, headers=headers)


class _Found(NamedTuple):
    """Events, up to which version was looked for them, and the id to go on from."""

    events: list[StoredEvent]
    version: int
    next: str | None


async def _seen(call: Call, version: int, limit: int) -> _Found:
    """Up to `limit` events after `version` that the viewer may see."""
    viewer = call.viewer
    stored = await call.services.projections.events_after(viewer.account, version, SCANNED)
    seen: list[StoredEvent] = []
    for number, event in enumerate(stored, 1):
        if allows(
            viewer,
            "events:read",
            account=viewer.account,
            audience=event.audience,
            owner=viewer.id,
        ):
            seen.append(event)
        if len(seen) == limit or number == SCANNED:
            following = event.id if number < len(stored) or number == SCANNED else None
            return _Found(seen, event.version, following)
    return _Found(seen, stored[-1].version if stored else version, None)


def _version_of(after: str | None) -> int:
    """The version of an event id, which the pattern says it is."""
    return 0 if after is None else parse_event_id(after)[1]


def _view(stored: StoredEvent) -> EventView:
    event = _decode_event(stored.body)
    return EventView(
        id=event.id,
        version=event.version,
        at=event.at,
        actor=event.actor,
        data=event.data,
        chat=event.chat,
        conversation=event.conversation,
    )
