"""A log that is torn or altered says so when it is opened, and says what and where."""

import os
import shutil
from pathlib import Path

import apsw
import pytest

from streams.log.errors import (
    Damage,
    LogAltered,
    LogDamaged,
    LogForeign,
    LogInUse,
    LogMisfit,
    LogTorn,
    MarkLost,
)
from streams.log.port import Topic
from streams.log.sqlite import LogLimits, SqliteLog

FILES = ("log.sqlite3", "log.sqlite3-wal", "log.high-water")


async def open_log(directory: Path) -> SqliteLog:
    return await SqliteLog.open(directory, partitions=2, limits=LogLimits(tail_bytes=0))


async def fill(log: SqliteLog, number: int, topic: Topic = "events") -> None:
    for _ in range(number):
        await log.append(topic, 1, [b"x" * 100, b"y" * 100])


async def closed_log(directory: Path, number: int) -> None:
    log = await open_log(directory)
    await fill(log, number)
    await log.close()


async def killed_log(directory: Path, number: int) -> None:
    """The files as a kill leaves them: all in the WAL, nothing checkpointed."""
    living = directory.parent / "living"
    log = await open_log(living)
    await fill(log, number)
    copy_files(living, directory)
    await log.close()


def copy_files(source: Path, target: Path) -> None:
    target.mkdir()
    for name in FILES:
        shutil.copy(source / name, target / name)


def change(directory: Path, sql: str) -> None:
    with apsw.Connection(str(directory / "log.sqlite3")) as connection:
        connection.execute(sql)
    connection.close()


def places(error: LogDamaged) -> list[tuple[str, int, int, int]]:
    return [damage[:4] for damage in error.damages]


async def test_a_killed_log_opens_whole(tmp_path: Path) -> None:
    await killed_log(tmp_path / "log", 50)
    log = await open_log(tmp_path / "log")
    assert await log.end("events", 1) == 100
    await log.close()


async def test_a_deleted_wal_is_noticed(tmp_path: Path) -> None:
    await killed_log(tmp_path / "log", 50)
    (tmp_path / "log" / "log.sqlite3-wal").unlink()
    with pytest.raises(LogTorn) as caught:
        await open_log(tmp_path / "log")
    assert places(caught.value) == [("events", 1, 0, 100)]
    assert "topic events, partition 1, offsets 0 to 99: acknowledged" in str(caught.value)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
async def test_a_flipped_byte_in_the_wal_is_noticed(tmp_path: Path, part: float) -> None:
    await killed_log(tmp_path / "log", 50)
    wal = tmp_path / "log" / "log.sqlite3-wal"
    content = bytearray(wal.read_bytes())
    used = len(content.rstrip(b"\0"))
    content[int(used * part)] ^= 0x40
    wal.write_bytes(content)
    with pytest.raises(LogTorn) as caught:
        await open_log(tmp_path / "log")
    [(topic, partition, first, end)] = places(caught.value)
    assert (topic, partition, end) == ("events", 1, 100)
    assert first < 100


async def test_a_truncated_wal_is_noticed_and_left_as_it_was(tmp_path: Path) -> None:
    await killed_log(tmp_path / "log", 50)
    wal = tmp_path / "log" / "log.sqlite3-wal"
    content = wal.read_bytes().rstrip(b"\0")[: 32 + 10 * 4120]
    wal.write_bytes(content)
    before = [(tmp_path / "log" / name).read_bytes() for name in FILES]
    for _ in range(2):
        with pytest.raises(LogTorn):
            await open_log(tmp_path / "log")
    assert [(tmp_path / "log" / name).read_bytes() for name in FILES] == before


async def test_dropped_last_batches_are_noticed(tmp_path: Path) -> None:
    await closed_log(tmp_path, 50)
    change(tmp_path, "DELETE FROM events_1 WHERE first >= 90")
    with pytest.raises(LogTorn) as caught:
        await open_log(tmp_path)
    assert places(caught.value) == [("events", 1, 90, 100)]


async def test_an_older_copy_is_noticed(tmp_path: Path) -> None:
    await closed_log(tmp_path, 10)
    older = (tmp_path / "log.sqlite3").read_bytes()
    await closed_log(tmp_path, 10)
    (tmp_path / "log.sqlite3").write_bytes(older)
    with pytest.raises(LogTorn) as caught:
        await open_log(tmp_path)
    assert places(caught.value) == [("events", 1, 20, 40)]


async def test_an_older_copy_that_was_written_to_since_is_noticed(tmp_path: Path) -> None:
    await closed_log(tmp_path, 10)
    shutil.copytree(tmp_path, tmp_path / "older")
    await closed_log(tmp_path, 10)
    await closed_log(tmp_path / "older", 15)
    shutil.copy(tmp_path / "older" / "log.sqlite3", tmp_path / "log.sqlite3")
    with pytest.raises(LogAltered, match="not the one that was acknowledged") as caught:
        await open_log(tmp_path)
    assert places(caught.value) == [("events", 1, 38, 40)]


async def test_a_missing_file_is_noticed(tmp_path: Path) -> None:
    await closed_log(tmp_path, 10)
    (tmp_path / "log.sqlite3").unlink()
    with pytest.raises(LogTorn) as caught:
        await open_log(tmp_path)
    assert places(caught.value) == [("events", 1, 0, 20)]


async def test_a_file_of_rubbish_is_noticed(tmp_path: Path) -> None:
    await closed_log(tmp_path, 10)
    (tmp_path / "log.sqlite3").write_bytes(b"rubbish" * 10_000)
    with pytest.raises(LogAltered, match="not a database") as caught:
        await open_log(tmp_path)
    assert places(caught.value) == [("events", 1, 0, 20)]


CHANGES: dict[str, tuple[str, type[LogDamaged], tuple[str, int, int, int]]] = {
    "a body": (
        "UPDATE events_1 SET body = CAST(replace(body, x'78', x'7a') AS BLOB) WHERE first = {}",
        LogAltered,
        ("events", 1, 0, 2),
    ),
    "a time": ("UPDATE events_1 SET at = at + 1 WHERE first = {}", LogAltered, ("events", 1, 0, 2)),
    "a chain": (
        "UPDATE events_1 SET chain = zeroblob(32) WHERE first = {}",
        LogAltered,
        ("events", 1, 0, 2),
    ),
    "a count": ("UPDATE events_1 SET count = 1 WHERE first = {}", LogAltered, ("events", 1, 0, 1)),
    "a row": ("DELETE FROM events_1 WHERE first = {}", LogTorn, ("events", 1, 0, 2)),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_change_near_the_end_is_noticed_at_start(tmp_path: Path, what: str) -> None:
    await closed_log(tmp_path, 100)
    sql, kind, (topic, partition, first, end) = CHANGES[what]
    change(tmp_path, sql.format(180))
    with pytest.raises(kind) as caught:
        await open_log(tmp_path)
    assert places(caught.value) == [(topic, partition, 180 + first, 180 + end)]


@pytest.mark.parametrize("what", CHANGES)
async def test_a_change_anywhere_is_noticed_by_verification(tmp_path: Path, what: str) -> None:
    await closed_log(tmp_path, 100)
    sql, kind, (topic, partition, first, end) = CHANGES[what]
    change(tmp_path, sql.format(40))
    log = await open_log(tmp_path)
    with pytest.raises(kind) as caught:
        _ = [progress async for progress in log.verify()]
    assert places(caught.value) == [(topic, partition, 40 + first, 40 + end)]
    await log.close()


async def test_an_altered_batch_cannot_be_read_as_records(tmp_path: Path) -> None:
    await closed_log(tmp_path, 100)
    change(tmp_path, "UPDATE events_1 SET body = x'c1' WHERE first = 40")
    log = await open_log(tmp_path)
    assert len(await log.read("events", 1, 0, 40)) == 40
    with pytest.raises(LogAltered, match="offsets 40 to 41"):
        await log.read("events", 1, 40)
    await log.close()


async def test_a_missing_batch_is_not_read_over(tmp_path: Path) -> None:
    await closed_log(tmp_path, 100)
    change(tmp_path, "DELETE FROM events_1 WHERE first = 40")
    log = await open_log(tmp_path)
    assert len(await log.read("events", 1, 0)) == 40
    with pytest.raises(LogTorn, match="offsets 40 to"):
        await log.read("events", 1, 40)
    await log.close()


async def test_verification_of_a_whole_log_shows_its_progress(tmp_path: Path) -> None:
    await closed_log(tmp_path, 100)
    log = await open_log(tmp_path)
    steps = [progress async for progress in log.verify()]
    assert steps[-1] == (200, 200)
    await log.close()


async def test_a_batch_does_not_fit_into_another_partition(tmp_path: Path) -> None:
    await closed_log(tmp_path, 1)
    change(tmp_path, "INSERT INTO events_0 SELECT * FROM events_1")
    with pytest.raises(LogAltered) as caught:
        await open_log(tmp_path)
    assert caught.value.damages == (
        Damage("events", 0, 0, 2, "the hash of the batch differs from its chain"),
    )


async def test_a_log_of_another_installation_is_noticed(tmp_path: Path) -> None:
    await closed_log(tmp_path / "here", 1)
    await closed_log(tmp_path / "there", 1)
    shutil.copy(tmp_path / "there" / "log.sqlite3", tmp_path / "here" / "log.sqlite3")
    with pytest.raises(LogForeign):
        await open_log(tmp_path / "here")


async def test_a_missing_mark_is_noticed(tmp_path: Path) -> None:
    await closed_log(tmp_path, 1)
    (tmp_path / "log.high-water").unlink()
    with pytest.raises(MarkLost, match="missing"):
        await open_log(tmp_path)


async def test_a_torn_write_of_the_mark_leaves_the_one_before(tmp_path: Path) -> None:
    await closed_log(tmp_path, 10)
    mark = tmp_path / "log.high-water"
    content = mark.read_bytes()
    middle = len(content) // 2
    for damaged in (b"\0" * middle + content[middle:], content[:middle] + b"\0" * middle):
        mark.write_bytes(damaged)
        log = await open_log(tmp_path)
        assert await log.end("events", 1) == 20
        await log.close()
    mark.write_bytes(b"\0" * len(content))
    with pytest.raises(MarkLost, match="damaged"):
        await open_log(tmp_path)


async def test_a_log_that_has_more_than_the_mark_goes_on(tmp_path: Path) -> None:
    """As after a loss of power that the commit survived and the mark did not."""
    await closed_log(tmp_path, 10)
    mark = (tmp_path / "log.high-water").read_bytes()
    await closed_log(tmp_path, 100)
    (tmp_path / "log.high-water").write_bytes(mark)
    log = await open_log(tmp_path)
    assert await log.end("events", 1) == 220
    await log.close()


async def test_the_number_of_partitions_is_fixed(tmp_path: Path) -> None:
    await closed_log(tmp_path, 1)
    with pytest.raises(LogMisfit, match="made with 2 partitions, not 3"):
        await SqliteLog.open(tmp_path, partitions=3)


async def test_another_schema_is_refused(tmp_path: Path) -> None:
    await closed_log(tmp_path, 1)
    change(tmp_path, "PRAGMA user_version=99")
    with pytest.raises(LogMisfit, match="schema 99"):
        await open_log(tmp_path)


async def test_only_one_may_own_the_directory(tmp_path: Path) -> None:
    log = await open_log(tmp_path)
    with pytest.raises(LogInUse, match=f"in use by process {os.getpid()}"):
        await open_log(tmp_path)
    await log.close()
    await (await open_log(tmp_path)).close()


async def test_an_abandoned_creation_is_begun_again(tmp_path: Path) -> None:
    await closed_log(tmp_path, 0)
    (tmp_path / "log.high-water").unlink()
    await closed_log(tmp_path, 1)
    log = await open_log(tmp_path)
    assert await log.end("events", 1) == 2
    await log.close()
