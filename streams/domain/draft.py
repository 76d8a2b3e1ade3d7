"""A decision in the making: who acts, what they may touch, and the events so far."""

from typing import NamedTuple

from schemas.actions import Action
from schemas.decisions import Routing
from schemas.events import AnyEvent, ConversationOpened, Event, MessagePosted
from schemas.ids import event_id
from schemas.refusals import Refused
from schemas.values import STAFF, Audience
from streams.domain.access import Permission, Viewer, allows, permission_for
from streams.domain.state import Account, Chat, Operator

STAFF_ONLY: Audience = (STAFF,)
NOBODY: Audience = ()


SERVED_AT_ONCE = 100
"""Waiting chats served in one decision, so that its record stays below 256 KiB.

What is left over goes on with the next request or gain of seats."""


class Outcome(NamedTuple):
    """What an accepted action leads to."""

    events: tuple[Event, ...]
    why: tuple[Routing, ...]


class Draft:
    """Reads the account, never changes it, and gathers what the action leads to."""

    def __init__(self, account: Account, action: Action, serving: int = SERVED_AT_ONCE) -> None:
        """`serving`: how many waiting chats may be given seats besides.

        Raises Refused (not_allowed) when the actor may not act so at all.
        """
        actor = action.actor
        self.account = account
        self.actor = actor
        self.at = max(action.at, account.at)
        self.serving = serving
        self.events: list[Event] = []
        self.why: list[Routing] = []
        self._version = account.version
        self._permission: Permission = permission_for(action.data)
        operator = account.operators.get(actor.id) if actor.kind == "operator" else None
        self._operator = operator
        # The role comes from the state: what a token said when it was issued does not count.
        self._viewer = Viewer(
            kind=actor.kind,
            id=actor.id,
            account=action.account,
            role=operator.role if operator is not None else None,
        )
        if not allows(self._viewer, self._permission, account=action.account):
            raise Refused("not_allowed")

    @property
    def operator(self) -> Operator:
        """The acting operator. For actions that only operators are granted."""
        assert self._operator is not None
        return self._operator

    def must_concern(self, owner: str | None) -> None:
        """Refuse (not_allowed) a thing of `owner` that the actor has no power over."""
        if not allows(
            self._viewer, self._permission, account=self._viewer.account, owner=owner or ""
        ):
            raise Refused("not_allowed")

    def chat(self, id: str) -> Chat:
        """An open chat that the actor may know of. Raises Refused.

        To a visitor another's open chat is unknown.
        """
        chat = self.account.chats.get(id)
        if chat is None:
            raise Refused("chat_closed" if self.account.has_made(id) else "chat_unknown")
        if self.actor.kind == "visitor" and chat.visitor != self.actor.id:
            raise Refused("chat_unknown")
        return chat

    def next_id(self) -> str:
        """The id that the next event will have."""
        return event_id(self.at, self._version + 1)

    def add(
        self,
        data: AnyEvent,
        audience: Audience = STAFF_ONLY,
        chat: str | None = None,
        conversation: str | None = None,
    ) -> str:
        """Add an event; gives its id."""
        self._version += 1
        id = event_id(self.at, self._version)
        self.events.append(
            Event(
                id=id,
                version=self._version,
                at=self.at,
                actor=self.actor,
                audience=audience,
                data=data,
                chat=chat,
                conversation=conversation,
            )
        )
        return id

    def tell(self, chat: Chat, data: AnyEvent) -> None:
        """Add an event of a chat, within its conversation if it has one."""
        internal = type(data) is MessagePosted and data.internal
        audience = STAFF_ONLY if internal else chat.audience
        self.add(data, audience, chat.id, chat.conversation)

    def open_conversation(
        self, chat: str, audience: Audience, desk: str, offered_until: int | None
    ) -> str:
        """Add a conversation at a desk; gives its id."""
        data = ConversationOpened(desk=desk, offered_until=offered_until)
        return self.add(data, audience, chat, self.next_id())

    def outcome(self) -> Outcome:
        """What the action leads to."""
        return Outcome(tuple(self.events), tuple(self.why))
