"""Deciding where a chat goes next: by hand (transfer), or because nobody answered."""

from schemas import actions as a
from schemas import events as e
from schemas.refusals import Refused
from streams.domain.draft import Draft
from streams.domain.routing import asked_anew, enqueue, offer, route, serve_queue, wish_for
from streams.domain.seats import Seats
from streams.domain.state import Chat, Wish


def transfer(draft: Draft, data: a.Transfer) -> None:
    """One conversation closed, the old seat free, the next one opened: all or nothing.

    A queued chat has no conversation yet; it is only routed to the new target.
    """
    chat = draft.chat(data.chat)
    _must_have_power(draft, chat)
    wish = wish_for(draft.account, data.to)
    seats = Seats(draft.account, draft.at)
    if wish.desk is not None:
        _must_take(draft, seats, chat, wish.desk, data.to.kind)
    if chat.desk is not None:
        _hand_over(draft, seats, chat, data, wish)
    elif chat.wish != wish:
        _retarget(draft, seats, chat, wish)


def _hand_over(draft: Draft, seats: Seats, chat: Chat, data: a.Transfer, wish: Wish) -> None:
    old = chat.desk or ""
    _end_conversation(draft, chat, old, data)
    seats.release(old)
    desk = wish.desk or route(draft, seats, chat.id, wish, [old])
    if desk is None:
        enqueue(draft, chat.id, chat.audience, wish)
    else:
        offer(draft, seats, chat.id, chat.audience, desk)
    serve_queue(draft, seats)


def _retarget(draft: Draft, seats: Seats, chat: Chat, wish: Wish) -> None:
    """A queued chat frees no seat; it waits with its new wish, if only until its offer."""
    desk = wish.desk or route(draft, seats, chat.id, wish, chat.passed)
    if wish.desk is None:
        enqueue(draft, chat.id, chat.audience, wish)
    if desk is not None:
        offer(draft, seats, chat.id, chat.audience, desk)


def _must_have_power(draft: Draft, chat: Chat) -> None:
    """The owner's; any agent's while it is queued; its desk's staff's while it is offered."""
    if chat.status == "active":
        draft.must_concern(chat.owner)
    elif chat.desk is not None and draft.actor.id not in draft.account.desks[chat.desk].staff:
        draft.must_concern(None)


def _must_take(draft: Draft, seats: Seats, chat: Chat, id: str, asked_for: str) -> None:
    """Refuse a desk that cannot have the chat."""
    desk = draft.account.desks[id]
    if desk.id == chat.desk:
        raise Refused("same_desk")
    if seats.full(desk):
        raise Refused("desk_full")
    if not (seats.attended(desk) if asked_for == "operator" else desk.staff):
        raise Refused("operator_unavailable")


def _end_conversation(draft: Draft, chat: Chat, desk: str, data: a.Transfer) -> None:
    draft.tell(chat, e.ConversationClosed(desk=desk, reason="transferred"))
    if chat.owner is not None:
        draft.tell(chat, e.ChatLeft(operator=chat.owner))
    for operator in chat.participants:
        draft.tell(chat, e.ChatLeft(operator=operator))
    draft.tell(chat, e.ChatTransferred(desk=desk, to=data.to))


def expire_offer(draft: Draft, data: a.ExpireOffer) -> None:
    """Nobody joined in time: the next desk is asked; after all of them, it starts anew.

    A desk that was asked for by name had its chance: from now on any desk will do.
    """
    chat = draft.account.chats.get(data.chat)
    if chat is None or chat.status != "offered" or chat.conversation != data.conversation:
        raise Refused("offer_over")
    old = chat.desk or ""
    seats = Seats(draft.account, draft.at)
    seats.release(old)
    draft.tell(chat, e.ConversationClosed(desk=old, reason="no_answer"))
    wish = Wish(group=chat.group)
    desk = route(draft, seats, chat.id, wish, [*chat.passed, old])
    if desk is None:
        enqueue(draft, chat.id, chat.audience, wish)
        serve_queue(draft, seats, asked_anew(chat, wish))
    else:
        offer(draft, seats, chat.id, chat.audience, desk)
        serve_queue(draft, seats)
