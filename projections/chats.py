"""Chats, open and closed, with their participants and read marks."""

from typing import assert_never

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Index, Select, bindparam, false, select, true

from projections.kinds import (
    AccountEvent,
    CredentialEvent,
    DeskEvent,
    GroupEvent,
    OperatorEvent,
    VisitorEvent,
)
from projections.reading import Cut, Page, Reader, joined
from projections.rows import Rows
from projections.schema import text, view_table
from schemas import events as e
from schemas.events import Event
from schemas.values import STAFF, ChatStatus
from schemas.views import ChatView, ParticipantView, ReadMark
from streams.domain.access import Viewer, audience_of

chats = view_table("chats", text("status"), text("visitor"))
Index("chats_by_status", chats.c.account, chats.c.status, chats.c.id)
Index("chats_by_visitor", chats.c.account, chats.c.visitor, chats.c.id)

OPEN: tuple[ChatStatus, ...] = ("queued", "offered", "active")

reader = Reader(chats, ChatView)

_open = joined(
    select(chats.c.view)
    .where(chats.c.account == bindparam("a"), chats.c.status.in_(OPEN))
    .order_by(chats.c.id)
)
_open_of_visitor = joined(
    select(chats.c.view)
    .where(
        chats.c.account == bindparam("a"),
        chats.c.visitor == bindparam("v"),
        chats.c.status.in_(OPEN),
    )
    .order_by(chats.c.id)
)


def visible(viewer: Viewer) -> ColumnElement[bool]:
    """Staff see all chats of the account, a visitor their own, nobody else any."""
    if STAFF in audience_of(viewer):
        return true()
    return chats.c.visitor == viewer.id if viewer.kind == "visitor" else false()


def open_chats(connection: Connection, account: str) -> list[ChatView]:
    """The chats that are not closed, by id."""
    return reader.joined(connection, _open, {"a": account})


def open_chats_of(connection: Connection, account: str, visitor: str) -> list[ChatView]:
    """A visitor's chats that are not closed, by id."""
    return reader.joined(connection, _open_of_visitor, {"a": account, "v": visitor})


def chats_of(account: str, visitor: str) -> Select[tuple[str]]:
    """The ids of a visitor's chats, open and closed."""
    return select(chats.c.id).where(chats.c.account == account, chats.c.visitor == visitor)


def one(connection: Connection, viewer: Viewer, id: str) -> ChatView | None:
    """The chat, None if there is none or the viewer may not see it."""
    return reader.where(
        connection, chats.c.account == viewer.account, chats.c.id == id, visible(viewer)
    )


def page(
    connection: Connection,
    viewer: Viewer,
    cut: Cut,
    *,
    status: ChatStatus | None = None,
    visitor: str | None = None,
) -> Page[ChatView]:
    """Chats that the viewer may see, of one status, of one visitor."""
    where = [chats.c.account == viewer.account, visible(viewer)]
    if status is not None:
        where.append(chats.c.status == status)
    if visitor is not None:
        where.append(chats.c.visitor == visitor)
    return reader.page(connection, cut, *where)


Ignored = VisitorEvent | OperatorEvent | CredentialEvent | DeskEvent | GroupEvent | AccountEvent


class Chats:
    """Takes up what happens in chats. Open ones stay in memory, closed ones do not."""

    ignored = Ignored

    def __init__(self) -> None:
        self.rows = Rows(
            chats,
            ChatView,
            columns=lambda chat: (chat.status, chat.visitor),
            keep=lambda chat: chat.status != "closed",
        )

    def take(self, account: str, event: Event) -> None:
        """Take up one event."""
        data = event.data
        if isinstance(data, _Change):
            chat = _changed(self.rows.get(account, event.chat or ""), event, data)
        elif isinstance(data, e.ChatRequested):
            chat = ChatView(
                id=event.id,
                visitor=data.visitor,
                status="queued",
                requested_at=event.at,
                subject=data.subject,
            )
        elif isinstance(data, Ignored):
            return
        else:
            assert_never(data)
        self.rows.put(account, chat.id, chat)


_Change = (
    e.MessagePosted
    | e.MessagesRead
    | e.ChatQueued
    | e.ConversationOpened
    | e.ConversationClosed
    | e.ChatJoined
    | e.ChatLeft
    | e.ChatTransferred
    | e.ChatClosed
)


def _changed(chat: ChatView, event: Event, data: _Change) -> ChatView:
    match data:
        case e.MessagePosted():
            if data.internal:
                return chat
            return replace(chat, messages=chat.messages + 1, last_message=event.id)
        case e.MessagesRead():
            return _read(chat, f"{event.actor.kind}:{event.actor.id}", data.message)
        case e.ChatQueued():
            return _unseated(replace(chat, status="queued", group=data.group))
        case e.ConversationOpened():
            return replace(
                chat,
                status="offered",
                group=None,
                desk=data.desk,
                conversation=event.id,
                offered_until=data.offered_until,
            )
        case e.ConversationClosed():
            # Who served a closed chat last stays on show.
            return chat if data.reason == "closed" else _unseated(chat)
        case e.ChatJoined():
            return _joined(chat, data)
        case e.ChatLeft():
            return _left(chat, data.operator)
        case e.ChatTransferred():
            return chat
        case e.ChatClosed():
            return replace(chat, status="closed", closed_at=event.at, offered_until=None)
        case _:
            assert_never(data)


def _unseated(chat: ChatView) -> ChatView:
    return replace(chat, desk=None, conversation=None, offered_until=None)


def _read(chat: ChatView, name: str, message: str) -> ChatView:
    marks = tuple(mark for mark in chat.reads if mark.reader != name)
    return replace(chat, reads=(*marks, ReadMark(reader=name, message=message)))


def _joined(chat: ChatView, data: e.ChatJoined) -> ChatView:
    others = tuple(other for other in chat.participants if other.operator != data.operator)
    participant = ParticipantView(operator=data.operator, role=data.role)
    chat = replace(chat, participants=(*others, participant))
    if data.role == "owner":
        chat = replace(chat, status="active", owner=data.operator, offered_until=None)
    return chat


def _left(chat: ChatView, operator: str) -> ChatView:
    others = tuple(other for other in chat.participants if other.operator != operator)
    owner = None if chat.owner == operator else chat.owner
    return replace(chat, participants=others, owner=owner)
