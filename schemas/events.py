"""Events: what was decided. One class a kind, past tense, in the envelope `Event`.

The id of a thing is the id of the event that made it: `operator_added` makes the operator whose
id is the event's id, and so for desks, groups, visitors, chats, conversations and messages.
"""

from typing import Literal

from schemas.record import Record
from schemas.values import (
    AccountSettings,
    Actor,
    Audience,
    Availability,
    Content,
    DeskLimit,
    Email,
    Id,
    Login,
    Milliseconds,
    Name,
    ParticipantRole,
    PersonalName,
    Role,
    Subject,
    Target,
)


class EventData(Record, tag_field="type"):
    """The base of what an event says; `type` names the kind."""


# --- the account ---------------------------------------------------------------------------


class AccountCreated(EventData, tag="account_created"):
    """Always version 1."""

    name: Name
    settings: AccountSettings


class SettingsChanged(EventData, tag="settings_changed"):
    """All settings as they are from now on."""

    settings: AccountSettings


# --- operators, their credentials and tokens -----------------------------------------------


class OperatorAdded(EventData, tag="operator_added"):
    """Followed in the same decision by the `desk_added` of the personal desk."""

    name: PersonalName
    login: Login
    role: Role


class OperatorChanged(EventData, tag="operator_changed"):
    """Name and role as they are from now on."""

    operator: Id
    name: PersonalName
    role: Role


class OperatorRemoved(EventData, tag="operator_removed"):
    """Gone, with the personal desk (its `desk_removed` precedes) and every token."""

    operator: Id


class PasswordSet(EventData, tag="password_set"):
    """Seen by no client."""

    operator: Id
    hash: str


class AvailabilityChanged(EventData, tag="availability_changed"):
    """How reachable an operator is from now on."""

    operator: Id
    availability: Availability


class OperatorPaused(EventData, tag="operator_paused"):
    """Takes no new chats."""

    operator: Id


class OperatorActivated(EventData, tag="operator_activated"):
    """Takes new chats again."""

    operator: Id


class TokenIssued(EventData, tag="token_issued"):
    """Seen by no client. `token` is a SHA-256 in hexadecimal."""

    operator: Id
    token: str
    expires_at: Milliseconds


class TokenRevoked(EventData, tag="token_revoked"):
    """Seen by no client. Without `token`: all of the operator's."""

    operator: Id
    token: str | None = None


# --- desks and groups ----------------------------------------------------------------------


class DeskAdded(EventData, tag="desk_added"):
    """`operator` is set for a personal desk, which that operator alone staffs."""

    name: Name
    limit: DeskLimit | None = None
    groups: tuple[Id, ...] = ()
    operator: Id | None = None


class DeskChanged(EventData, tag="desk_changed"):
    """Name, limit and groups as they are from now on."""

    desk: Id
    name: Name
    limit: DeskLimit | None = None
    groups: tuple[Id, ...] = ()


class DeskRemoved(EventData, tag="desk_removed"):
    """Gone."""

    desk: Id


class DeskStaffed(EventData, tag="desk_staffed"):
    """An operator sits at a shared desk."""

    desk: Id
    operator: Id


class DeskLeft(EventData, tag="desk_left"):
    """An operator sits there no more."""

    desk: Id
    operator: Id


class GroupAdded(EventData, tag="group_added"):
    """A new group."""

    name: Name


class GroupChanged(EventData, tag="group_changed"):
    """Renamed."""

    group: Id
    name: Name


class GroupRemoved(EventData, tag="group_removed"):
    """Gone, also from the desks that were in it."""

    group: Id


# --- visitors ------------------------------------------------------------------------------


class VisitorAdded(EventData, tag="visitor_added"):
    """A new visitor."""

    name: PersonalName | None = None
    email: Email | None = None


class VisitorChanged(EventData, tag="visitor_changed"):
    """What changed; None where nothing did."""

    visitor: Id
    name: PersonalName | None = None
    email: Email | None = None


# --- chats: the envelope's `chat` is set on each, `conversation` where there is one -----------


class ChatRequested(EventData, tag="chat_requested"):
    """Makes the chat. In the same decision it is offered to a desk or queued."""

    visitor: Id
    to: Target | None = None
    subject: Subject = ""


class ChatQueued(EventData, tag="chat_queued"):
    """Waits for a seat: in a group's queue, or in the account's when `group` is None.

    `desk` is set when only that desk will do (asked for by desk or operator).
    """

    group: Id | None = None
    desk: Id | None = None


class ConversationOpened(EventData, tag="conversation_opened"):
    """Makes the conversation and takes a seat at the desk.

    `offered_until` is set while somebody still has to join; afterwards it is routed again.
    """

    desk: Id
    offered_until: Milliseconds | None = None


class ChatJoined(EventData, tag="chat_joined"):
    """An operator came in. As owner, the chat is active."""

    operator: Id
    role: ParticipantRole


class ChatLeft(EventData, tag="chat_left"):
    """A participant, observer or (by a transfer) owner is no longer in the chat."""

    operator: Id


class MessagePosted(EventData, tag="message_posted"):
    """Makes the message. An internal one has the audience `staff` alone."""

    content: Content
    internal: bool = False


class MessagesRead(EventData, tag="messages_read"):
    """The envelope's actor has read up to and including `message`."""

    message: Id


class ConversationClosed(EventData, tag="conversation_closed"):
    """Gives the seat back."""

    desk: Id
    reason: Literal["transferred", "no_answer", "closed"]


class ChatTransferred(EventData, tag="chat_transferred"):
    """From which desk to which target; follows the conversation's end, precedes what comes next."""

    desk: Id
    to: Target


class ChatClosed(EventData, tag="chat_closed"):
    """The end, by the envelope's actor."""


AnyEvent = (
    AccountCreated
    | SettingsChanged
    | OperatorAdded
    | OperatorChanged
    | OperatorRemoved
    | PasswordSet
    | AvailabilityChanged
    | OperatorPaused
    | OperatorActivated
    | TokenIssued
    | TokenRevoked
    | DeskAdded
    | DeskChanged
    | DeskRemoved
    | DeskStaffed
    | DeskLeft
    | GroupAdded
    | GroupChanged
    | GroupRemoved
    | VisitorAdded
    | VisitorChanged
    | ChatRequested
    | ChatQueued
    | ConversationOpened
    | ChatJoined
    | ChatLeft
    | MessagePosted
    | MessagesRead
    | ConversationClosed
    | ChatTransferred
    | ChatClosed
)


class Event(Record):
    """One event. `version` counts the account's events without holes; `at` is ms since 1970."""

    id: Id
    version: int
    at: Milliseconds
    actor: Actor
    audience: Audience
    data: AnyEvent
    chat: Id | None = None
    conversation: Id | None = None
