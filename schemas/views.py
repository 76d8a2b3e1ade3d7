"""Views: what the API shows and what a client's state is made of."""

from schemas.record import Record
from schemas.values import (
    AccountSettings,
    Actor,
    Audience,
    Availability,
    ChatStatus,
    Content,
    ParticipantRole,
    Role,
)


class View(Record, omit_defaults=False):
    """The base of views: clients are shown every field, also where it holds its default."""


class AccountView(View):
    """An account."""

    id: str
    name: str
    settings: AccountSettings


class OperatorView(View):
    """An operator. `desk` is the personal desk."""

    id: str
    name: str
    login: str
    role: Role
    desk: str
    availability: Availability = "offline"
    paused: bool = False


class DeskView(View):
    """A desk. `limit` None: the account's holds; `load`: the conversations open there now.

    `operator` is set on a personal desk; `staff` are the operators who sit at it.
    """

    id: str
    name: str
    limit: int | None = None
    load: int = 0
    groups: tuple[str, ...] = ()
    operator: str | None = None
    staff: tuple[str, ...] = ()


class GroupView(View):
    """A group."""

    id: str
    name: str


class VisitorView(View):
    """A visitor."""

    id: str
    name: str | None = None
    email: str | None = None
    added_at: int = 0


class ParticipantView(View):
    """An operator in a chat."""

    operator: str
    role: ParticipantRole


class ReadMark(View):
    """Up to which message somebody has read. `reader` is `visitor:ID` or `operator:ID`."""

    reader: str
    message: str


class ChatView(View):
    """A chat. `group` is the queue's group while it waits; times are ms since 1970."""

    id: str
    visitor: str
    status: ChatStatus
    requested_at: int
    subject: str = ""
    group: str | None = None
    desk: str | None = None
    conversation: str | None = None
    owner: str | None = None
    participants: tuple[ParticipantView, ...] = ()
    offered_until: int | None = None
    reads: tuple[ReadMark, ...] = ()
    messages: int = 0
    """Messages that everybody in the chat may see."""
    last_message: str | None = None
    """The newest of those."""
    closed_at: int | None = None


class MessageView(View):
    """A message."""

    id: str
    chat: str
    at: int
    actor: Actor
    content: Content
    internal: bool = False


class StaffState(View):
    """What an operator's client holds: lists in the order of their ids; chats: the open ones."""

    version: int
    id: str
    """The id of the account's newest event: what to follow from."""
    account: AccountView
    operators: tuple[OperatorView, ...] = ()
    desks: tuple[DeskView, ...] = ()
    groups: tuple[GroupView, ...] = ()
    chats: tuple[ChatView, ...] = ()


class VisitorState(View):
    """What a visitor's client holds: the visitor, the open chats and their messages.

    `messages` are the newest 100 of those that the visitor may see in the open chats, by id.
    """

    version: int
    id: str
    visitor: VisitorView
    chats: tuple[ChatView, ...] = ()
    messages: tuple[MessageView, ...] = ()


class StoredEvent(Record):
    """An event as resume needs it: who may see it, and its JSON (an `Event`)."""

    id: str
    version: int
    audience: Audience
    body: bytes
