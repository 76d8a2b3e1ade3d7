"""How queries read views: as one text, made in the database.

A row at a time, a driver would give up the interpreter's lock once for each; joined in the
database, any number of views is one row, and one call decodes them.
"""

from collections.abc import Callable
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, func, select

from projections.errors import Damaged

Order = Literal["oldest", "newest"]


class Identified(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str:
        """Unique in its account."""
        ...


Item = TypeVar("Item")
View = TypeVar("View", bound=Identified)


class Page(NamedTuple, Generic[Item]):
    """Items in the order of their ids; `next` is the cursor of the page after, None at the end."""

    items: list[Item]
    next: str | None


class Cut(NamedTuple):
    """Which page: at most `limit` items after `cursor`, in this order of ids."""

    cursor: str | None = None
    limit: int = 100
    order: Order = "oldest"


FIRST = Cut()
"""The first page, the oldest things first."""


def joined(rows: Select[tuple[str]]) -> Select[tuple[str | None]]:
    """The only column's values, in the rows' order, joined by commas."""
    column = rows.subquery().c[0]
    return select(func.aggregate_strings(column, ","))


class Reader(Generic[View]):
    """Reads the views of one table."""

    def __init__(self, table: Table, view: type[View]) -> None:
        self.table = table
        self._decode_one: Callable[[str], View] = msgspec.json.Decoder(view).decode
        self._decode_all: Callable[[str], list[View]] = msgspec.json.Decoder(
            list[view]  # type: ignore[valid-type]
        ).decode
        self._one = select(table.c.view).where(
            table.c.account == bindparam("a"), table.c.id == bindparam("i")
        )
        self._all = joined(
            select(table.c.view).where(table.c.account == bindparam("a")).order_by(table.c.id)
        )

    def one(self, connection: Connection, account: str, id: str) -> View | None:
        """The view with this id."""
        text = connection.scalar(self._one, {"a": account, "i": id})
        return None if text is None else self._decoded(self._decode_one, text)

    def where(self, connection: Connection, *where: ColumnElement[bool]) -> View | None:
        """The view for which all of this holds; there is at most one."""
        text = connection.scalar(select(self.table.c.view).where(*where))
        return None if text is None else self._decoded(self._decode_one, text)

    def all(self, connection: Connection, account: str) -> list[View]:
        """Every view of an account, by id."""
        return self.joined(connection, self._all, {"a": account})

    def joined(
        self,
        connection: Connection,
        statement: Select[tuple[str | None]],
        values: dict[str, object] | None = None,
    ) -> list[View]:
        """The views of a statement that `joined` made."""
        text = connection.scalar(statement, values)
        return [] if text is None else self._decoded(self._decode_all, f"[{text}]")

    def of_account(self, connection: Connection, account: str, cut: Cut) -> Page[View]:
        """One page of an account's views."""
        return self.page(connection, cut, self.table.c.account == account)

    def page(self, connection: Connection, cut: Cut, *where: ColumnElement[bool]) -> Page[View]:
        """One page of the views for which all of `where` holds."""
        id = self.table.c.id
        newest = cut.order == "newest"
        statement = select(self.table.c.view).where(*where)
        if cut.cursor is not None:
            statement = statement.where(id < cut.cursor if newest else id > cut.cursor)
        statement = statement.order_by(id.desc() if newest else id).limit(cut.limit + 1)
        items = self.joined(connection, joined(statement))
        more = len(items) > cut.limit
        items = items[: cut.limit]
        return Page(items, items[-1].id if more and items else None)

    def _decoded(self, decode: Callable[[str], Item], text: str) -> Item:
        try:
            return decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Damaged(f"{self.table.name}: {error}") from error
