"""A working copy of a table of views: read on demand, changed in memory, written once a batch."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
from sqlalchemy import Connection, Table, bindparam, delete, select

from projections.bulk import Bulk
from projections.errors import Damaged
from schemas import codec
from schemas.record import Record

View = TypeVar("View", bound=Record)
Key = tuple[str, str]

CAPACITY = 100_000
"""Rows kept between batches; above it all are let go of, and read again when needed."""


def _no_columns(_: object) -> tuple[()]:
    return ()


def _always(_: object) -> bool:
    return True


class Rows(Generic[View]):
    """The rows of one read model, as the batch under way leaves them.

    `columns` gives a view's values for the columns between `id` and `view`; `keep` says which
    rows are worth keeping in memory after they were written.
    """

    def __init__(
        self,
        table: Table,
        view: type[View],
        *,
        columns: Callable[[View], tuple[object, ...]] = _no_columns,
        keep: Callable[[View], bool] = _always,
    ) -> None:
        self._name = table.name
        self._columns = columns
        self._keep = keep
        self._decode = msgspec.json.Decoder(view).decode
        self._connection: Connection | None = None
        self._held: dict[Key, View | None] = {}
        self._changed: dict[Key, View | None] = {}
        self._put = Bulk(table, replace=True)
        at = (table.c.account == bindparam("a"), table.c.id == bindparam("i"))
        self._one = select(table.c.view).where(*at)
        self._all = select(table.c.id, table.c.view).where(at[0]).order_by(table.c.id)
        self._delete = delete(table).where(*at)

    def begin(self, connection: Connection) -> None:
        """Read and write on this connection from now on."""
        self._connection = connection

    def find(self, account: str, id: str) -> View | None:
        """The row, None if there is none."""
        key = account, id
        try:
            return self._held[key]
        except KeyError:
            text = self.connection.scalar(self._one, {"a": account, "i": id})
            view = self._held[key] = None if text is None else self._decode(text)
            return view

    def get(self, account: str, id: str) -> View:
        """The row, which must be there. Raises Damaged."""
        view = self.find(account, id)
        if view is None:
            raise Damaged(f"{self._name} of account {account} should have {id}")
        return view

    def of(self, account: str) -> list[tuple[str, View]]:
        """All rows of an account, by id."""
        for id, text in self.connection.execute(self._all, {"a": account}):
            if (account, id) not in self._held:
                self._held[account, id] = self._decode(text)
        ids = sorted(id for (owner, id), view in self._held.items() if owner == account and view)
        return [(id, self.get(account, id)) for id in ids]

    def put(self, account: str, id: str, view: View) -> None:
        """The row as it is from now on."""
        self._held[account, id] = self._changed[account, id] = view

    def remove(self, account: str, id: str) -> None:
        """The row is gone."""
        self._held[account, id] = self._changed[account, id] = None

    def write(self) -> None:
        """Store what has changed since the last time."""
        rows: list[tuple[object, ...]] = []
        for (account, id), view in self._changed.items():
            if view is None:
                self.connection.execute(self._delete, {"a": account, "i": id})
            else:
                rows.append((account, id, *self._columns(view), codec.encode(view).decode()))
        self._put.run(self.connection, rows)
        for key, view in self._changed.items():
            if view is None or not self._keep(view):
                del self._held[key]
        self._changed.clear()
        if len(self._held) > CAPACITY:
            self._held.clear()

    def forget(self) -> None:
        """Let go of everything: what the batch changed was not stored."""
        self._held.clear()
        self._changed.clear()

    @property
    def connection(self) -> Connection:
        """The connection of the batch under way."""
        assert self._connection is not None, "begin comes first"
        return self._connection
