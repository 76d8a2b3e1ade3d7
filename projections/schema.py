"""The tables' common ground: every read model adds its own to `metadata`."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Table, Text
from sqlalchemy.dialects import postgresql

SCHEMA = 1
"""Goes up with any change of a table or of what is stored in it; the rows are then built anew."""

WHOLE = BigInteger().with_variant(Integer, "sqlite")
"""A whole number of up to 64 bits."""

TEXT = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text that is ordered by its code points, as ids are, whatever the database's language."""

metadata = MetaData()


def view_table(name: str, *columns: Column[str] | Column[bool]) -> Table:
    """A table of views: account and id, the columns it is searched by, the view as JSON."""
    return Table(
        name,
        metadata,
        Column("account", TEXT, primary_key=True),
        Column("id", TEXT, primary_key=True),
        *columns,
        Column("view", Text, nullable=False),
    )


def text(name: str) -> Column[str]:
    """A column of text that is always there."""
    return Column(name, TEXT, nullable=False)


def flag(name: str) -> Column[bool]:
    """A column of yes or no."""
    return Column(name, Boolean, nullable=False)


def number(name: str) -> Column[int]:
    """A column of a whole number."""
    return Column(name, WHOLE, nullable=False)
