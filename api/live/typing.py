"""Typing: a signal to those who are in the chat."""

from api.gateway import Gateway
from projections.store import Projections
from schemas.refusals import Refused
from schemas.signals import Typing
from schemas.values import STAFF, visitor_audience
from schemas.views import ChatView
from streams.domain.access import Viewer, allows


async def tell_typing(
    gateway: Gateway, projections: Projections, viewer: Viewer, typing: Typing
) -> None:
    """Tell that somebody types. Raises Refused as a message in this chat would be."""
    if not allows(viewer, "chat:type", account=viewer.account):
        raise Refused("not_allowed")
    chat = await projections.chat(viewer, typing.chat)
    if chat is None:
        raise Refused("chat_unknown")
    if chat.status == "closed":
        raise Refused("chat_closed")
    if viewer.kind == "operator" and not _writes(chat, viewer.id):
        raise Refused("not_in_chat")
    gateway.signal(viewer, (STAFF, visitor_audience(chat.visitor)), typing)


def _writes(chat: ChatView, operator: str) -> bool:
    return chat.owner == operator or any(
        p.operator == operator and p.role != "observer" for p in chat.participants
    )
