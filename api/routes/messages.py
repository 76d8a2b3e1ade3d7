"""Messages of a chat, and who is writing one."""

from starlette.requests import Request
from starlette.responses import Response

from api.answers import MessagePage, MessagePostedAnswer
from api.bodies import ActionBody, JsonBody
from api.call import VERSION_HEADER, Call, Caller, PathId, answer
from api.live.typing import tell_typing
from api.operations import Operations, Says
from api.pages import InEitherOrder, show_page
from api.routes.chats import visible_chat
from schemas.actions import PostMessage
from schemas.ids import parse_event_id
from schemas.record import Record
from schemas.signals import Typing

_POST = ActionBody(PostMessage, "chat")


class TypingBody(Record):
    """Whether one writes, or has stopped."""

    typing: bool = True


_TYPING = JsonBody(TypingBody)

operation = Operations("messages")


@operation(
    "POST",
    "/v1/chats/{chat}/messages",
    Says(
        answer=MessagePostedAnswer,
        status=201,
        body=_POST.body.type,
        codes=("chat_unknown", "chat_closed", "not_in_chat", "observer_silent"),
        headers=("Version",),
    ),
)
async def post_message(chat: PathId, request: Request) -> Response:
    """Say something in a chat.

    The answer comes when the message is durable; reads show it a moment later, or wait for it
    when they are given the version.
    """
    call = Call(request)
    done = await call.act(await _POST.read(request, chat=chat))
    id = done.id or ""
    return answer(
        MessagePostedAnswer(id=id, version=done.version, at=parse_event_id(id)[0]),
        status=201,
        headers={VERSION_HEADER: str(done.version)},
    )


@operation(
    "GET",
    "/v1/chats/{chat}/messages",
    Says(answer=MessagePage, codes=("chat_unknown", "cursor_invalid"), headers=("Version", "Link")),
)
async def list_messages(chat: PathId, call: Caller, paging: InEitherOrder) -> Response:
    """List a chat's messages that one may see."""
    call.require("chat:read")
    await call.fresh()
    await visible_chat(call, chat)
    projections, viewer = call.services.projections, call.viewer
    return await show_page(
        call,
        paging,
        (f"messages in {chat}", MessagePage),
        lambda cut: projections.messages(viewer, cut, chat=chat),
    )


@operation(
    "POST",
    "/v1/chats/{chat}/typing",
    Says(
        status=204,
        body=TypingBody,
        codes=("chat_unknown", "chat_closed", "not_in_chat"),
        writes=False,
    ),
)
async def post_typing(chat: PathId, call: Caller) -> Response:
    """Tell whoever is connected that one writes, or has stopped. Nothing is stored."""
    body = await _TYPING.read(call.request)
    services, typing = call.services, Typing(chat=chat, typing=body.typing)
    await tell_typing(services.gateway, services.projections, call.viewer, typing)
    return Response(status_code=204)
