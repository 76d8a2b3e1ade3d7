"""A SQLite file: one thread writes, some read, none of them on the event loop."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from projections.database import Moved
from projections.errors import Damaged, ProjectionError, Unwritable

Result = TypeVar("Result")

_PASSING = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    }
)
"""What says nothing against the stored rows."""

DURABLE = ("journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=4000")
"""A commit survives the process at once, and a loss of power from the next checkpoint on."""

SCRATCH = ("journal_mode=OFF", "synchronous=OFF", "cache_size=-65536")

BUSY_TIMEOUT = 5.0
"""Seconds that a statement waits for another process's lock."""


class SqliteDatabase:
    """One file, made if it is not there. All methods belong to one event loop.

    With `scratch`, writing is twice as fast, but after one failure, or while it is not settled,
    the file is good for nothing.
    """

    def __init__(self, path: Path, *, readers: int = 4, scratch: bool = False) -> None:
        self.path = path
        self._write_engine = _engine(path, 1, SCRATCH if scratch else DURABLE)
        self._read_engine = _engine(path, readers, ("query_only=ON",))
        self._writer = ThreadPoolExecutor(1, "projections-write")
        self._readers = ThreadPoolExecutor(readers, "projections-read")

    async def write(
        self, work: Callable[[Connection], Result], undo: Callable[[], None] | None = None
    ) -> Result:
        """Run `work` in one transaction, after all earlier writes.

        Raises Damaged, or Unwritable; then nothing of it is stored, and `undo` was called
        before any later write began.
        """

        def job() -> Result:
            try:
                return _within(self._write_engine, work)
            except BaseException:
                if undo is not None:
                    undo()
                raise

        return await self._run(self._writer, job)

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` on one state of the rows. Raises Damaged, or Unwritable if locked out."""
        return await self._run(self._readers, lambda: _within(self._read_engine, work))

    @property
    def shared(self) -> bool:
        """See Database.shared: the file belongs to one process."""
        return False

    async def try_to_lead(self, partition: int) -> bool:
        """See Database.try_to_lead."""
        return True

    def guard(self, connection: Connection, partition: int) -> None:
        """See Database.guard."""

    def tell(self, connection: Connection, moved: Moved) -> None:
        """See Database.tell."""

    async def verify(self) -> None:
        """Read the whole file. Raises Damaged."""
        await self.read(_verify)

    async def settle(self) -> None:
        """Close a scratch file, and have all of it on the disk. Raises Unwritable."""
        await self.close()
        await asyncio.to_thread(_flush, self.path)

    async def close(self) -> None:
        """Finish what is under way and let go of the file."""
        for executor, engine in (
            (self._readers, self._read_engine),
            (self._writer, self._write_engine),
        ):
            await asyncio.to_thread(executor.shutdown)
            engine.dispose()

    async def _run(self, executor: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(executor, work)


class SqlitePlace:
    """A file, and another beside it."""

    def __init__(self, path: Path, readers: int) -> None:
        self._path = path
        self.beside = path.with_name(path.name + ".rebuild")
        self._readers = readers

    @property
    def name(self) -> str:
        """See Place.name."""
        return self._path.name

    @property
    def shared(self) -> bool:
        """See Place.shared."""
        return False

    async def is_empty(self) -> bool:
        """See Place.is_empty."""
        return not self._path.exists()

    async def identity(self) -> str:
        """See Place.identity: there are no other processes."""
        return ""

    def open(self) -> SqliteDatabase:
        """See Place.open."""
        return SqliteDatabase(self._path, readers=self._readers)

    async def open_beside(self) -> SqliteDatabase:
        """See Place.open_beside. What is left half built is built anew: nothing is synchronous."""
        await self.clear_beside()
        return SqliteDatabase(self.beside, readers=1, scratch=True)

    async def clear_beside(self) -> None:
        """See Place.clear_beside."""
        await asyncio.to_thread(remove_file, self.beside)

    async def put_in_place(self) -> None:
        """See Place.put_in_place."""
        await asyncio.to_thread(replace_file, self._path, self.beside)

    async def claim(self) -> None:
        """See Place.claim."""

    async def release(self) -> None:
        """See Place.release."""

    async def follow(self, moved: Callable[[Moved], None], lost: Callable[[], Any]) -> None:
        """See Place.follow: there are no others."""


def remove_file(path: Path) -> None:
    """Remove a database with what SQLite keeps beside it."""
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()


def replace_file(old: Path, new: Path) -> None:
    """Put `new`, which is settled, in the place of `old`, which is closed, in one step."""
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            old.with_name(old.name + suffix).unlink()
    new.replace(old)
    _flush(old.parent)


def _flush(path: Path) -> None:
    """Have a file, or the names in a directory, on the disk. Raises Unwritable."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unwritable(str(error)) from error


def _engine(path: Path, connections: int, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the transactions are ours, also around reads
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _within(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    with _translated(), engine.begin() as connection:
        return work(connection)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ProjectionError:
        raise
    except (DBAPIError, sqlite3.Error) as error:
        raise _meaning(error.orig if isinstance(error, DBAPIError) else error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(str(error)) from error


def _meaning(error: BaseException | None) -> ProjectionError:
    """What the driver's error says about the rows."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    passing = code & 0xFF in _PASSING and code != sqlite3.SQLITE_IOERR_SHORT_READ
    return Unwritable(str(error)) if passing else Damaged(str(error))


def _verify(connection: Connection) -> None:
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise Damaged(str(found))
