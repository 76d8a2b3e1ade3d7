"""Connections to PostgreSQL, and what its errors say about the rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from projections.errors import Damaged, ProjectionError, Unwritable

Result = TypeVar("Result")

CONNECT_WITHIN: Final = 5
"""Seconds that the server has to answer."""

_ALIVE: Final = {
    "connect_timeout": str(CONNECT_WITHIN),
    # A network that is cut without a word is noticed within some 10 seconds.
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_OPTIONS: Final = (
    "jit=off",
    # What a crash of the server takes back, it takes back of rows and position alike.
    "synchronous_commit=off",
    # A process that stands still must not hold up the others.
    "lock_timeout=10s",
    "idle_in_transaction_session_timeout=10s",
)

WRITING: Final = "BEGIN"
READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_BROKEN: Final = (psycopg.ProgrammingError, psycopg.IntegrityError, psycopg.DataError)
"""What says that the tables or their rows are not what they were made to be."""


class Lost(Unwritable):
    """The connection is gone; how the transaction ended is not known."""


class _Text(StrDumperUnknown):
    """Text as PostgreSQL can keep and compare it: all but NUL, which anybody may send.

    Where it stands for NUL, a character for private use does; in JSON there is no NUL.
    """

    def dump(self, obj: str) -> bytes:
        return (obj.replace("\0", "\ue000") if "\0" in obj else obj).encode()


def address_of(url: URL) -> str:
    """The address as the driver takes it."""
    return (
        url.set(drivername="postgresql")
        .update_query_dict(_ALIVE)
        .render_as_string(hide_password=False)
    )


def connect(address: str) -> psycopg.Connection[Any]:
    """A connection without transactions. Raises psycopg.Error."""
    return psycopg.connect(address, autocommit=True)


def engine_for(url: URL, schema: str, connections: int, begin: str, lock: int) -> Engine:
    """Connections to a schema; each transaction begins so, and with a share of this lock."""
    options = " ".join(f"-c {option}" for option in (f"search_path={schema}", *_OPTIONS))
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",  # the transactions are ours
        connect_args={**_ALIVE, "options": options},
    )
    statement = f"{begin}; SELECT pg_advisory_xact_lock_shared({lock})".encode()

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.adapters.register_dumper(str, _Text)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        try:
            driver.execute(statement, prepare=False)  # one way there and back for both
        except psycopg.OperationalError:
            connection.invalidate()
            raise

    return engine


def within(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    """Run `work` in one transaction. Raises Damaged, Lost or Unwritable."""
    with translated():
        try:
            with engine.begin() as connection:
                return work(connection)
        except (DBAPIError, psycopg.Error) as error:
            if isinstance(_meaning(error), Lost):
                engine.dispose()  # the others go the same way
            raise


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the driver raises into Damaged, Lost or Unwritable."""
    try:
        yield
    except ProjectionError:
        raise
    except (DBAPIError, psycopg.Error) as error:
        raise _meaning(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(str(error)) from error


def _meaning(error: BaseException) -> ProjectionError:
    """What the driver's error says about the rows."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    message = str(cause).strip()
    if isinstance(cause, psycopg.errors.InsufficientPrivilege):
        return Unwritable(message)
    if isinstance(cause, _BROKEN):
        return Damaged(message)
    state = getattr(cause, "sqlstate", None) or "08"
    return Lost(message) if state[:2] in ("08", "57", "25") else Unwritable(message)
