"""Rows in PostgreSQL, which several processes write and read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from projections.errors import ProjectionError
from projections.projector import Projector
from projections.store import Projections
from streams.log.memory import MemoryLog
from tests.support.domain import ACCOUNT, World
from tests.support.eventually import eventually
from tests.support.postgres import database_for, own_server
from tests.support.stories import a_day, records, viewers

WAIT = 20.0


@pytest.fixture(scope="module")
def world() -> World:
    return a_day()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return database_for(tmp_path)


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Projections]:
    """A process that reads what others write."""
    rows = await Projections.open(url)
    following = asyncio.create_task(rows.follow())
    try:
        yield rows
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await rows.close()


@asynccontextmanager
async def projecting(url: str, log: MemoryLog) -> AsyncIterator[Projector]:
    """A process that writes, until the end of the block."""
    rows = await Projections.open(url)
    projector = Projector(log, rows, retry_after=0.05)
    running = asyncio.create_task(projector.run())
    ready = asyncio.create_task(projector.ready.wait())
    try:
        await asyncio.wait({running, ready}, timeout=WAIT, return_when=asyncio.FIRST_COMPLETED)
        yield projector
    finally:
        ready.cancel()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await rows.close()


async def expected(tmp_path: Path, world: World) -> object:
    """What an admin sees when one process does it all."""
    log = MemoryLog(partitions=1)
    await log.append("events", 0, records(world.decisions))
    url = f"sqlite:///{tmp_path / 'rows.sqlite3'}"
    async with projecting(url, log) as projector:
        await eventually(projector.ready.is_set, WAIT)
        rows = await Projections.open(url)
        try:
            return await rows.state_for(viewers(world)["ana"])
        finally:
            await rows.close()


async def test_two_projectors_at_once_double_and_lose_nothing(
    tmp_path: Path, url: str, world: World
) -> None:
    log = MemoryLog(partitions=1)
    values = records(world.decisions)
    version = world.decisions[-1].version
    async with reading(url) as rows, AsyncExitStack() as stack:
        first = AsyncExitStack()
        await first.enter_async_context(projecting(url, log))
        await stack.enter_async_context(projecting(url, log))
        third = len(values) // 3
        await log.append("events", 0, values[:third])
        assert await rows.reached(ACCOUNT, 1, WAIT)
        await first.aclose()  # the one that led: the other takes over
        await log.append("events", 0, values[third:])
        assert await rows.reached(ACCOUNT, version, WAIT)
        assert await rows.state_for(viewers(world)["ana"]) == await expected(tmp_path, world)
        events = await rows.events_after(ACCOUNT, 0)
        assert [event.version for event in events] == list(range(1, version + 1))


async def test_rows_that_are_dropped_are_built_anew_under_the_readers(
    url: str, world: World
) -> None:
    log = MemoryLog(partitions=1)
    await log.append("events", 0, records(world.decisions))
    version = world.decisions[-1].version
    async with reading(url) as rows, projecting(url, log):
        assert await rows.reached(ACCOUNT, version, WAIT)
        before = await rows.state_for(viewers(world)["ana"])
        await drop(rows)
        async with asyncio.timeout(WAIT):
            while await state(rows, world) != before:
                await asyncio.sleep(0)


async def test_a_server_that_is_down_and_back(tmp_path: Path, world: World) -> None:
    server = own_server()
    await asyncio.to_thread(server.start)
    server.create_database("rows")
    url = server.url("rows")
    log = MemoryLog(partitions=1)
    values = records(world.decisions)
    version = world.decisions[-1].version
    try:
        async with reading(url) as rows, projecting(url, log):
            await log.append("events", 0, values[:20])
            assert await rows.reached(ACCOUNT, 1, WAIT)
            await asyncio.to_thread(server.kill)
            await log.append("events", 0, values[20:])
            with pytest.raises(ProjectionError):
                await rows.state_for(viewers(world)["ana"])
            await asyncio.to_thread(server.start)
            assert await rows.reached(ACCOUNT, version, WAIT)
            assert await state(rows, world) == await expected(tmp_path, world)
    finally:
        await asyncio.to_thread(server.end)


async def state(rows: Projections, world: World) -> object:
    """What an admin sees; None while there is nothing to see."""
    try:
        return await rows.state_for(viewers(world)["ana"])
    except ProjectionError:
        return None


async def drop(rows: Projections) -> None:
    """Somebody removes the schema."""
    current = rows.generations.current
    assert current is not None
    await current.database.write(
        lambda connection: connection.exec_driver_sql("DROP SCHEMA deskstream_1 CASCADE")
    )
