"""Actions: what somebody wants. One class a kind, imperative, in the envelope `Action`."""

from typing import Annotated

from msgspec import Meta

from schemas.record import Record
from schemas.values import (
    AccountId,
    AccountSettings,
    Actor,
    Availability,
    Content,
    DeskLimit,
    Email,
    Id,
    Key,
    Login,
    Milliseconds,
    Name,
    ParticipantRole,
    PersonalName,
    Role,
    RoutingPolicy,
    Subject,
    Target,
    Trace,
)


class ActionData(Record, tag_field="type"):
    """The base of what an action says; `type` names the kind."""


# --- the account ---------------------------------------------------------------------------


class CreateAccount(ActionData, tag="create_account"):
    """Make the account that the envelope names."""

    name: Name
    settings: AccountSettings = AccountSettings()


class ChangeSettings(ActionData, tag="change_settings"):
    """Change the settings that are given; the others stay."""

    routing: RoutingPolicy | None = None
    desk_limit: DeskLimit | None = None
    no_answer_after: Annotated[int, Meta(ge=1_000, le=86_400_000)] | None = None
    queue_limit: Annotated[int, Meta(ge=0, le=100_000)] | None = None


# --- operators, their credentials and tokens -----------------------------------------------


class AddOperator(ActionData, tag="add_operator"):
    """Add an operator, with a personal desk. `login` is unique in the account."""

    name: PersonalName
    login: Login
    role: Role = "agent"
    desk_limit: DeskLimit | None = None
    groups: tuple[Id, ...] = ()
    """Groups of the personal desk."""
    password_hash: Annotated[str, Meta(max_length=512)] | None = None
    """An argon2 hash; becomes a `password_set` event that no client sees."""


class ChangeOperator(ActionData, tag="change_operator"):
    """Change what is given; the rest stays."""

    operator: Id
    name: PersonalName | None = None
    role: Role | None = None


class RemoveOperator(ActionData, tag="remove_operator"):
    """Remove an operator who owns no open chat."""

    operator: Id


class SetPassword(ActionData, tag="set_password"):
    """Set an operator's password; `hash` is argon2's encoded form. Ends all their tokens."""

    operator: Id
    hash: Annotated[str, Meta(max_length=512)]


class SetAvailability(ActionData, tag="set_availability"):
    """Say how reachable an operator is. Only `online` takes new chats."""

    operator: Id
    availability: Availability


class PauseOperator(ActionData, tag="pause_operator"):
    """Stop taking new chats, whatever the availability."""

    operator: Id


class ActivateOperator(ActionData, tag="activate_operator"):
    """Take new chats again."""

    operator: Id


class IssueToken(ActionData, tag="issue_token"):
    """Let an operator in. `token` is the SHA-256 of the opaque token, in hexadecimal."""

    operator: Id
    token: Annotated[str, Meta(min_length=64, max_length=64)]
    expires_at: Milliseconds


class RevokeToken(ActionData, tag="revoke_token"):
    """End one token of an operator, or all of them when none is named."""

    operator: Id
    token: Annotated[str, Meta(min_length=64, max_length=64)] | None = None


# --- desks and groups ----------------------------------------------------------------------


class AddDesk(ActionData, tag="add_desk"):
    """Add a shared desk. Without a limit the account's holds."""

    name: Name
    limit: DeskLimit | None = None
    groups: tuple[Id, ...] = ()


class ChangeDesk(ActionData, tag="change_desk"):
    """Change what is given; the rest stays. A limit below the load only stops new chats."""

    desk: Id
    name: Name | None = None
    limit: DeskLimit | None = None
    groups: tuple[Id, ...] | None = None


class RemoveDesk(ActionData, tag="remove_desk"):
    """Remove a shared desk that serves nobody."""

    desk: Id


class StaffDesk(ActionData, tag="staff_desk"):
    """Seat an operator at a shared desk."""

    desk: Id
    operator: Id


class LeaveDesk(ActionData, tag="leave_desk"):
    """Take an operator away from a shared desk."""

    desk: Id
    operator: Id


class AddGroup(ActionData, tag="add_group"):
    """Add a group: desks that share a queue."""

    name: Name


class ChangeGroup(ActionData, tag="change_group"):
    """Rename a group."""

    group: Id
    name: Name


class RemoveGroup(ActionData, tag="remove_group"):
    """Remove a group that has no open chat; its desks stay."""

    group: Id


# --- visitors ------------------------------------------------------------------------------


class AddVisitor(ActionData, tag="add_visitor"):
    """Make a visitor: anonymous, or with a name and an address."""

    name: PersonalName | None = None
    email: Email | None = None


class ChangeVisitor(ActionData, tag="change_visitor"):
    """Change what is given; the rest stays."""

    visitor: Id
    name: PersonalName | None = None
    email: Email | None = None


# --- chats ---------------------------------------------------------------------------------


class RequestChat(ActionData, tag="request_chat"):
    """A visitor asks for a chat: with anybody, or with a group, a desk or an operator."""

    visitor: Id
    to: Target | None = None
    subject: Subject = ""


class JoinChat(ActionData, tag="join_chat"):
    """An operator takes a chat (owner), or comes in beside its owner.

    A queued chat needs a free seat: at `desk`, or at the operator's personal desk.
    """

    chat: Id
    role: ParticipantRole = "owner"
    desk: Id | None = None


class LeaveChat(ActionData, tag="leave_chat"):
    """A participant or observer goes; an owner transfers or closes instead."""

    chat: Id


class PostMessage(ActionData, tag="post_message"):
    """Say something in a chat. `internal` is for staff alone."""

    chat: Id
    content: Content
    internal: bool = False


class Transfer(ActionData, tag="transfer"):
    """Close this desk's conversation and open the next one at the target."""

    chat: Id
    to: Target


class MarkRead(ActionData, tag="mark_read"):
    """The actor has read the chat's messages up to and including this one."""

    chat: Id
    message: Id


class CloseChat(ActionData, tag="close_chat"):
    """End a chat."""

    chat: Id


class ExpireOffer(ActionData, tag="expire_offer"):
    """A timer: nobody joined this conversation in time. Only the system says this."""

    chat: Id
    conversation: Id


AnyAction = (
    CreateAccount
    | ChangeSettings
    | AddOperator
    | ChangeOperator
    | RemoveOperator
    | SetPassword
    | SetAvailability
    | PauseOperator
    | ActivateOperator
    | IssueToken
    | RevokeToken
    | AddDesk
    | ChangeDesk
    | RemoveDesk
    | StaffDesk
    | LeaveDesk
    | AddGroup
    | ChangeGroup
    | RemoveGroup
    | AddVisitor
    | ChangeVisitor
    | RequestChat
    | JoinChat
    | LeaveChat
    | PostMessage
    | Transfer
    | MarkRead
    | CloseChat
    | ExpireOffer
)


class Action(Record):
    """One record of the topic `actions`.

    `id` is unique; `key` is the client's idempotency key, meaningful together with the actor;
    `at` is set by whoever appends it; `trace` is a W3C traceparent, which its decision carries on.
    """

    id: Id
    account: AccountId
    actor: Actor
    at: Milliseconds
    data: AnyAction
    key: Key | None = None
    trace: Trace | None = None
