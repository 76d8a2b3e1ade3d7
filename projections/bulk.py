"""Many rows in few statements.

A driver gives up the interpreter's lock in every statement, and on a busy process waits
milliseconds to get it back. So rows go out as one statement of many rows, not as many.
"""

import re
from collections.abc import Sequence
from itertools import chain
from types import ModuleType
from typing import Final

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite

SIZES: Final = (256, 128, 64, 32, 16, 8, 4, 2, 1)
"""Rows of one statement: few different sizes, so that prepared statements are found again."""

_DIALECTS: Final[dict[str, ModuleType]] = {"sqlite": sqlite, "postgresql": postgresql}


class Bulk:
    """Inserts rows into a table; with `replace`, rows with the same primary key give way."""

    def __init__(self, table: Table, *, replace: bool = False) -> None:
        self._table = table
        self._replace = replace
        self._texts: dict[str, dict[int, str]] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
        """Write the rows: tuples in the order of the table's columns, each key only once."""
        dialect = connection.dialect
        texts = self._texts.get(dialect.name)
        if texts is None:
            texts = statements(self._table, dialect, replace=self._replace)
            self._texts[dialect.name] = texts
        # The driver's own cursor: a fifth of the cost of a statement through SQLAlchemy.
        cursor = connection.connection.cursor()
        start = 0
        for size in SIZES:
            while len(rows) - start >= size:
                values = tuple(chain.from_iterable(rows[start : start + size]))
                cursor.execute(texts[size], values)
                start += size
        cursor.close()


def statements(table: Table, dialect: Dialect, *, replace: bool) -> dict[int, str]:
    """The text for each of SIZES rows, its parameters by position, row after row."""
    statement = _DIALECTS[dialect.name].insert(table)
    if replace:
        kept = [c for c in table.columns if not c.primary_key]
        statement = statement.on_conflict_do_update(
            index_elements=list(table.primary_key),
            set_={c.name: statement.excluded[c.name] for c in kept},
        )
    if dialect.paramstyle == "pyformat":  # named parameters, where ours go by position
        dialect = postgresql.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
    one = str(statement.compile(dialect=dialect))
    found = re.search(r"VALUES (\([^)]*\))", one)
    assert found is not None, one
    first, row, last = one[: found.start(1)], found.group(1), one[found.end(1) :]
    return {size: first + ", ".join([row] * size) + last for size in SIZES}
