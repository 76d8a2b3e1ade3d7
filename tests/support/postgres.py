"""One PostgreSQL server for a run of the tests; each test has a database of its own on it."""

import atexit
import hashlib
import os
import shutil
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cluster.postgres import MISSING, PostgresServer, is_available


def require_postgres() -> None:
    """Skip the test when there is no PostgreSQL; fail it in CI."""
    if not is_available():
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)


@cache
def shared_server() -> PostgresServer:
    """The server that all tests share; it is started when it is first needed. Blocks."""
    server = own_server()
    server.start()
    return server


def own_server() -> PostgresServer:
    """A server that is not started yet, and ends with the run of the tests."""
    require_postgres()
    directory = Path(tempfile.mkdtemp(prefix="deskstream-postgres-"))
    server = PostgresServer(directory)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(server.kill)
    return server


def database_for(directory: Path) -> str:
    """The address of a database that belongs to a test's directory, made empty if need be."""
    server = shared_server()
    name = "test_" + hashlib.sha256(str(directory).encode()).hexdigest()[:12]
    if (name,) not in query(server.url(), "SELECT datname FROM pg_database"):
        server.create_database(name)
    return server.url(name)


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What somebody else asks the database, or does to it, in a transaction of its own."""
    address = url.replace("+psycopg", "")
    with closing(psycopg.connect(address, autocommit=True)) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
