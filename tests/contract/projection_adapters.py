"""The table of databases that the projections' suites run over, and what others do to them."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Protocol

from projections.postgresql import BESIDE, ROWS
from tests.support.postgres import database_for, query


class Kept(Protocol):
    """Where the rows of a test are kept."""

    @property
    def url(self) -> str:
        """For Projections.open."""
        ...

    def execute(self, *statements: str) -> None:
        """What somebody else does to the tables."""
        ...

    def remove(self) -> None:
        """Leave nothing of the rows."""
        ...

    def nothing_beside(self) -> bool:
        """Whether nothing is left of a build."""
        ...


class KeptInFile:
    """A file of SQLite's."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "projections.sqlite3"
        self.url = f"sqlite:///{self.path}"

    def execute(self, *statements: str) -> None:
        """See Kept.execute."""
        with closing(sqlite3.connect(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def remove(self) -> None:
        """See Kept.remove."""
        for file in self.path.parent.iterdir():
            file.unlink()

    def nothing_beside(self) -> bool:
        """See Kept.nothing_beside."""
        return [file.name for file in self.path.parent.iterdir()] in ([self.path.name], [])


class KeptInPostgres:
    """A database of PostgreSQL's."""

    def __init__(self, directory: Path) -> None:
        self.url = database_for(directory)

    def execute(self, *statements: str) -> None:
        """See Kept.execute."""
        query(self.url, "; ".join((f"SET search_path = {ROWS}", *statements)))

    def remove(self) -> None:
        """See Kept.remove."""
        query(self.url, f"DROP SCHEMA {ROWS} CASCADE")

    def nothing_beside(self) -> bool:
        """See Kept.nothing_beside."""
        return query(self.url, f"SELECT to_regnamespace('{BESIDE}')") == [(None,)]


ADAPTERS: dict[str, Callable[[Path], Kept]] = {
    "sqlite": KeptInFile,
    "postgresql": KeptInPostgres,
}
