"""Messages, for whom each event's audience lets see them."""

from typing import assert_never

from msgspec import json
from sqlalchemy import Column, ColumnElement, Connection, Table, bindparam, false, select

from projections.bulk import Bulk
from projections.chats import chats_of
from projections.events import chat_of
from projections.kinds import (
    AccountEvent,
    ChatEvent,
    CredentialEvent,
    DeskEvent,
    GroupEvent,
    OperatorEvent,
    SeatEvent,
    VisitorEvent,
)
from projections.reading import Cut, Page, Reader, joined
from projections.rows import Rows
from projections.schema import TEXT, flag, metadata, text
from schemas import events as e
from schemas.events import Event
from schemas.ids import parse_event_id
from schemas.values import STAFF, visitor_audience
from schemas.views import ChatView, MessageView
from streams.domain.access import Viewer, audience_of

NEWEST = 100
"""Messages that a visitor's state shows."""

messages = Table(
    "messages",
    metadata,
    Column("account", TEXT, primary_key=True),
    Column("chat", TEXT, primary_key=True),
    Column("id", TEXT, primary_key=True),
    text("visitor"),
    flag("to_staff"),
    flag("to_visitor"),
    text("view"),
)
"""One index is all: each further one costs a sixth of all writing. So a message is found by its
chat, a visitor's by way of the visitor's chats, and one by its id by way of its event."""

reader = Reader(messages, MessageView)

_newest = joined(
    select(messages.c.view)
    .where(
        messages.c.account == bindparam("a"),
        messages.c.chat.in_(bindparam("chats", expanding=True)),
        messages.c.to_visitor,
    )
    .order_by(messages.c.id.desc())
    .limit(NEWEST)
)


def visible(viewer: Viewer) -> ColumnElement[bool]:
    """What the event's audience says, as a condition on rows."""
    if STAFF in audience_of(viewer):
        return messages.c.to_staff
    if viewer.kind == "visitor":
        return messages.c.to_visitor & (messages.c.visitor == viewer.id)
    return false()


def newest_for_visitor(connection: Connection, account: str, chats: list[str]) -> list[MessageView]:
    """The newest 100 messages of these chats that their visitor may see, by id."""
    if not chats:
        return []
    return reader.joined(connection, _newest, {"a": account, "chats": chats})[::-1]


def one(connection: Connection, viewer: Viewer, id: str) -> MessageView | None:
    """The message, None if there is none or the viewer may not see it."""
    try:
        _, version = parse_event_id(id)
    except ValueError:
        return None
    chat = chat_of(viewer.account, version)
    return reader.where(
        connection,
        messages.c.account == viewer.account,
        messages.c.chat == chat.scalar_subquery(),
        messages.c.id == id,
        visible(viewer),
    )


def page(
    connection: Connection,
    viewer: Viewer,
    cut: Cut,
    *,
    chat: str | None = None,
    visitor: str | None = None,
) -> Page[MessageView]:
    """Messages that the viewer may see: of one chat, or of one visitor over all chats.

    Without either a visitor gets their own; of staff, raises ValueError.
    """
    where = [messages.c.account == viewer.account, visible(viewer)]
    if viewer.kind == "visitor" and chat is None:
        visitor = viewer.id if visitor in (None, viewer.id) else ""
    if chat is not None:
        where.append(messages.c.chat == chat)
    elif visitor is None:
        raise ValueError("messages of which chat, or of which visitor?")
    if visitor is not None:
        where.append(messages.c.chat.in_(chats_of(viewer.account, visitor)))
    return reader.page(connection, cut, *where)


Ignored = (
    ChatEvent
    | SeatEvent
    | e.MessagesRead
    | VisitorEvent
    | OperatorEvent
    | CredentialEvent
    | DeskEvent
    | GroupEvent
    | AccountEvent
)


class Messages:
    """Takes up what is said in chats; `chats` tells whose chat it is."""

    ignored = Ignored

    def __init__(self, chats: Rows[ChatView]) -> None:
        self._chats = chats
        self._connection: Connection | None = None
        self._new: list[tuple[object, ...]] = []
        self._insert = Bulk(messages)
        self._encode = json.Encoder().encode

    def begin(self, connection: Connection) -> None:
        """Write on this connection from now on."""
        self._connection = connection

    def take(self, account: str, event: Event) -> None:
        """Take up one event."""
        data = event.data
        if isinstance(data, e.MessagePosted):
            self._add(account, event, data)
        elif not isinstance(data, Ignored):
            assert_never(data)

    def _add(self, account: str, event: Event, data: e.MessagePosted) -> None:
        assert event.chat is not None, event.id
        view = MessageView(
            id=event.id,
            chat=event.chat,
            at=event.at,
            actor=event.actor,
            content=data.content,
            internal=data.internal,
        )
        visitor = self._chats.get(account, event.chat).visitor
        audience = event.audience
        self._new.append(
            (
                account,
                event.chat,
                event.id,
                visitor,
                STAFF in audience,
                visitor_audience(visitor) in audience,
                self._encode(view).decode(),
            )
        )

    def write(self) -> None:
        """Store what has come since the last time."""
        assert self._connection is not None, "begin comes first"
        self._insert.run(self._connection, self._new)
        self._new.clear()

    def forget(self) -> None:
        """Let go of everything: what the batch brought was not stored."""
        self._new.clear()
