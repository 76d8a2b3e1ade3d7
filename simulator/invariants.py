"""The rules that hold at every prefix of an account's events, folded without the domain's code.

The checker must not believe the code that it checks, so it keeps its own small account: seats,
limits, owners and open conversations, and nothing of closed chats.
"""

from schemas.events import (
    AccountCreated,
    AnyEvent,
    ChatClosed,
    ChatJoined,
    ChatLeft,
    ChatRequested,
    ConversationClosed,
    ConversationOpened,
    DeskAdded,
    DeskChanged,
    DeskRemoved,
    Event,
    SettingsChanged,
)
from simulator.faults import Verdict


class _Chat:
    """An open chat."""

    __slots__ = ("desk", "owner")

    def __init__(self) -> None:
        self.owner: str | None = None
        self.desk: str | None = None
        """Where its open conversation is."""


class Invariants:
    """Follows one account's events and reports what breaks a rule."""

    def __init__(self, account: str, verdict: Verdict) -> None:
        self._account = account
        self._verdict = verdict
        self._default = 0
        self._limits: dict[str, int | None] = {}
        self._loads: dict[str, int] = {}
        self._chats: dict[str, _Chat] = {}

    def take(self, event: Event) -> None:
        """The account's next event."""
        if event.chat is not None:
            self._take_chat(event, event.chat)
        else:
            self._take_organisation(event.id, event.data)

    def _take_organisation(self, id: str, data: AnyEvent) -> None:
        match data:
            case AccountCreated() | SettingsChanged():
                self._default = data.settings.desk_limit
            case DeskAdded():
                self._limits[id] = data.limit
            case DeskChanged():
                self._limits[data.desk] = data.limit
            case DeskRemoved():
                self._limits.pop(data.desk, None)
                self._loads.pop(data.desk, None)
            case _:
                pass

    def _take_chat(self, event: Event, name: str) -> None:
        data = event.data
        if isinstance(data, ChatRequested):
            self._chats[name] = _Chat()
            return
        chat = self._chats.get(name)
        if chat is None:
            self._report("chat_not_open", event, f"chat {name}")
            return
        match data:
            case ConversationOpened():
                self._open(event, chat, data.desk)
            case ConversationClosed():
                self._close(chat)
            case ChatJoined(role="owner"):
                if chat.owner is not None:
                    self._report(
                        "two_owners", event, f"{data.operator} beside {chat.owner} in {name}"
                    )
                chat.owner = data.operator
            case ChatLeft():
                if chat.owner == data.operator:
                    chat.owner = None
            case ChatClosed():
                self._close(chat)
                del self._chats[name]
            case _:
                pass

    def _open(self, event: Event, chat: _Chat, desk: str) -> None:
        if chat.desk is not None:
            detail = f"chat {event.chat} at {desk} beside {chat.desk}"
            self._report("two_conversations", event, detail)
            self._close(chat)
        load = self._loads[desk] = self._loads.get(desk, 0) + 1
        chat.desk = desk
        own = self._limits.get(desk, 0)
        limit = self._default if own is None else own
        if load > limit:
            self._report("desk_over_limit", event, f"desk {desk} serves {load} of {limit}")

    def _close(self, chat: _Chat) -> None:
        if chat.desk is not None:
            self._loads[chat.desk] = self._loads.get(chat.desk, 0) - 1
            chat.desk = None

    def _report(self, code: str, event: Event, detail: str) -> None:
        self._verdict.report(code, "", self._account, event.id, detail)
