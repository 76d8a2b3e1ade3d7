"""Projections: the read models behind one door, for the projector and for the API."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError

from projections import (
    accounts,
    chats,
    desks,
    events,
    groups,
    messages,
    operators,
    positions,
    visitors,
)
from projections.accounts import Head
from projections.database import Place
from projections.errors import NotReady
from projections.generations import Generations
from projections.operators import Credentials, Token
from projections.reading import FIRST, Cut, Order, Page
from projections.sqlite import SqlitePlace
from projections.states import state_for
from projections.take_up import Batch
from projections.waiting import Waiters
from schemas.decisions import Decision
from schemas.values import ChatStatus
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

__all__ = ["Credentials", "Cut", "Head", "Order", "Page", "Projections", "Token"]

Result = TypeVar("Result")

READERS = 4
"""Threads that answer queries."""


class Projections:
    """What can be asked. Every query may raise NotReady, or Damaged, which is then mended.

    Nothing crosses accounts: each query takes the account, or a viewer with one. Where it takes
    a viewer, only what the viewer may see is found. Lists are in the order of ids.
    """

    def __init__(self, place: Place) -> None:
        self._waiters = Waiters(self.version)
        self.generations = Generations(place, self._waiters.moved)

    @classmethod
    async def open(cls, url: str, *, readers: int = READERS) -> "Projections":
        """Open, or make, the rows at `sqlite:///PATH` or `postgresql+psycopg://...`.

        Raises ValueError for another URL, Unwritable when there is no such database.
        """
        projections = cls(_place(url, readers))
        await projections.generations.open()
        return projections

    async def close(self) -> None:
        """Finish what is under way and let go of the file."""
        await self.generations.close()

    # --- taking up ---------------------------------------------------------------------------

    async def apply(
        self, partition: int, decisions: Sequence[Decision], position: Acceptance, digest: str = ""
    ) -> None:
        """Take up accepted decisions of a partition, and that the log was read up to `position`.

        One transaction. `digest` is the hash of the last record read. Events that the rows have
        are skipped. Raises Hole, Damaged, Unwritable, and then nothing is stored.
        """
        if self.generations.current is None:
            raise NotReady(self.generations.fault or "closed")
        await self.generations.current.apply(Batch(partition, decisions, replace(position), digest))

    async def positions(self) -> dict[int, Acceptance]:
        """How far each partition was taken up; one that is not named, not at all.

        The caller's own copies: whoever reads on from there changes them.
        """
        current = self.generations.current
        reached = current.positions if current is not None else {}
        if current is not None and current.database.shared:
            # What others have written is theirs: this process goes on from what it has in memory.
            reached = await self._read(positions.read)
        return {partition: replace(position.acceptance) for partition, position in reached.items()}

    async def look(self) -> None:
        """Raise what keeps the rows from being read: NotReady, Damaged or Unwritable."""
        await self._read(positions.read)

    async def reached(self, account: str, version: int, timeout: float) -> bool:
        """Wait until the rows have this version; False when `timeout` seconds are over first."""
        return await self._waiters.reached(account, version, timeout)

    async def follow(self) -> None:
        """Hear what other processes take up, until cancelled."""
        looking: set[asyncio.Task[None]] = set()

        def lost() -> None:
            task = asyncio.ensure_future(self._waiters.look_again())
            looking.add(task)
            task.add_done_callback(looking.discard)

        await self.generations.place.follow(self._waiters.moved, lost)

    async def lull(self, seconds: float) -> None:
        """Wait for so long, or until somebody waits in `reached`."""
        await self._waiters.lull(seconds)

    async def changed(self) -> None:
        """Other rows are read now: look again for those who wait."""
        await self._waiters.look_again()

    # --- what a client follows ---------------------------------------------------------------

    async def state_for(self, viewer: Viewer) -> StaffState | VisitorState:
        """All that a client holds, as of one version.

        Raises Refused: account_unknown, visitor_unknown, not_allowed (neither staff nor visitor).
        """
        return await self._read(lambda c: state_for(c, viewer))

    async def head(self, account: str) -> Head:
        """The account's newest event in the rows; (0, "") if there is none."""
        return await self._read(lambda c: accounts.head(c, account))

    async def version(self, account: str) -> int:
        """The account's version in the rows; 0 if it is unknown."""
        return (await self.head(account)).version

    async def events_after(
        self, account: str, version: int, limit: int = 1_000
    ) -> list[StoredEvent]:
        """The account's events after this version, whoever may see them, oldest first."""
        return await self._read(lambda c: events.after(c, account, version, limit))

    # --- chats and messages ------------------------------------------------------------------

    async def chats(
        self,
        viewer: Viewer,
        cut: Cut = FIRST,
        *,
        status: ChatStatus | None = None,
        visitor: str | None = None,
    ) -> Page[ChatView]:
        """Chats, open and closed; of one status, of one visitor."""
        return await self._read(
            lambda c: chats.page(c, viewer, cut, status=status, visitor=visitor)
        )

    async def chat(self, viewer: Viewer, chat: str) -> ChatView | None:
        """One chat."""
        return await self._read(lambda c: chats.one(c, viewer, chat))

    async def open_chats(self, account: str) -> list[ChatView]:
        """All chats that are not closed."""
        return await self._read(lambda c: chats.open_chats(c, account))

    async def messages(
        self,
        viewer: Viewer,
        cut: Cut = FIRST,
        *,
        chat: str | None = None,
        visitor: str | None = None,
    ) -> Page[MessageView]:
        """Messages of one chat, or of one visitor over all chats; a visitor's own by default.

        Raises ValueError if staff name neither.
        """
        return await self._read(lambda c: messages.page(c, viewer, cut, chat=chat, visitor=visitor))

    async def message(self, viewer: Viewer, message: str) -> MessageView | None:
        """One message."""
        return await self._read(lambda c: messages.one(c, viewer, message))

    # --- the organisation --------------------------------------------------------------------

    async def account(self, account: str) -> AccountView | None:
        """The account itself."""
        return await self._read(lambda c: accounts.reader.one(c, account, account))

    async def operators(self, account: str, cut: Cut = FIRST) -> Page[OperatorView]:
        """Operators."""
        return await self._read(lambda c: operators.reader.of_account(c, account, cut))

    async def operator(self, account: str, operator: str) -> OperatorView | None:
        """One operator."""
        return await self._read(lambda c: operators.reader.one(c, account, operator))

    async def desks(self, account: str, cut: Cut = FIRST) -> Page[DeskView]:
        """Desks, personal ones too."""
        return await self._read(lambda c: desks.reader.of_account(c, account, cut))

    async def desk(self, account: str, desk: str) -> DeskView | None:
        """One desk."""
        return await self._read(lambda c: desks.reader.one(c, account, desk))

    async def groups(self, account: str, cut: Cut = FIRST) -> Page[GroupView]:
        """Groups."""
        return await self._read(lambda c: groups.reader.of_account(c, account, cut))

    async def group(self, account: str, group: str) -> GroupView | None:
        """One group."""
        return await self._read(lambda c: groups.reader.one(c, account, group))

    async def visitors(self, account: str, cut: Cut = FIRST) -> Page[VisitorView]:
        """Visitors."""
        return await self._read(lambda c: visitors.reader.of_account(c, account, cut))

    async def visitor(self, account: str, visitor: str) -> VisitorView | None:
        """One visitor."""
        return await self._read(lambda c: visitors.reader.one(c, account, visitor))

    # --- who may come in ---------------------------------------------------------------------

    async def credentials(self, account: str, login: str) -> Credentials | None:
        """What a login is checked against; None without such an operator or a password."""
        return await self._read(lambda c: operators.credentials_of(c, account, login))

    async def token(self, token: str) -> Token | None:
        """The token with this SHA-256, expired or not; None when unknown or revoked."""
        return await self._read(lambda c: operators.token_of(c, token))

    async def tokens(self, account: str, operator: str) -> list[Token]:
        """An operator's tokens, the oldest first."""
        return await self._read(lambda c: operators.tokens_of(c, account, operator))

    async def _read(self, work: Callable[[Connection], Result]) -> Result:
        return await self.generations.read(work)


def _place(url: str, readers: int) -> Place:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError(str(error)) from error
    if parsed.drivername == "sqlite" and parsed.database:
        return SqlitePlace(Path(parsed.database), readers)
    if parsed.drivername == "postgresql+psycopg" and parsed.database:
        from projections.postgresql import PostgresPlace  # it takes 0.1 s to load

        return PostgresPlace(parsed, readers)
    shown = parsed.render_as_string(hide_password=True)
    raise ValueError(f"rows are kept at sqlite:/// or postgresql+psycopg://, not at {shown}")
