"""A database that is killed or emptied, a projector that stands still: reads wait, actions go on.

In the end the rows are always what one process alone makes of the log.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from cluster.kafka import Broker
from cluster.postgres import PostgresServer
from projections.errors import ProjectionError
from projections.postgresql import ROWS
from projections.projector import rebuild
from projections.schema import metadata
from projections.store import Projections
from schemas.actions import ActivateOperator, PauseOperator
from schemas.views import StaffState
from simulator.client import Client, State
from simulator.http import open_http
from streams.log.kafka import KafkaLog
from streams.log.partitioner import partition_of
from tests.support.eventually import eventually
from tests.support.members import PARTITIONS, Members, broker_of_its_own, members_on, rushed
from tests.support.postgres import own_server, query
from tests.support.process import ServerProcess, make_account
from tests.support.rush import Rush

pytestmark = pytest.mark.slow

PROCESSES = ("api", "api", "decider", "projector", "projector")
DOWN_FOR = 4.0
PROMPT = 2.0
"""Seconds within which an action is answered and told of that needs no rows."""

WITHIN = 30.0
AWAY = {"ok": False, "detail": "the database does not answer"}
WHO_LEADS = (
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND objid = {}"
)

Tables = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker_of_its_own(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that may be killed."""
    running = own_server()
    running.start()
    yield running
    running.kill()


@pytest.fixture
def database(server: PostgresServer, request: pytest.FixtureRequest) -> str:
    """A database of the test's own."""
    return server.create_database(request.node.name)


@pytest.fixture
async def members(broker: Broker, tmp_path: Path, database: str) -> AsyncIterator[Members]:
    """Processes that are ready, none of which ends."""
    async with members_on(broker, tmp_path) as running:
        await running.add_all(PROCESSES, database)
        yield running
        assert [member for member in running.all if not member.running] == []


async def test_a_database_that_is_killed_and_comes_back(
    members: Members, server: PostgresServer, database: str, tmp_path: Path
) -> None:
    who = await make_account(members.all[0].url)
    async with rushed(members, who, least=100) as rush, at_a_websocket(rush) as ada:
        for paused in (True, False):
            await rush.more(20, within=60)
            await asyncio.to_thread(server.kill)
            killed = time.monotonic()
            await actions_go_on(rush, ada, paused=paused)
            await reads_are_refused(rush, members)
            await asyncio.sleep(killed + DOWN_FOR - time.monotonic())
            await asyncio.to_thread(server.start)
            await until(lambda: all_ready(members))
            await rush.more(20, within=60)
    await rows_are_true(members, database, tmp_path)


async def test_rows_that_are_dropped(members: Members, database: str, tmp_path: Path) -> None:
    async with rushed(members, await make_account(members.all[0].url), least=50) as rush:
        for _ in range(2):
            await rush.more(20, within=60)
            await drop_rows(database)
            await rush.more(20, within=60)
    before = await rows_are_true(members, database, tmp_path)
    await drop_rows(database)
    assert await rows_are_true(members, database, tmp_path) == before


async def test_a_projector_that_stands_still(
    members: Members, database: str, tmp_path: Path
) -> None:
    who = await make_account(members.all[0].url)
    partition = partition_of(who.account, PARTITIONS)
    async with rushed(members, who, least=50) as rush:
        await rush.more(20, within=60)
        name = (await asyncio.to_thread(query, database, WHO_LEADS.format(partition)))[0][0]
        still = members.all[int(name)]
        other = next(member for member in members.all[3:] if member is not still)
        still.freeze()
        await said(other, f"who writes partition {partition} stands still")
        await rush.more(20, within=60)
        still.thaw()
        await said(still, f"another process has taken up records of partition {partition}")
        await rush.more(20, within=60)
    await rows_are_true(members, database, tmp_path)


# --- clients -------------------------------------------------------------------------


@asynccontextmanager
async def at_a_websocket(rush: Rush) -> AsyncIterator[Client]:
    """The admin, who stays connected."""
    assert rush.admin is not None
    history = rush.world.history.client("ada (ws)", rush.admin.viewer)
    client = Client(rush.admin.http, history, rush.world.measures, transport="ws")
    await client.start()
    try:
        yield client
        await client.settle(WITHIN)
    finally:
        await client.stop()


async def actions_go_on(rush: Rush, client: Client, *, paused: bool) -> None:
    """What needs no rows is done at once and told live."""
    me = client.history.viewer.id
    async with asyncio.timeout(PROMPT):
        answer = await client.act(
            PauseOperator(operator=me) if paused else ActivateOperator(operator=me)
        )
    assert answer.refused is None
    assert await client.until(lambda state: is_paused(state, me) == paused, PROMPT)
    assert client.following.live.is_set()
    await rush.more(5, within=WITHIN)


def is_paused(state: State, operator: str) -> bool:
    """What a client holds."""
    assert isinstance(state, StaffState)
    return next(found.paused for found in state.operators if found.id == operator)


async def reads_are_refused(rush: Rush, members: Members) -> None:
    """With a clear answer; and each process that has to do with rows says what is wrong."""
    assert rush.admin is not None
    token = {"authorization": f"Bearer {rush.admin.http.token}"}
    refused = await rush.http.get("/v1/state", headers=token)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "retry-after" in refused.headers
    for member, command in zip(members.all, PROCESSES, strict=True):
        async with open_http(member.url) as http:
            parts = (await http.get("/readyz")).json()["parts"]
        assert parts.get("projections") == (None if command == "decider" else AWAY)


# --- processes and rows --------------------------------------------------------------


async def all_ready(members: Members) -> bool:
    """Whether each process counts itself as ready."""
    for member in members.all:
        async with open_http(member.url) as http:
            if not (await http.get("/readyz")).is_success:
                return False
    return True


async def said(member: ServerProcess, words: str) -> None:
    """Wait until a process has said it."""
    await eventually(lambda: words in member.said, WITHIN)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds. Raises TimeoutError."""
    async with asyncio.timeout(WITHIN):
        while not await holds():
            await asyncio.sleep(0.05)


async def drop_rows(database: str) -> None:
    """Somebody removes all of them."""
    await asyncio.to_thread(query, database, f"DROP SCHEMA {ROWS} CASCADE")


async def rows_are_true(members: Members, database: str, directory: Path) -> Tables:
    """Wait until they are up with the log, and hold them against a build by one process."""
    log = await KafkaLog.open(members.connection)
    own = await Projections.open(f"sqlite:///{directory / 'own.sqlite3'}")
    shared = await Projections.open(database)
    try:
        await rebuild(log, own)
        ends = {number: at.offset for number, at in (await own.positions()).items()}

        async def caught_up() -> bool:
            try:
                await shared.look()
                reached = await shared.positions()
            except ProjectionError:
                return False
            return {number: at.offset for number, at in reached.items()} == ends

        await until(caught_up)
        expected = await own.generations.read(tables)
        assert await shared.generations.read(tables) == expected
        return expected
    finally:
        await asyncio.gather(own.close(), shared.close(), log.close())


def tables(connection: Connection) -> Tables:
    """All that there is."""
    return {
        table.name: [
            tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
        ]
        for table in metadata.sorted_tables
    }
