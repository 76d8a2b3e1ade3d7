"""Taking up decisions: a batch of any accounts becomes the rows of every read model."""

from collections.abc import Callable, Sequence
from types import UnionType
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from projections import positions
from projections.accounts import Accounts, Head, Versions
from projections.chats import Chats
from projections.desks import Desks
from projections.errors import Hole
from projections.events import Events
from projections.groups import Groups
from projections.messages import Messages
from projections.operators import Operators
from projections.visitors import Visitors
from schemas.decisions import Decision
from schemas.events import Event
from streams.acceptance import Acceptance


class Batch(NamedTuple):
    """Accepted decisions of one partition, in order, and where the log was read up to then.

    `digest` is the hash of the last record that was read.
    """

    partition: int
    decisions: Sequence[Decision]
    position: Acceptance
    digest: str


class ReadModel(Protocol):
    """One read model, while it takes up a batch."""

    @property
    def ignored(self) -> UnionType:
        """The kinds of events that it passes over."""
        ...

    def take(self, account: str, event: Event) -> None:
        """Take up one event."""
        ...


class Stored(Protocol):
    """A table with what is yet to be written to it."""

    def begin(self, connection: Connection) -> None:
        """Read and write on this connection from now on."""
        ...

    def write(self) -> None:
        """Store what has come since the last time."""
        ...

    def forget(self) -> None:
        """Let go of what is held in memory: the tables are right, the memory may not be."""
        ...


class TakeUp:
    """All read models of one store, with their working copies. Used by one thread at a time."""

    def __init__(self) -> None:
        self._versions = Versions()
        self._events = Events()
        accounts, operators, desks = Accounts(), Operators(), Desks()
        groups, visitors, chats = Groups(), Visitors(), Chats()
        messages = Messages(chats.rows)
        self.models: tuple[ReadModel, ...] = (
            accounts,
            operators,
            desks,
            groups,
            visitors,
            chats,
            messages,
        )
        self._stored: tuple[Stored, ...] = (
            *(m.rows for m in (accounts, operators, desks, groups, visitors, chats)),
            messages,
            self._events,
            self._versions,
        )
        self._routes: dict[type, tuple[Callable[[str, Event], None], ...]] = {}

    def apply(self, connection: Connection, batch: Batch) -> dict[str, Head]:
        """Write what the decisions say, and the position; gives the versions that moved.

        Raises Hole or Damaged; the caller rolls back then and calls `forget`.
        """
        for stored in self._stored:
            stored.begin(connection)
        for decision in batch.decisions:
            self._take(decision)
        moved = dict(self._versions.changed)
        for stored in self._stored:
            stored.write()
        positions.write(connection, batch.partition, batch.position, batch.digest)
        return moved

    def forget(self) -> None:
        """Let go of the working copies: the batch was not stored."""
        for stored in self._stored:
            stored.forget()

    def _take(self, decision: Decision) -> None:
        account = decision.account
        for event in decision.events:
            if not self._versions.advance(account, event):
                continue
            self._events.take(account, event)
            kind = type(event.data)
            for take in self._routes.get(kind) or self._route(kind):
                take(account, event)
        if not decision.events and decision.version > 0:
            reached = self._versions.of(account).version
            if decision.version > reached:
                raise Hole(account, reached + 1, decision.version + 1)

    def _route(self, kind: type) -> tuple[Callable[[str, Event], None], ...]:
        route = tuple(m.take for m in self.models if not issubclass(kind, m.ignored))
        self._routes[kind] = route
        return route
