"""PostgreSQL: a generation is a schema of one database; any number of processes use it."""

import asyncio
import json
import logging
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
from sqlalchemy import URL, Connection, text

from projections import postgresql_driver as driver
from projections.database import Moved
from projections.schema import SCHEMA

Result = TypeVar("Result")

ROWS = f"deskstream_{SCHEMA}"
"""The schema that is read. It has the number of its tables' form in its name, so that processes
of two versions of the program each have rows of their own during an upgrade."""

BESIDE = f"{ROWS}_next"

CHANNEL = f"{ROWS}_moved"

OTHERS = "{}"
"""The notification that other rows have taken the place of these."""

NOTICE_BYTES = 7_000
"""Of one notification, which PostgreSQL bounds at 8,000."""

RETRY_AFTER = 0.5
"""Seconds after which a lost connection, or what others hold, is tried again."""

QUIET = 5.0
"""Seconds without news after which it is asked whether the connection is still there."""

_LEAD, _WRITE, _BUILD, _SWITCH = (
    zlib.crc32(f"{ROWS} {what}".encode()) - (1 << 31)
    for what in ("lead", "write", "build", "switch")
)
"""Advisory locks: names of our own that processes hold, of which PostgreSQL keeps the book.

_LEAD says who is to write a partition, _WRITE keeps two from doing it at once. Each transaction
has a share of _SWITCH, so that none sees the tables of two generations.
"""

log_ = logging.getLogger(__name__)


class PostgresDatabase:
    """One schema, which is there. All methods belong to one event loop."""

    def __init__(self, url: URL, schema: str, readers: int) -> None:
        self._writing = driver.engine_for(url, schema, 1, driver.WRITING, _SWITCH)
        self._reading = driver.engine_for(url, schema, readers, driver.READING, _SWITCH)
        self._leading: psycopg.Connection[Any] | None = None
        self._current = schema == ROWS
        self._url = driver.address_of(url)
        self._writer = ThreadPoolExecutor(1, "projections-write")
        self._readers = ThreadPoolExecutor(readers, "projections-read")
        self._leader = ThreadPoolExecutor(1, "projections-lead")

    async def write(
        self, work: Callable[[Connection], Result], undo: Callable[[], None] | None = None
    ) -> Result:
        """See Database.write."""

        def job() -> Result:
            try:
                return driver.within(self._writing, work)
            except BaseException:
                if undo is not None:
                    undo()
                raise

        return await _run(self._writer, job)

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """See Database.read."""

        def job() -> Result:
            try:
                return driver.within(self._reading, work)
            except driver.Lost:  # a connection from before the server's restart
                return driver.within(self._reading, work)

        return await _run(self._readers, job)

    async def verify(self) -> None:
        """See Database.verify: PostgreSQL has checksums of its own."""

    @property
    def shared(self) -> bool:
        """See Database.shared."""
        return True

    async def try_to_lead(self, partition: int) -> bool:
        """See Database.try_to_lead. The lock is the connection's and goes with it."""
        return await _run(self._leader, lambda: self._try_to_lead(partition))

    def guard(self, connection: Connection, partition: int) -> None:
        """See Database.guard."""
        connection.execute(
            text("SELECT pg_advisory_xact_lock(:space, :partition)"),
            {"space": _WRITE, "partition": partition},
        )

    def tell(self, connection: Connection, moved: Moved) -> None:
        """See Database.tell. Of rows that are still beside there is nothing to tell."""
        for notice in _notices(moved) if self._current else ():
            connection.execute(
                text("SELECT pg_notify(:channel, :notice)"), {"channel": CHANNEL, "notice": notice}
            )

    async def settle(self) -> None:
        """See Database.settle."""
        await self.close()

    async def close(self) -> None:
        """See Database.close."""
        for executor in (self._readers, self._writer, self._leader):
            await asyncio.to_thread(executor.shutdown)
        for engine in (self._reading, self._writing):
            engine.dispose()
        if self._leading is not None:
            self._leading.close()

    def _try_to_lead(self, partition: int) -> bool:
        try:
            if self._leading is None or self._leading.closed:
                self._leading = driver.connect(self._url)
            row = self._leading.execute(
                "SELECT pg_try_advisory_lock(%s, %s)", (_LEAD, partition)
            ).fetchone()
        except psycopg.Error as error:
            log_.warning("projections: %s", error)
            return False
        return row is not None and bool(row[0])


class PostgresPlace:
    """A database of a PostgreSQL server."""

    def __init__(self, url: URL, readers: int) -> None:
        self._url = url
        self._address = driver.address_of(url)
        self._readers = readers
        self._claim: psycopg.Connection[Any] | None = None

    @property
    def name(self) -> str:
        """See Place.name."""
        return f"schema {ROWS} of database {self._url.database}"

    @property
    def shared(self) -> bool:
        """See Place.shared."""
        return True

    async def is_empty(self) -> bool:
        """See Place.is_empty."""
        query = "SELECT to_regclass(%s) IS NULL"
        row = await asyncio.to_thread(self._ask, query, (f"{ROWS}.meta",))
        return bool(row[0])

    async def identity(self) -> str:
        """See Place.identity: the number that PostgreSQL has given to the schema."""
        query = "SELECT coalesce(to_regnamespace(%s)::oid::text, '')"
        return str((await asyncio.to_thread(self._ask, query, (ROWS,)))[0])

    def open(self) -> PostgresDatabase:
        """See Place.open."""
        return PostgresDatabase(self._url, ROWS, self._readers)

    async def open_beside(self) -> PostgresDatabase:
        """See Place.open_beside."""
        await asyncio.to_thread(
            self._do, f"DROP SCHEMA IF EXISTS {BESIDE} CASCADE", f"CREATE SCHEMA {BESIDE}"
        )
        return PostgresDatabase(self._url, BESIDE, 1)

    async def claim(self) -> None:
        """See Place.claim."""
        while self._claim is None:
            self._claim = await asyncio.to_thread(self._claimed)
            if self._claim is None:
                await asyncio.sleep(RETRY_AFTER)

    async def release(self) -> None:
        """See Place.release."""
        if self._claim is not None:
            await asyncio.to_thread(self._claim.close)
            self._claim = None

    def _claimed(self) -> psycopg.Connection[Any] | None:
        with driver.translated():
            connection = driver.connect(self._address)
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_BUILD,)).fetchone()
        if row == (True,):
            return connection
        connection.close()
        return None

    async def clear_beside(self) -> None:
        """See Place.clear_beside."""
        await asyncio.to_thread(self._do, f"DROP SCHEMA IF EXISTS {BESIDE} CASCADE")

    async def put_in_place(self) -> None:
        """See Place.put_in_place: whoever reads the old rows finishes first."""
        await asyncio.to_thread(
            self._do,
            f"SELECT pg_advisory_xact_lock({_SWITCH})",
            f"DROP SCHEMA IF EXISTS {ROWS} CASCADE",
            f"ALTER SCHEMA {BESIDE} RENAME TO {ROWS}",
            f"NOTIFY {CHANNEL}, '{OTHERS}'",
        )

    async def follow(self, moved: Callable[[Moved], None], lost: Callable[[], Any]) -> None:
        """See Place.follow."""
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(self._address, autocommit=True)
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}".encode())
                    lost()
                    while True:
                        async for notice in connection.notifies(timeout=QUIET):
                            if notice.payload == OTHERS:
                                lost()
                            else:
                                moved(json.loads(notice.payload))
                        await connection.execute("SELECT")
            except psycopg.Error as error:
                log_.warning("projections: %s", error)
                lost()  # a crash may have taken back what was told
            await asyncio.sleep(RETRY_AFTER)

    def _ask(self, query: str, values: tuple[object, ...]) -> tuple[Any, ...]:
        with driver.translated(), driver.connect(self._address) as connection:
            row = connection.execute(query.encode(), values).fetchone()
        assert row is not None
        return tuple(row)

    def _do(self, *statements: str) -> None:
        with (
            driver.translated(),
            driver.connect(self._address) as connection,
            connection.transaction(),
        ):
            for statement in statements:
                connection.execute(statement.encode())


async def _run(executor: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(executor, work)


def _notices(moved: Moved) -> Iterator[str]:
    """The versions as JSON, in pieces that a notification can carry."""
    piece: dict[str, int] = {}
    size = 2
    for account, version in moved.items():
        weight = len(account) + 24
        if size + weight > NOTICE_BYTES:
            yield json.dumps(piece)
            piece, size = {}, 2
        piece[account] = version
        size += weight
    if piece:
        yield json.dumps(piece)
