"""The projector: it follows the log, heals, and builds anew what cannot be trusted."""

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import pytest

from projections import generation, generations
from projections.errors import Damaged, Hole, NotReady
from projections.projector import Projector, rebuild
from projections.sqlite import SqlitePlace
from projections.store import Projections
from schemas import codec
from schemas.decisions import Decision
from schemas.refusals import MalformedRecord
from streams.acceptance import Acceptance
from streams.log.memory import MemoryLog
from tests.contract.projection_adapters import ADAPTERS, Kept
from tests.support.domain import ACCOUNT, World
from tests.support.stories import a_day, of_account, records, viewers

WAIT = 20.0
"""Seconds within which everything here must have happened."""


@pytest.fixture(scope="module")
def world() -> World:
    """A day of the domain."""
    return a_day()


@pytest.fixture(params=sorted(ADAPTERS))
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """Where the projections of this test are kept."""
    return ADAPTERS[request.param](tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file, where that is the matter."""
    return tmp_path / "projections.sqlite3"


@pytest.fixture
async def log(world: World) -> AsyncIterator[MemoryLog]:
    """A log with that day on its first partition."""
    made = await log_of(world.decisions)
    yield made
    await made.close()


async def log_of(decisions: list[Decision], *, partitions: int = 2) -> MemoryLog:
    """A log with these decisions on its first partition."""
    made = MemoryLog(partitions=partitions)
    await made.append("events", 0, records(decisions))
    return made


async def sound(projector: Projector) -> None:
    """Wait until the rows have been looked at, mended if need be, and have caught up."""
    await projector.verified.wait()
    await projector.ready.wait()


@asynccontextmanager
async def following(log: MemoryLog, url: str) -> AsyncIterator[tuple[Projections, Projector]]:
    """Projections that have caught up, with the projector that keeps them so."""
    projections = await Projections.open(url)
    projector = Projector(log, projections, lull=0, retry_after=0)
    running = asyncio.create_task(projector.run())
    ready = asyncio.create_task(sound(projector))
    try:
        await asyncio.wait({running, ready}, timeout=WAIT, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        yield projections, projector
    finally:
        for task in (running, ready):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await projections.close()


@contextmanager
def heard(text: str) -> Iterator[asyncio.Event]:
    """An event that is set once the projector has said this."""
    event = asyncio.Event()

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if text in record.getMessage():
                event.set()

    ear, logger = Ear(), logging.getLogger("projections.projector")
    logger.addHandler(ear)
    try:
        yield event
    finally:
        logger.removeHandler(ear)


async def state(projections: Projections, world: World) -> object:
    """What an admin sees."""
    return await projections.state_for(viewers(world)["ana"])


async def caught_up(log: MemoryLog, url: str, world: World) -> object:
    """What an admin sees once the projections have caught up."""
    async with following(log, url) as (projections, _):
        return await state(projections, world)


async def test_the_rows_follow_the_log(kept: Kept, log: MemoryLog, world: World) -> None:
    async with following(log, kept.url) as (projections, projector):
        assert await projections.version(ACCOUNT) == world.decisions[-1].version
        await log.append("events", 1, records(of_account(world.decisions, "other")))
        assert await projections.reached("other", world.decisions[-1].version, WAIT)
        assert projector.ignored == 0
        assert projector.ready.is_set()


async def test_decisions_that_do_not_count_are_passed_over(kept: Kept, world: World) -> None:
    zombie = records(world.decisions)
    log = await log_of(world.decisions)
    await log.append("events", 0, zombie[5:8])
    async with following(log, kept.url) as (projections, projector):
        assert await projections.version(ACCOUNT) == world.decisions[-1].version
        assert projector.ignored == 3


async def test_a_new_file_for_an_old_log_is_read_when_it_has_caught_up(
    kept: Kept, log: MemoryLog, world: World
) -> None:
    projections = await Projections.open(kept.url)
    await projections.generations.compare(log)
    with pytest.raises(NotReady):
        await projections.version(ACCOUNT)
    with pytest.raises(NotReady):
        await projections.apply(0, [], (await _position(log)))
    assert await projections.positions() == {}
    await rebuild(log, projections)
    assert await projections.version(ACCOUNT) == world.decisions[-1].version
    await projections.close()


async def test_a_rebuild_tells_how_far_it_is(kept: Kept, log: MemoryLog) -> None:
    told: list[tuple[int, int]] = []
    projections = await Projections.open(kept.url)
    await rebuild(log, projections, lambda done, total: told.append((done, total)))
    end = await log.end("events", 0)
    assert told[-1] == (end, end)
    await projections.close()


async def test_rows_are_built_anew_on_request_while_they_are_followed(
    kept: Kept, log: MemoryLog, world: World
) -> None:
    async with following(log, kept.url) as (projections, projector):
        before = projections.generations.current
        projector.renew()
        await log.append("events", 1, records(of_account(world.decisions, "other")))
        assert await projections.reached("other", world.decisions[-1].version, WAIT)
        async with asyncio.timeout(WAIT):
            while projector.renewing:
                await asyncio.sleep(0)
        assert projections.generations.current is not before
        assert projector.done == projector.total > 0
        assert await projections.version("other") == world.decisions[-1].version


async def test_a_deleted_file_is_built_anew(kept: Kept, log: MemoryLog, world: World) -> None:
    before = await caught_up(log, kept.url, world)
    kept.remove()
    assert await caught_up(log, kept.url, world) == before
    assert kept.nothing_beside()


def _first_page(path: Path) -> None:
    path.write_bytes(b"nothing at all" + path.read_bytes()[14:])


def _any_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 64] = b"\xff" * 64
    path.write_bytes(content)


def _half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 8192 * 4096])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _another_kind(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x)")


@pytest.mark.parametrize("harm", [_first_page, _any_page, _half, _empty, _another_kind])
async def test_a_damaged_file_is_built_anew(
    path: Path,
    log: MemoryLog,
    world: World,
    harm: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = await caught_up(log, f"sqlite:///{path}", world)
    harm(path)
    assert await caught_up(log, f"sqlite:///{path}", world) == before
    assert "building them anew" in caplog.text


async def test_damage_found_while_reading_is_mended_while_running(
    kept: Kept, log: MemoryLog, world: World
) -> None:
    async with following(log, kept.url) as (projections, _):
        before = await state(projections, world)
        kept.execute("UPDATE chats SET view = '{'")
        with heard("built anew") as mended:
            with pytest.raises(Damaged, match="chats"):
                await state(projections, world)
            await asyncio.wait_for(mended.wait(), WAIT)
        assert await state(projections, world) == before


async def test_an_older_copy_catches_up(
    path: Path, tmp_path: Path, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    log = await log_of(world.decisions)
    short = MemoryLog(partitions=2)
    await short.append("events", 0, records(world.decisions)[:30])
    short._identity = log.identity  # an earlier moment of the same log
    older = tmp_path / "older"
    await caught_up(short, f"sqlite:///{older}", world)
    newest = await caught_up(log, f"sqlite:///{path}", world)
    caplog.clear()
    shutil.copy(older, path)
    assert await caught_up(log, f"sqlite:///{path}", world) == newest
    assert "building" not in caplog.text


async def test_rows_of_a_longer_log_are_thrown_away(
    kept: Kept, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    long, short = await log_of(world.decisions), MemoryLog(partitions=2)
    await short.append("events", 0, records(world.decisions)[:30])
    short._identity = long.identity
    await caught_up(long, kept.url, world)
    async with following(short, kept.url) as (projections, _):
        assert await projections.version(ACCOUNT) == world.decisions[28].version
    assert "made from a longer log (partition 0" in caplog.text


async def test_rows_of_another_log_are_thrown_away(
    kept: Kept, log: MemoryLog, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await caught_up(log, kept.url, world)
    other = await log_of(of_account(world.decisions, "other"))
    async with following(other, kept.url) as (projections, _):
        assert await projections.version(ACCOUNT) == 0
        assert await projections.version("other") == world.decisions[-1].version
    assert "made from another log" in caplog.text


async def test_a_log_that_was_written_otherwise_is_noticed(
    kept: Kept, log: MemoryLog, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await caught_up(log, kept.url, world)
    other = await log_of(of_account(world.decisions, "other"))
    other._identity = log.identity
    async with following(other, kept.url) as (projections, _):
        assert await projections.version(ACCOUNT) == 0
    assert "made from another log (partition 0, offset" in caplog.text


async def test_another_schema_is_built_beside_the_old_one_while_chats_go_on(
    kept: Kept, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = len(world.decisions) // 2
    all_records = records(world.decisions)
    log = MemoryLog(partitions=1)
    await log.append("events", 0, all_records[: half + 1])
    before = await caught_up(log, kept.url, world)
    for module in (generation, generations):
        monkeypatch.setattr(module, "SCHEMA", 2)

    projections = await Projections.open(kept.url)
    assert await state(projections, world) == before, "the old rows are read meanwhile"
    await projections.close()

    async with following(log, kept.url) as (projections, _):
        for record in all_records[half + 1 :]:
            await log.append("events", 0, [record])
        assert await projections.reached(ACCOUNT, world.decisions[-1].version, WAIT)
        assert projections.generations.fault is None
    reopened = await Projections.open(kept.url)
    assert reopened.generations.fault is None
    await reopened.close()


async def test_whoever_waits_is_woken_by_new_rows_too(
    kept: Kept, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    short, log = await log_of(world.decisions[:10]), await log_of(world.decisions)
    log._identity = short.identity
    await caught_up(short, kept.url, world)
    projections = await Projections.open(kept.url)
    waiting = asyncio.create_task(projections.reached(ACCOUNT, 50, WAIT))
    await rebuild(log, projections)
    assert await waiting
    await projections.close()


async def test_rows_are_built_anew_on_request_while_chats_go_on(
    kept: Kept, log: MemoryLog, world: World
) -> None:
    async with following(log, kept.url) as (projections, projector):
        before = await state(projections, world)
        old = projections.generations.current
        with heard("built anew") as built:
            projector.renew()
            await log.append("events", 1, records(of_account(world.decisions, "other")))
            await asyncio.wait_for(built.wait(), WAIT)
        assert projections.generations.current is not old
        assert not projector.renewing
        assert await state(projections, world) == before
        assert await projections.reached("other", world.decisions[-1].version, WAIT)


async def test_rows_that_cannot_be_built_anew_now_leave_the_old_ones_followed(
    path: Path, log: MemoryLog, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(log, f"sqlite:///{path}") as (projections, projector):
        place = projections.generations.place
        assert isinstance(place, SqlitePlace)
        beside = place.beside
        monkeypatch.setattr(place, "beside", path.parent / "none" / "rebuild")
        with heard("cannot be built anew now") as refused:
            projector.renew()
            await asyncio.wait_for(refused.wait(), WAIT)
        monkeypatch.setattr(place, "beside", beside)
        await log.append("events", 1, records(of_account(world.decisions, "other")))
        assert await projections.reached("other", world.decisions[-1].version, WAIT)
        assert not projector.renewing


async def test_old_rows_that_the_new_code_cannot_read_are_not_shown(
    kept: Kept, log: MemoryLog, world: World
) -> None:
    await caught_up(log, kept.url, world)
    kept.execute("UPDATE meta SET value = '0' WHERE name = 'schema'", "DROP TABLE chats")
    projections = await Projections.open(kept.url)
    with pytest.raises(NotReady):
        await state(projections, world)
    assert await projections.version(ACCOUNT) == world.decisions[-1].version
    await projections.close()


async def test_a_hole_is_healed_from_the_log(
    kept: Kept, log: MemoryLog, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    whole = await caught_up(log, kept.url, world)
    short = world.decisions[:30]
    kept.remove()
    half = await log_of(short)
    half._identity = log.identity
    await caught_up(half, kept.url, world)
    # The position says more than the rows have.
    ahead = codec.digest(records(world.decisions)[50])
    kept.execute(f"UPDATE positions SET source = 49, next = 51, digest = '{ahead}'")
    assert await caught_up(log, kept.url, world) == whole
    assert "reading partition 0 again" in caplog.text


async def test_a_hole_in_the_log_itself_stops_the_projector(kept: Kept, world: World) -> None:
    log = await log_of([*world.decisions[:20], *world.decisions[21:]])
    with pytest.raises(Hole):
        await caught_up(log, kept.url, world)
    assert kept.nothing_beside()


async def test_a_hole_that_the_log_has_too_is_healed_only_once(kept: Kept, world: World) -> None:
    log = MemoryLog(partitions=1)
    projections = await Projections.open(kept.url)
    projector = Projector(log, projections, lull=0)
    running = asyncio.create_task(projector.run())
    await projector.ready.wait()
    await log.append("events", 0, records([*world.decisions[:20], *world.decisions[21:]]))
    with pytest.raises(Hole):
        await asyncio.wait_for(running, WAIT)
    await projections.close()


async def test_newer_code_s_record_stops_the_projector(kept: Kept, world: World) -> None:
    log = await log_of(world.decisions)
    await log.append("events", 0, [b'{"type":"fence","of":"newer code"}'])
    with pytest.raises(MalformedRecord):
        await caught_up(log, kept.url, world)


async def test_a_store_that_takes_no_writes_is_tried_again(
    path: Path, log: MemoryLog, world: World
) -> None:
    async with following(log, f"sqlite:///{path}") as (projections, _):
        await _limit_pages(projections, 1)
        with heard("partition 1 waits: database or disk is full") as refused:
            await log.append("events", 1, records(of_account(world.decisions, "other")))
            await asyncio.wait_for(refused.wait(), WAIT)
        assert await projections.version("other") == 0
        await _limit_pages(projections, 1_000_000)
        assert await projections.reached("other", world.decisions[-1].version, WAIT)


async def _limit_pages(projections: Projections, pages: int) -> None:
    current = projections.generations.current
    assert current is not None
    await current.database.write(
        lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar()
    )


async def _position(log: MemoryLog) -> Acceptance:
    return Acceptance(offset=await log.end("events", 0))
