"""Chats: asked for, joined, transferred, closed."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from api.answers import ChatPage, PositionView
from api.bodies import ActionBody
from api.call import Call, Caller, PathId
from api.operations import Operations, Says
from api.pages import InEitherOrder, show_page
from schemas.actions import CloseChat, JoinChat, LeaveChat, MarkRead, RequestChat, Transfer
from schemas.decisions import Answer
from schemas.refusals import Refused
from schemas.values import ChatStatus
from schemas.views import ChatView

_REQUEST = ActionBody(RequestChat, "visitor")
_JOIN = ActionBody(JoinChat, "chat")
_TRANSFER = ActionBody(Transfer, "chat")
_READ = ActionBody(MarkRead, "chat")
_UNKNOWN = "chat_unknown"
_GONE = (_UNKNOWN, "chat_closed")

operation = Operations("chats")


def _changes(body: type | None, *codes: str) -> Says:
    return Says(
        answer=ChatView, body=body, codes=(*_GONE, *codes), headers=("Version",), accepted=True
    )


@operation(
    "GET",
    "/v1/chats",
    Says(answer=ChatPage, headers=("Version", "Link"), codes=("cursor_invalid",)),
)
async def list_chats(
    call: Caller,
    paging: InEitherOrder,
    status: Annotated[ChatStatus | None, Query(description="Only those of this status.")] = None,
) -> Response:
    """List the chats that one may see, open and closed."""
    call.require("chat:read")
    projections, viewer = call.services.projections, call.viewer
    return await show_page(
        call,
        paging,
        (f"chats {status or ''}", ChatPage),
        lambda cut: projections.chats(viewer, cut, status=status),
    )


@operation(
    "POST",
    "/v1/chats",
    Says(
        answer=ChatView,
        status=201,
        body=_REQUEST.body.type,
        codes=(
            "chat_open",
            "queue_full",
            "visitor_unknown",
            "desk_unknown",
            "operator_unknown",
            "group_unknown",
        ),
        headers=("Location", "Version"),
        accepted=True,
    ),
)
async def post_chat(call: Caller) -> Response:
    """Ask for a chat, as a visitor: it is offered to a desk at once, or queued."""
    call.require("chat:request")
    done = await call.act(await _REQUEST.read(call.request, visitor=call.viewer.id))
    return await _shown(call, done, done.id or "", made=True)


@operation(
    "GET", "/v1/chats/{chat}", Says(answer=ChatView, codes=(_UNKNOWN,), headers=("Version",))
)
async def get_chat(chat: PathId, call: Caller) -> Response:
    """Show a chat, open or closed."""
    call.require("chat:read")
    projections = call.services.projections
    return await call.show(lambda: projections.chat(call.viewer, chat), _UNKNOWN)


@operation(
    "POST",
    "/v1/chats/{chat}/join",
    _changes(
        _JOIN.body.type,
        "chat_taken",
        "desk_full",
        "desk_unknown",
        "desk_not_staffed",
        "already_in_chat",
    ),
)
async def join_chat(chat: PathId, call: Caller) -> Response:
    """Take a chat, or come in beside its owner."""
    return await _shown(call, await call.act(await _JOIN.read(call.request, chat=chat)), chat)


@operation("POST", "/v1/chats/{chat}/leave", _changes(None, "owner_stays", "not_in_chat"))
async def leave_chat(chat: PathId, call: Caller) -> Response:
    """Leave a chat as its participant or observer."""
    return await _shown(call, await call.act(LeaveChat(chat=chat)), chat)


@operation(
    "POST",
    "/v1/chats/{chat}/transfer",
    _changes(
        _TRANSFER.body.type,
        "desk_unknown",
        "operator_unknown",
        "group_unknown",
        "desk_full",
        "same_desk",
        "operator_unavailable",
    ),
)
async def transfer_chat(chat: PathId, call: Caller) -> Response:
    """Hand a chat over to a desk, an operator or a group."""
    done = await call.act(await _TRANSFER.read(call.request, chat=chat))
    return await _shown(call, done, chat)


@operation(
    "POST",
    "/v1/chats/{chat}/read",
    _changes(_READ.body.type, "message_unknown", "not_in_chat", "observer_silent"),
)
async def mark_read(chat: PathId, call: Caller) -> Response:
    """Say up to which message one has read."""
    return await _shown(call, await call.act(await _READ.read(call.request, chat=chat)), chat)


@operation("POST", "/v1/chats/{chat}/close", _changes(None))
async def close_chat(chat: PathId, call: Caller) -> Response:
    """End a chat."""
    return await _shown(call, await call.act(CloseChat(chat=chat)), chat)


@operation(
    "GET",
    "/v1/chats/{chat}/position",
    Says(answer=PositionView, codes=(_UNKNOWN,), headers=("Version",)),
)
async def get_position(chat: PathId, call: Caller) -> Response:
    """Show a chat's place in its queue."""
    call.require("chat:read")

    async def position() -> PositionView | None:
        view = await call.services.projections.chat(call.viewer, chat)
        if view is None:
            return None
        if view.status != "queued":
            return PositionView(chat=chat, status=view.status)
        waiting = await call.services.projections.open_chats(call.viewer.account)
        before = sum(
            other.status == "queued"
            and (other.group, other.desk) == (view.group, view.desk)
            and other.id < chat
            for other in waiting
        )
        return PositionView(chat=chat, status="queued", position=before + 1)

    return await call.show(position, _UNKNOWN)


async def visible_chat(call: Call, chat: str) -> ChatView:
    """A chat that the viewer may see. Raises Refused `chat_unknown`."""
    view = await call.services.projections.chat(call.viewer, chat)
    if view is None:
        raise Refused(_UNKNOWN)
    return view


async def _shown(call: Call, done: Answer, chat: str, *, made: bool = False) -> Response:
    projections, viewer = call.services.projections, call.viewer
    location = f"/v1/chats/{chat}" if made else None
    return await call.show_written(done, lambda: projections.chat(viewer, chat), location=location)
