"""Refusals: why an action was not done. The codes are stable; clients may rely on them.

DeskstreamError
├── Refused          an action that the rules do not allow, with a code from REFUSALS
└── MalformedRecord  bytes that are no record
"""

from schemas.record import Record

REFUSALS: dict[str, str] = {
    "malformed": "The action cannot be read.",
    "record_too_large": "The action, or what follows from it, is more than one record may hold.",
    "not_allowed": "You may not do that.",
    "account_unknown": "There is no such account.",
    "account_exists": "An account with this id exists already.",
    "operator_unknown": "There is no such operator.",
    "operator_busy": "The operator still owns open chats.",
    "operator_unavailable": "The operator takes no chats now.",
    "login_taken": "Another operator has this login.",
    "last_admin": "An account keeps at least one admin.",
    "desk_unknown": "There is no such desk.",
    "desk_busy": "The desk still serves chats.",
    "desk_full": "The desk exceeds its number to serve.",
    "desk_personal": "A personal desk belongs to its operator.",
    "desk_not_staffed": "You do not staff this desk.",
    "group_unknown": "There is no such group.",
    "group_busy": "The group still has open chats.",
    "visitor_unknown": "There is no such visitor.",
    "queue_full": "Too many chats are waiting.",
    "chat_unknown": "There is no such chat.",
    "chat_closed": "The chat is closed.",
    "chat_taken": "The chat has an owner already.",
    "chat_open": "The visitor has an open chat already.",
    "not_in_chat": "You are not in this chat.",
    "already_in_chat": "You are in this chat already.",
    "observer_silent": "An observer writes nothing.",
    "owner_stays": "An owner transfers or closes the chat.",
    "same_desk": "The chat is at this desk already.",
    "message_unknown": "There is no such message in this chat.",
    "offer_over": "The offer is over.",
}
"""Every refusal's code and what it says when nothing more precise is known."""


class DeskstreamError(Exception):
    """The root of the errors that Deskstream raises itself."""


class Refused(DeskstreamError):
    """The rules do not allow an action."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or REFUSALS[code])
        self.code = code
        self.detail = detail or REFUSALS[code]


class MalformedRecord(DeskstreamError):
    """Bytes that are no record of this version or an older one; says where they go wrong."""


class Refusal(Record):
    """A refusal as a decision carries it."""

    code: str
    detail: str
