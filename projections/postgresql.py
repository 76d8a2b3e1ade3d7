"""PostgreSQL: a generation is a schema of one database; any number of processes use it."""

import asyncio
import json
import logging
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from projections.database import Moved
from projections.errors import Damaged, ProjectionError, Unwritable
from projections.schema import SCHEMA

Result = TypeVar("Result")

ROWS = f"deskstream_{SCHEMA}"
"""The schema that is read. It has the number of its tables' form in its name, so that processes
of two versions of the program each have rows of their own during an upgrade."""

BESIDE = f"{ROWS}_next"

CHANNEL = f"{ROWS}_moved"

NOTICE_BYTES = 7_000
"""Of one notification, which PostgreSQL bounds at 8,000."""

CONNECT_WITHIN = 5
"""Seconds that the server has to answer."""

RETRY_AFTER = 0.5
"""Seconds after which a lost connection is tried again."""

_LEAD, _WRITE, _BUILD = (
    zlib.crc32(f"{ROWS} {what}".encode()) - (1 << 31) for what in ("lead", "write", "build")
)

log_ = logging.getLogger(__name__)


class PostgresDatabase:
    """One schema, which is there. All methods belong to one event loop."""

    def __init__(self, url: URL, schema: str, readers: int) -> None:
        self._writing = _engine(url, schema, 1, "READ COMMITTED")
        self._reading = _engine(url, schema, readers, "REPEATABLE READ")
        self._leading: psycopg.Connection[Any] | None = None
        self._url = _dsn(url)
        self._writer = ThreadPoolExecutor(1, "projections-write")
        self._readers = ThreadPoolExecutor(readers, "projections-read")
        self._leader = ThreadPoolExecutor(1, "projections-lead")

    async def write(
        self, work: Callable[[Connection], Result], undo: Callable[[], None] | None = None
    ) -> Result:
        """See Database.write."""

        def job() -> Result:
            try:
                return _within(self._writing, work)
            except BaseException:
                if undo is not None:
                    undo()
                raise

        return await _run(self._writer, job)

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """See Database.read."""
        return await _run(self._readers, lambda: _within(self._reading, work))

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
        """See Database.tell."""
        for notice in _notices(moved):
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
                self._leading = _connect(self._url)
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
        if self._claim is None:
            self._claim = await asyncio.to_thread(self._claimed)

    async def release(self) -> None:
        """See Place.release."""
        if self._claim is not None:
            await asyncio.to_thread(self._claim.close)
            self._claim = None

    def _claimed(self) -> psycopg.Connection[Any]:
        with _translated():
            connection = _connect(_dsn(self._url))
            connection.execute("SELECT pg_advisory_lock(%s, %s)", (_BUILD, 0))
            return connection

    async def clear_beside(self) -> None:
        """See Place.clear_beside."""
        await asyncio.to_thread(self._do, f"DROP SCHEMA IF EXISTS {BESIDE} CASCADE")

    async def put_in_place(self) -> None:
        """See Place.put_in_place: whoever reads the old rows finishes first."""
        await asyncio.to_thread(
            self._do,
            f"DROP SCHEMA IF EXISTS {ROWS} CASCADE",
            f"ALTER SCHEMA {BESIDE} RENAME TO {ROWS}",
        )

    async def follow(self, moved: Callable[[Moved], None], lost: Callable[[], Any]) -> None:
        """See Place.follow."""
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    _dsn(self._url), autocommit=True, connect_timeout=CONNECT_WITHIN
                )
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    lost()
                    async for notice in connection.notifies():
                        moved(json.loads(notice.payload))
            except psycopg.Error as error:
                log_.warning("projections: %s", error)
            await asyncio.sleep(RETRY_AFTER)

    def _ask(self, query: str, values: tuple[object, ...]) -> tuple[Any, ...]:
        with _translated(), _connect(self._url_text) as connection:
            row = connection.execute(query.encode(), values).fetchone()
        assert row is not None
        return tuple(row)

    def _do(self, *statements: str) -> None:
        with _translated(), _connect(self._url_text) as connection, connection.transaction():
            for statement in statements:
                connection.execute(statement.encode())

    @property
    def _url_text(self) -> str:
        return _dsn(self._url)


def _dsn(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _connect(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_WITHIN)


def _engine(url: URL, schema: str, connections: int, isolation: str) -> Engine:
    return create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        isolation_level=isolation,
        connect_args={
            "options": f"-c search_path={schema}",
            "connect_timeout": CONNECT_WITHIN,
        },
    )


async def _run(executor: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(executor, work)


def _within(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    with _translated(), engine.begin() as connection:
        return work(connection)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ProjectionError:
        raise
    except DBAPIError as error:
        raise _meaning(error.orig) from error
    except psycopg.Error as error:
        raise _meaning(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(str(error)) from error


_BROKEN = (psycopg.ProgrammingError, psycopg.IntegrityError, psycopg.DataError)
"""What says that the tables or their rows are not what they were made to be."""


def _meaning(error: BaseException | None) -> ProjectionError:
    """What the driver's error says about the rows."""
    message = str(error).strip()
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return Unwritable(message)
    return Damaged(message) if isinstance(error, _BROKEN) else Unwritable(message)


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
