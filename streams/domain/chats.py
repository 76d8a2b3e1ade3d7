"""Deciding about chats: from the request over joining and talking to the close."""

from schemas import actions as a
from schemas import events as e
from schemas.refusals import Refused
from schemas.values import STAFF, visitor_audience
from streams.domain.desks import known_desk, must_know_visitor
from streams.domain.draft import Draft
from streams.domain.routing import enqueue, offer, route, serve_queue, wish_for
from streams.domain.seats import Seats
from streams.domain.state import Account, Chat, Operator


def request_chat(draft: Draft, data: a.RequestChat) -> None:
    """Offered to a desk at once, or queued."""
    account = draft.account
    draft.must_concern(data.visitor)
    must_know_visitor(account, data.visitor)
    if data.visitor in account.visitors:
        raise Refused("chat_open")
    wish = wish_for(account, data.to)
    seats = Seats(account, draft.at)
    chat = draft.next_id()
    desk = route(draft, seats, chat, wish)
    if desk is None and _waiting(account) >= account.settings.queue_limit:
        raise Refused("queue_full")
    audience = (STAFF, visitor_audience(data.visitor))
    requested = e.ChatRequested(visitor=data.visitor, to=data.to, subject=data.subject)
    draft.add(requested, audience, chat)
    if desk is None:
        enqueue(draft, chat, audience, wish)
    else:
        offer(draft, seats, chat, audience, desk)
    serve_queue(draft, seats)


def join_chat(draft: Draft, data: a.JoinChat) -> None:
    """As owner: an offered or queued chat. Beside its owner: an active one."""
    chat = draft.chat(data.chat)
    operator = draft.operator
    if operator.id == chat.owner or operator.id in chat.participants:
        raise Refused("already_in_chat")
    if data.role != "owner":
        if chat.status != "active":
            raise Refused("not_allowed", "Nobody owns the chat yet.")
        draft.tell(chat, e.ChatJoined(operator=operator.id, role=data.role))
    elif chat.owner is not None:
        raise Refused("chat_taken")
    elif chat.desk is not None:
        _take_offered(draft, chat, operator)
    else:
        _take_queued(draft, chat, operator, data.desk or operator.desk)


def _take_offered(draft: Draft, chat: Chat, operator: Operator) -> None:
    """The seat stays at the desk, also when a supervisor from elsewhere takes the chat."""
    desk = draft.account.desks[chat.desk or ""]
    if operator.id not in desk.staff and operator.role == "agent":
        raise Refused("desk_not_staffed")
    draft.tell(chat, e.ChatJoined(operator=operator.id, role="owner"))


def _take_queued(draft: Draft, chat: Chat, operator: Operator, at: str) -> None:
    """By hand: needs a free seat, but neither availability nor the chat's group matters."""
    desk = known_desk(draft.account, at)
    if operator.id not in desk.staff:
        raise Refused("desk_not_staffed")
    if Seats(draft.account, draft.at).full(desk):
        raise Refused("desk_full")
    conversation = draft.open_conversation(chat.id, chat.audience, desk.id, None)
    joined = e.ChatJoined(operator=operator.id, role="owner")
    draft.add(joined, chat.audience, chat.id, conversation)


def leave_chat(draft: Draft, data: a.LeaveChat) -> None:
    """For participants and observers."""
    chat = draft.chat(data.chat)
    operator = draft.operator
    if operator.id == chat.owner:
        raise Refused("owner_stays")
    if operator.id not in chat.participants:
        raise Refused("not_in_chat")
    draft.tell(chat, e.ChatLeft(operator=operator.id))


def post_message(draft: Draft, data: a.PostMessage) -> None:
    """The visitor, the owner, a participant or the system; internal ones not by the visitor."""
    chat = draft.chat(data.chat)
    _must_have_a_voice(draft, chat)
    if data.internal and draft.actor.kind == "visitor":
        raise Refused("not_allowed", "Internal messages are for staff.")
    draft.tell(chat, e.MessagePosted(content=data.content, internal=data.internal))


def mark_read(draft: Draft, data: a.MarkRead) -> None:
    """Only forward; a mark that is there already, or behind it, changes nothing.

    The visitor sees the marks, so they never name an internal message: who has read that has
    read the public ones before it.
    """
    chat = draft.chat(data.chat)
    _must_have_a_voice(draft, chat)
    visitor = draft.actor.kind == "visitor"
    newest = chat.last_public if visitor else chat.last_message
    hidden = visitor and data.message in chat.internal
    if newest is None or hidden or not chat.id < data.message <= newest:
        raise Refused("message_unknown")
    if not draft.account.has_made(data.message):
        raise Refused("message_unknown")
    message = chat.internal.get(data.message, data.message)
    reader = f"{draft.actor.kind}:{draft.actor.id}"
    if message is not None and message > chat.reads.get(reader, ""):
        draft.tell(chat, e.MessagesRead(message=message))


def close_chat(draft: Draft, data: a.CloseChat) -> None:
    """By the visitor, the owner or a supervisor; the seat goes to the next who waits."""
    chat = draft.chat(data.chat)
    draft.must_concern(chat.visitor if draft.actor.kind == "visitor" else chat.owner)
    if chat.desk is not None:
        draft.tell(chat, e.ConversationClosed(desk=chat.desk, reason="closed"))
    draft.tell(chat, e.ChatClosed())
    if chat.desk is not None:
        seats = Seats(draft.account, draft.at)
        seats.release(chat.desk)
        serve_queue(draft, seats)


def _must_have_a_voice(draft: Draft, chat: Chat) -> None:
    """Of operators only those in the chat write, and observers do not."""
    id = draft.actor.id
    if draft.actor.kind != "operator" or id == chat.owner:
        return
    role = chat.participants.get(id)
    if role is None:
        raise Refused("not_in_chat")
    if role == "observer":
        raise Refused("observer_silent")


def _waiting(account: Account) -> int:
    return sum(len(queue) for queue in account.queues.values())
