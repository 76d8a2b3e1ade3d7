"""Rows in PostgreSQL while they are read: odd questions, switches, builders that wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from projections import leading, postgresql
from projections.database import Database
from projections.errors import NotReady, Overtaken, Unwritable
from projections.postgresql import PostgresPlace
from projections.projector import Projector, rebuild
from projections.store import Projections
from streams.log.memory import MemoryLog
from tests.support import domain as d
from tests.support.domain import ACCOUNT, World, given
from tests.support.postgres import database_for, query
from tests.support.stories import a_day, of_account, records, viewers

pytestmark = pytest.mark.postgres

BUILDS = 8
READERS = 4
WAIT = 20.0
LISTENING = "FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"


@pytest.fixture(scope="module")
def world() -> World:
    """A day of the domain."""
    return a_day()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database of the test's own."""
    return database_for(tmp_path)


@pytest.fixture
async def rows(url: str, world: World) -> AsyncIterator[Projections]:
    """The rows of that day."""
    opened = await Projections.open(url)
    await rebuild(await log_of(world), opened)
    yield opened
    await opened.close()


async def log_of(world: World, *, partitions: int = 1) -> MemoryLog:
    """A log with all that happened, on its first partition."""
    log = MemoryLog(partitions=partitions)
    await log.append("events", 0, records(world.decisions))
    return log


async def test_questions_with_nul_find_nothing_and_harm_nothing(
    rows: Projections, world: World
) -> None:
    ana = viewers(world)["ana"]
    assert await rows.credentials(ACCOUNT, "a\0b") is None
    assert await rows.chat(ana, "\0") is None
    assert (await rows.messages(ana, chat="\0")).items == []
    assert rows.generations.fault is None


async def test_a_login_with_nul_is_kept(url: str) -> None:
    world = given(d.operator("a\0b", "admin")).world
    opened = await Projections.open(url)
    await rebuild(await log_of(world), opened)
    logins = [operator.login for operator in (await opened.operators(ACCOUNT)).items]
    assert any("\0" in login for login in logins)
    await opened.close()


async def test_readers_never_notice_a_switch(url: str, rows: Projections, world: World) -> None:
    ana = viewers(world)["ana"]
    before = await rows.state_for(ana)
    other = await Projections.open(url)
    building = True

    async def read() -> int:
        reads = 0
        while building:
            assert await other.state_for(ana) == before
            reads += 1
        return reads

    reading = [asyncio.create_task(read()) for _ in range(READERS)]
    try:
        for _ in range(BUILDS):
            await rebuild(await log_of(world), rows)
    finally:
        building = False
        counts = await asyncio.gather(*reading)
        await other.close()
    assert min(counts) > BUILDS
    assert other.generations.fault is None


async def test_rows_that_are_not_built_yet_are_not_read(url: str, world: World) -> None:
    reader, builder = await Projections.open(url), await Projections.open(url)
    with pytest.raises(NotReady):
        await reader.version(ACCOUNT)
    await rebuild(await log_of(world), builder)
    assert await reader.version(ACCOUNT) == world.decisions[-1].version
    await reader.close()
    await builder.close()


async def test_rows_that_were_built_are_opened_once(
    url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, builder = await Projections.open(url), await Projections.open(url)
    await rebuild(await log_of(world), builder)
    opened: list[Database] = []
    open_one = reader.generations.place.open

    def opening() -> Database:
        opened.append(open_one())
        return opened[-1]

    monkeypatch.setattr(reader.generations.place, "open", opening)
    versions = await asyncio.gather(*(reader.version(ACCOUNT) for _ in range(READERS)))
    assert versions == [world.decisions[-1].version] * READERS
    assert len(opened) == 1
    await reader.close()
    await builder.close()


async def test_rows_are_told_of_when_they_can_be_read(
    url: str, rows: Projections, world: World
) -> None:
    log = await log_of(world, partitions=2)
    await log.append("events", 1, records(of_account(world.decisions, "other")))
    version = world.decisions[-1].version
    async with reading(url) as reader:
        fresh = await rows.generations.prepare(log)
        for partition in range(log.partitions):
            await fresh.take(partition, await log.read("events", partition, 0, 1_000))
        assert not await reader.reached("other", version, 0.2)
        waiting = asyncio.create_task(reader.reached("other", version, WAIT))
        await rows.generations.switch(fresh)
        assert await waiting


async def test_who_reads_forgets_what_a_crash_may_have_taken_back(
    url: str, rows: Projections, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "RETRY_AFTER", WAIT)
    version = world.decisions[-1].version
    async with reading(url) as reader:
        assert await reader.reached(ACCOUNT, version, WAIT)
        query(url, f"UPDATE {postgresql.ROWS}.versions SET version = version - 1")
        query(url, f"SELECT pg_terminate_backend(pid) {LISTENING}")
        async with asyncio.timeout(WAIT / 2):
            while await reader.reached(ACCOUNT, version, 0.05):
                await asyncio.sleep(0)
        assert await reader.reached(ACCOUNT, version - 1, WAIT)
    assert await rows.version(ACCOUNT) == version - 1


async def test_rows_that_could_not_be_put_in_place_are_built_again(
    url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(url, await log_of(world)) as (rows, projector):
        await projector.ready.wait()
        place = rows.generations.place
        put_in_place, tries = place.put_in_place, 0

        async def fail_once() -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise Unwritable("the database is away")
            await put_in_place()

        monkeypatch.setattr(place, "put_in_place", fail_once)
        projector.renew()
        async with asyncio.timeout(WAIT):
            while tries < 2 or not projector.ready.is_set():
                await asyncio.sleep(0)
        assert await rows.version(ACCOUNT) == world.decisions[-1].version


async def test_rows_of_another_log_are_not_read_by_who_only_reads(
    url: str, rows: Projections, world: World
) -> None:
    other = await log_of(world)
    reader = await Projections.open(url)
    await reader.generations.compare(other)
    for _ in range(2):
        with pytest.raises(NotReady):
            await reader.version(ACCOUNT)
    assert await reader.positions() == {}
    await rebuild(other, rows)
    assert await reader.version(ACCOUNT) == world.decisions[-1].version
    await reader.close()


async def test_who_waits_to_build_can_be_ended(rows: Projections) -> None:
    first = rows.generations.place
    assert isinstance(first, PostgresPlace)
    second = PostgresPlace(first._url, 1)
    await first.claim()
    waiting = asyncio.create_task(second.claim())
    done, _ = await asyncio.wait({waiting}, timeout=0.1)
    assert not done
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await first.release()
    await second.claim()
    await second.release()


async def test_who_stands_still_is_replaced_and_does_no_harm(
    url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leading, "PATIENCE", 0.2)
    monkeypatch.setattr(leading, "LOOK_EVERY", 0.05)
    log, rows = await log_of(world, partitions=2), await Projections.open(url)
    await rebuild(log, rows)
    still = rows.generations.current
    assert still is not None
    assert await still.database.try_to_lead(1)
    version = world.decisions[-1].version
    async with following(url, log) as (other, _):
        await log.append("events", 1, records(of_account(world.decisions, "other")))
        assert await other.reached("other", version, WAIT)
        late = await log.read("events", 1, 0, 100)
        with pytest.raises(Overtaken):
            await still.take(1, late)
        assert (await rows.positions())[1].offset == await log.end("events", 1)
        with pytest.raises(Overtaken):  # whatever was asked meanwhile
            await still.take(1, late)
        assert len(await rows.events_after("other", 0)) == version
    await rows.close()


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Projections]:
    """Another process that only reads, and hears what is written."""
    opened = await Projections.open(url)
    running = asyncio.create_task(opened.follow())
    try:
        async with asyncio.timeout(WAIT):
            while query(url, f"SELECT count(*) {LISTENING}") != [(1,)]:
                await asyncio.sleep(0)
        yield opened
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await opened.close()


@asynccontextmanager
async def following(url: str, log: MemoryLog) -> AsyncIterator[tuple[Projections, Projector]]:
    """Another process that would write the rows."""
    opened = await Projections.open(url)
    projector = Projector(log, opened, retry_after=0)
    running = asyncio.create_task(projector.run())
    try:
        yield opened, projector
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await opened.close()
