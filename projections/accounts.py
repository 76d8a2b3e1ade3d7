"""Accounts, and the version that the rows have reached for each."""

from typing import NamedTuple, assert_never

from msgspec.structs import replace
from sqlalchemy import Column, Connection, Table, bindparam, select

from projections.bulk import Bulk
from projections.errors import Hole
from projections.kinds import (
    ChatEvent,
    CredentialEvent,
    DeskEvent,
    GroupEvent,
    OperatorEvent,
    SeatEvent,
    TalkEvent,
    VisitorEvent,
)
from projections.reading import Reader
from projections.rows import CAPACITY, Rows
from projections.schema import TEXT, metadata, number, text, view_table
from schemas import events as e
from schemas.events import Event
from schemas.views import AccountView

accounts = view_table("accounts")
versions = Table(
    "versions",
    metadata,
    Column("account", TEXT, primary_key=True),
    number("version"),
    text("id"),
)

reader = Reader(accounts, AccountView)


class Head(NamedTuple):
    """An account's newest event; (0, "") before the first."""

    version: int
    id: str


_NOTHING = Head(0, "")
_head = select(versions.c.version, versions.c.id).where(versions.c.account == bindparam("a"))


def head(connection: Connection, account: str) -> Head:
    """Up to which event the rows have taken up an account."""
    row = connection.execute(_head, {"a": account}).one_or_none()
    return Head(*row) if row is not None else _NOTHING


class Versions:
    """The version per account: lets each event in once, in order."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._held: dict[str, Head] = {}
        self._put = Bulk(versions, replace=True)
        self.changed: dict[str, Head] = {}
        """What the batch under way has reached."""

    def begin(self, connection: Connection) -> None:
        """Read and write on this connection from now on."""
        self._connection = connection

    def advance(self, account: str, event: Event) -> bool:
        """Whether to take up this event; False if the rows have it. Raises Hole."""
        version = self.of(account).version
        if event.version != version + 1:
            if event.version <= version:
                return False
            raise Hole(account, version + 1, event.version)
        self._held[account] = self.changed[account] = Head(event.version, event.id)
        return True

    def of(self, account: str) -> Head:
        """What an account has reached."""
        known = self._held.get(account)
        if known is None:
            assert self._connection is not None, "begin comes first"
            known = self._held[account] = head(self._connection, account)
        return known

    def write(self) -> None:
        """Store what has changed since the last time."""
        assert self._connection is not None, "begin comes first"
        self._put.run(self._connection, [(a, *reached) for a, reached in self.changed.items()])
        self.changed.clear()
        if len(self._held) > CAPACITY:
            self._held.clear()

    def forget(self) -> None:
        """Let go of everything: what the batch changed was not stored."""
        self._held.clear()
        self.changed.clear()


Ignored = (
    TalkEvent
    | ChatEvent
    | SeatEvent
    | VisitorEvent
    | CredentialEvent
    | OperatorEvent
    | DeskEvent
    | GroupEvent
)


class Accounts:
    """Takes up what is said about accounts themselves."""

    ignored = Ignored

    def __init__(self) -> None:
        self.rows = Rows(accounts, AccountView)

    def take(self, account: str, event: Event) -> None:
        """Take up one event."""
        data = event.data
        match data:
            case e.AccountCreated():
                view = AccountView(id=account, name=data.name, settings=data.settings)
                self.rows.put(account, account, view)
            case e.SettingsChanged():
                view = self.rows.get(account, account)
                self.rows.put(account, account, replace(view, settings=data.settings))
            case _:
                if not isinstance(data, Ignored):
                    assert_never(data)
