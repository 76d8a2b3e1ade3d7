"""The embedded log's writer: full disks, full queues, defects, checkpoints."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from streams.log.errors import LogBusy, LogFull, LogUnavailable, RecordTooLarge
from streams.log.marks import HighWaterMark
from streams.log.sqlite import LogLimits, SqliteLog

SOON = 5.0


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    limits = LogLimits(append_bytes=2 << 20, queue_bytes=3 << 20, queue_appends=100)
    log = await SqliteLog.open(tmp_path, partitions=2, limits=limits)
    yield log
    await log.close()


def writing_connection(log: SqliteLog) -> apsw.Connection:
    return log._opened.connection


async def test_what_is_not_yet_committed_cannot_be_read(log: SqliteLog) -> None:
    future = log.append("events", 0, [b"later"])
    assert await log.end("events", 0) == 0
    assert await log.read("events", 0, 0) == []
    assert not future.done()
    assert await future == 0


async def test_a_full_disk_refuses_appends_until_there_is_room(log: SqliteLog) -> None:
    await log.append("events", 0, [b"before"])
    pages = writing_connection(log).pragma("page_count")
    writing_connection(log).pragma("max_page_count", pages)
    with pytest.raises(LogFull, match="disk that holds the log is full"):
        await log.append("events", 0, [b"x" * 100_000])
    assert [record.value for record in await log.read("events", 0, 0)] == [b"before"]
    assert log.failure is None
    writing_connection(log).pragma("max_page_count", 1 << 30)
    assert await log.append("events", 0, [b"after"]) == 1
    assert [record.value for record in await log.read("events", 0, 0)] == [b"before", b"after"]


async def test_a_full_disk_takes_nothing_of_a_group(tmp_path: Path, log: SqliteLog) -> None:
    pages = writing_connection(log).pragma("page_count")
    writing_connection(log).pragma("max_page_count", pages + 1)
    outcomes = await asyncio.gather(
        *(log.append("events", n % 2, [b"x" * 10_000]) for n in range(50)), return_exceptions=True
    )
    acknowledged = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert len(acknowledged) < 50
    assert await log.end("events", 0) + await log.end("events", 1) == len(acknowledged)
    writing_connection(log).pragma("max_page_count", 1 << 30)
    await log.append("events", 0, [b"after"])
    await log.close()
    log = await SqliteLog.open(tmp_path, partitions=2)
    assert await log.end("events", 0) + await log.end("events", 1) == len(acknowledged) + 1
    await log.close()


async def test_a_full_queue_says_so_and_takes_more_later(log: SqliteLog) -> None:
    futures = [log.append("events", 0, [b"x"]) for _ in range(101)]
    with pytest.raises(LogBusy):
        await futures.pop()
    await asyncio.gather(*futures)
    assert await log.append("events", 0, [b"y"]) == 100


async def test_the_queue_is_bounded_in_bytes_too(log: SqliteLog) -> None:
    futures = [log.append("events", 0, [b"x" * (1 << 20)]) for _ in range(4)]
    with pytest.raises(LogBusy):
        await futures.pop()
    await asyncio.gather(*futures)
    assert log.queued_bytes == 0


async def test_an_append_has_a_limit_of_its_own(log: SqliteLog) -> None:
    with pytest.raises(RecordTooLarge, match="An append has more than"):
        await log.append("events", 0, [b"x" * (1 << 20)] * 3)


async def test_a_locked_database_fails_the_append_and_nothing_else(
    tmp_path: Path, log: SqliteLog
) -> None:
    writing_connection(log).set_busy_timeout(0)
    intruder = apsw.Connection(str(tmp_path / "log.sqlite3"))
    intruder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogUnavailable, match="locked"):
        await log.append("events", 0, [b"x"])
    intruder.execute("ROLLBACK")
    intruder.close()
    assert await log.append("events", 0, [b"y"]) == 0


async def test_after_an_error_that_leaves_doubt_nothing_is_acknowledged_any_more(
    tmp_path: Path, log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: HighWaterMark) -> None:
        raise OSError(5, "Input/output error")

    await log.append("events", 0, [b"before"])
    with monkeypatch.context() as patch:
        patch.setattr(HighWaterMark, "write", broken)
        with pytest.raises(LogUnavailable, match="Input/output error"):
            await log.append("events", 0, [b"in doubt"])
    with pytest.raises(LogUnavailable, match="cannot be written any more"):
        await log.append("events", 0, [b"refused"])
    assert log.failure is not None
    assert [record.value for record in await log.read("events", 0, 0)] == [b"before"]
    await log.close()
    log = await SqliteLog.open(tmp_path, partitions=2)
    assert [r.value for r in await log.read("events", 0, 0)] == [b"before", b"in doubt"]
    await log.close()


async def test_a_defect_in_the_writer_leaves_nobody_waiting(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: HighWaterMark) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(HighWaterMark, "write", broken)
    monkeypatch.setattr("threading.excepthook", lambda arguments: None)
    async with asyncio.timeout(SOON):
        with pytest.raises(LogUnavailable):
            await log.append("events", 0, [b"x"])
        with pytest.raises(LogUnavailable):
            await log.append("events", 0, [b"x"])
        await log.close()  # until then the writer's thread may be ending


async def test_the_wal_does_not_grow_while_much_is_written(tmp_path: Path, log: SqliteLog) -> None:
    size = (tmp_path / "log.sqlite3-wal").stat().st_size
    for _ in range(60):
        await log.append("events", 0, [b"x" * (1 << 19)])
    assert (tmp_path / "log.sqlite3-wal").stat().st_size == size
    assert len(await log.read("events", 0, 0, 20)) == 20


async def test_old_records_come_from_the_disk_as_they_were(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path, partitions=1, limits=LogLimits(tail_bytes=1000))
    for number in range(100):
        await log.append("events", 0, [b"%d" % number, b"x" * 50])
    assert [record.offset for record in await log.read("events", 0, 3, 5)] == [3, 4, 5, 6, 7]
    assert (await log.read("events", 0, 3, 1))[0].value == b"x" * 50
    await log.close()


async def test_a_volatile_topic_forgets_its_oldest_and_starts_anew(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path, partitions=1)
    for number in range(20_001):
        await log.append("signals", 0, [b"%d" % number])
    oldest = (await log.read("signals", 0, 0, 1))[0]
    assert oldest == (10_001, b"10001")
    assert await log.end("signals", 0) == 20_001
    await log.close()
    log = await SqliteLog.open(tmp_path, partitions=1)
    assert await log.end("signals", 0) == 0
    await log.close()


async def test_a_large_append_can_be_read_in_parts(tmp_path: Path) -> None:
    values = [b"%05d" % number * 200 for number in range(1500)]
    log = await SqliteLog.open(tmp_path, partitions=1, limits=LogLimits(tail_bytes=0))
    await log.append("events", 0, values)
    assert (await log.read("events", 0, 777, 1))[0] == (777, values[777])
    assert [record.value for record in await log.read("events", 0, 0, 1500)] == values
    _ = [progress async for progress in log.verify()]
    await log.close()
    await (await SqliteLog.open(tmp_path, partitions=1)).close()
