"""Projections: the read models behind one door, for the projector and for the API."""

from collections.abc import Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

from schemas.decisions import Decision
from schemas.values import ChatStatus, Role
from schemas.views import (
    AccountView,
    ChatView,
    DeskView,
    GroupView,
    MessageView,
    OperatorView,
    StaffState,
    StoredEvent,
    VisitorState,
    VisitorView,
)
from streams.acceptance import Acceptance
from streams.domain.access import Viewer

Item = TypeVar("Item")
Order = Literal["oldest", "newest"]


class Page(NamedTuple, Generic[Item]):
    """Items in the order of their ids; `next` is the cursor of the page after, None at the end."""

    items: list[Item]
    next: str | None


class Head(NamedTuple):
    """An account's newest event; (0, "") before the first."""

    version: int
    id: str


class Credentials(NamedTuple):
    """What a login is checked against; `hash` is argon2's encoded form."""

    operator: str
    role: Role
    hash: str


class Token(NamedTuple):
    """An operator's token, which is known by its SHA-256 alone; times are ms since 1970."""

    token: str
    account: str
    operator: str
    role: Role
    issued_at: int
    expires_at: int


class Projections:
    """Signatures (bodies follow). All queries may raise NotReady or Damaged."""

    @classmethod
    async def open(cls, url: str, *, readers: int = 4) -> "Projections": ...
    async def close(self) -> None: ...

    # for the projector
    async def apply(
        self, partition: int, decisions: Sequence[Decision], position: Acceptance, digest: str = ""
    ) -> None: ...
    async def positions(self) -> dict[int, Acceptance]: ...

    # waiting: False when the time (seconds) is over first
    async def reached(self, account: str, version: int, timeout: float) -> bool: ...

    # what a client follows from; raises Refused account_unknown / visitor_unknown
    async def state_for(self, viewer: Viewer) -> StaffState | VisitorState: ...
    async def version(self, account: str) -> int: ...
    async def head(self, account: str) -> Head: ...
    async def events_after(
        self, account: str, version: int, limit: int = 1000
    ) -> list[StoredEvent]: ...

    # chats and messages: only what the viewer may see
    async def chats(
        self,
        viewer: Viewer,
        *,
        status: ChatStatus | None = None,
        visitor: str | None = None,
        order: Order = "oldest",
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[ChatView]: ...
    async def chat(self, viewer: Viewer, chat: str) -> ChatView | None: ...
    async def open_chats(self, account: str) -> list[ChatView]: ...
    async def messages(
        self,
        viewer: Viewer,
        *,
        chat: str | None = None,
        visitor: str | None = None,
        order: Order = "oldest",
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[MessageView]: ...
    async def message(self, viewer: Viewer, message: str) -> MessageView | None: ...

    # the organisation
    async def account(self, account: str) -> AccountView | None: ...
    async def operators(
        self, account: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[OperatorView]: ...
    async def operator(self, account: str, operator: str) -> OperatorView | None: ...
    async def desks(
        self, account: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[DeskView]: ...
    async def desk(self, account: str, desk: str) -> DeskView | None: ...
    async def groups(
        self, account: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[GroupView]: ...
    async def group(self, account: str, group: str) -> GroupView | None: ...
    async def visitors(
        self, account: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[VisitorView]: ...
    async def visitor(self, account: str, visitor: str) -> VisitorView | None: ...

    # who may come in
    async def credentials(self, account: str, login: str) -> Credentials | None: ...
    async def token(self, token: str) -> Token | None: ...
    async def tokens(self, account: str, operator: str) -> list[Token]: ...
