"""What a decider keeps: only what it needs to decide, bounded by what is open.

Closed chats, visitors without an open chat, tokens and passwords are not kept; an event id tells
by itself whether there can have been such a thing (`Account.has_made`).
"""

from typing import Literal, NamedTuple

import msgspec

from schemas.ids import parse_event_id
from schemas.values import AccountSettings, Audience, Availability, Role


class State(msgspec.Struct, array_like=True):
    """The base of what is kept; written to snapshots field by field, without names."""


class Wish(NamedTuple):
    """Where a chat is to go: to one desk, to a group's desks, or (neither) to any desk."""

    group: str | None = None
    desk: str | None = None

    @property
    def queue(self) -> str:
        """The key in `Account.queues` of the chats that wait with this wish."""
        if self.desk is not None:
            return f"desk:{self.desk}"
        return f"group:{self.group}" if self.group is not None else ""


class Operator(State):
    """An operator; `desk` is the personal one."""

    id: str
    name: str
    login: str
    role: Role
    desk: str = ""
    availability: Availability = "offline"
    paused: bool = False

    @property
    def takes_chats(self) -> bool:
        """Whether routing may offer chats to this operator."""
        return self.availability == "online" and not self.paused and self.role != "auditor"


class Desk(State):
    """A desk with its open conversations counted; `operator` is set on a personal one."""

    id: str
    name: str
    limit: int | None
    groups: tuple[str, ...]
    operator: str | None
    staff: list[str]
    load: int = 0
    idle_since: int = 0
    """When a conversation last began or ended here, or somebody began to take chats (ms)."""


class Chat(State):
    """An open chat. `owner` is set while it is active, desk and conversation while it has them."""

    id: str
    visitor: str
    audience: Audience
    group: str | None
    """The group that it was asked for, or transferred to, last."""
    status: Literal["queued", "offered", "active"] = "queued"
    only_desk: str | None = None
    """Set while it waits for one desk alone."""
    desk: str | None = None
    conversation: str | None = None
    offered_until: int | None = None
    owner: str | None = None
    participants: dict[str, Literal["participant", "observer"]] = {}
    """Operators beside the owner."""
    passed: list[str] = []
    """Desks that it is not routed to: they did not answer, or gave it to their group."""
    last_message: str | None = None
    last_public: str | None = None
    internal: dict[str, str | None] = {}
    """Each internal message, with the newest public one before it."""
    reads: dict[str, str] = {}
    """The newest message read, by `visitor:ID` or `operator:ID`; a public one."""

    @property
    def wish(self) -> Wish:
        """What it waits for, while it is queued."""
        return Wish(self.group, self.only_desk)


class Account(State):
    """An account: its newest event's version and time, its organisation and its open chats."""

    settings: AccountSettings
    id: str = ""
    version: int = 0
    at: int = 0
    chain: str = ""
    """Hash of the last decision."""
    source: int = -1
    """Offset of the action decided last: what a snapshot's part has taken up already."""
    operators: dict[str, Operator] = {}
    desks: dict[str, Desk] = {}
    """In the order of their ids, as everything here: evolve only ever appends."""
    groups: list[str] = []
    chats: dict[str, Chat] = {}
    visitors: dict[str, str] = {}
    """The open chat of each visitor who has one."""
    queues: dict[str, list[str]] = {}
    """Waiting chats by `Wish.queue`, oldest request first; no empty queue is kept."""
    last_desk: str = ""
    """The desk that was given a conversation last: where round robin goes on."""

    def has_made(self, text: str) -> bool:
        """Whether `text` can be the id of an event of this account."""
        try:
            at, version = parse_event_id(text)
        except ValueError:
            return False
        return 0 < version <= self.version and at <= self.at


class Generation(State):
    """Decisions of one stretch of time, for their repetitions.

    `answers` holds a short form of the answer by action id, `keys` the action's id by actor and
    key: plain texts, which cost a third of records and which the garbage collector skips.
    """

    answers: dict[str, str] = {}
    keys: dict[str, str] = {}


class Recent(State):
    """The memory of keys: two generations, the older one dropped when a new one begins."""

    young: Generation = msgspec.field(default_factory=Generation)
    old: Generation = msgspec.field(default_factory=Generation)
    since: int = 0
    """Time of the young generation's first decision (ms)."""


class Partition(State):
    """All that the decider of one partition knows."""

    accounts: dict[str, Account] = {}
    recent: Recent = msgspec.field(default_factory=Recent)
    source: int = -1
    """Offset of the action decided last."""
    chain: str = ""
    """Hash of the last decision that belongs to no account (poison, unknown accounts)."""
