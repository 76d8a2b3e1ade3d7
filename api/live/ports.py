"""What the live layer asks of the projections."""

from typing import Protocol

from projections.accounts import Head
from schemas.views import ChatView, StaffState, StoredEvent, VisitorState
from streams.domain.access import Viewer


class Feed(Protocol):
    """Implemented by streams.feed.EventFeed."""

    async def caught_up(self, account: str) -> None:
        """Wait until all that is on the log now of an account was handed on."""
        ...


class Rows(Protocol):
    """Implemented by projections.store.Projections."""

    async def head(self, account: str) -> Head:
        """The account's newest event in the rows."""
        ...

    async def events_after(
        self, account: str, version: int, limit: int = 1_000
    ) -> list[StoredEvent]:
        """The account's events after this version, whoever may see them, oldest first."""
        ...

    async def state_for(self, viewer: Viewer) -> StaffState | VisitorState:
        """A fresh state. Raises Refused."""
        ...

    async def chat(self, viewer: Viewer, chat: str) -> ChatView | None:
        """One chat that the viewer may see."""
        ...

    async def reached(self, account: str, version: int, timeout: float) -> bool:
        """Wait for a version; False when `timeout` seconds are over first."""
        ...
