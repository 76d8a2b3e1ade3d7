"""What every log promises, embedded or Kafka."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.log.errors import LogClosed, OffsetOutOfRange, RecordTooLarge
from streams.log.port import DURABLE_TOPICS, TOPICS, Log, LogRecord, Topic
from tests.contract.adapters import LOGS, PARTITIONS, RECORD_BYTES, LogAdapter

SOON = 5.0
DURABLE = [adapter for adapter in LOGS if adapter.durable]


@pytest.fixture(params=LOGS, ids=lambda adapter: adapter.name)
def adapter(request: pytest.FixtureRequest) -> LogAdapter:
    assert isinstance(request.param, LogAdapter)
    return request.param


@pytest.fixture
async def log(adapter: LogAdapter, tmp_path: Path) -> AsyncIterator[Log]:
    log = await adapter.open(tmp_path)
    yield log
    await log.close()


async def read_all(log: Log, topic: Topic, partition: int, limit: int = 1000) -> list[LogRecord]:
    records: list[LogRecord] = []
    while found := await log.read(topic, partition, len(records), limit):
        records += found
    return records


def numbered(*values: bytes) -> list[LogRecord]:
    return [LogRecord(offset, value) for offset, value in enumerate(values)]


async def test_offsets_are_consecutive_from_zero(log: Log) -> None:
    assert await log.append("events", 0, [b"a"]) == 0
    assert await log.append("events", 0, [b"b", b"c"]) == 1
    assert await log.append("events", 0, [b"d"]) == 3
    assert await log.end("events", 0) == 4
    assert await log.read("events", 0, 0) == numbered(b"a", b"b", b"c", b"d")


@pytest.mark.parametrize("topic", TOPICS)
async def test_every_topic_takes_and_gives_records(log: Log, topic: Topic) -> None:
    await log.append(topic, 1, [b"one", b"two"])
    assert await log.read(topic, 1, 0) == numbered(b"one", b"two")


async def test_the_end_now_counts_every_record(log: Log) -> None:
    assert await log.end_now("events", 1) == 0
    await log.append("events", 1, [b"one", b"two"])
    assert await log.end_now("events", 1) == 2


async def test_any_bytes_come_back_as_they_were(log: Log) -> None:
    values = [b"", b"\x00\xff", bytes(range(256)), b"x" * RECORD_BYTES]
    await log.append("actions", 0, values)
    assert await log.read("actions", 0, 0) == numbered(*values)


async def test_an_empty_partition_ends_at_zero_and_reads_as_nothing(log: Log) -> None:
    assert await log.end("visits", 0) == 0
    assert await log.read("visits", 0, 0) == []


async def test_topics_and_partitions_are_independent(log: Log) -> None:
    for partition in range(PARTITIONS):
        await log.append("actions", partition, [b"action %d" % partition])
        await log.append("events", partition, [b"event %d" % partition])
    for partition in range(PARTITIONS):
        assert await log.read("actions", partition, 0) == numbered(b"action %d" % partition)
        assert await log.read("events", partition, 0) == numbered(b"event %d" % partition)


async def test_appends_keep_the_order_of_the_calls(log: Log) -> None:
    futures = [log.append("events", 0, [b"%d" % number]) for number in range(500)]
    assert await asyncio.gather(*futures) == list(range(500))
    assert await read_all(log, "events", 0) == numbered(*(b"%d" % n for n in range(500)))


async def test_the_values_of_an_append_stay_together_among_many_appenders(log: Log) -> None:
    async def appender(name: int) -> None:
        for turn in range(20):
            first = await log.append("events", 0, [b"%d.%d.%d" % (name, turn, i) for i in range(3)])
            kept = [record.value for record in await log.read("events", 0, first, 3)]
            assert kept == [b"%d.%d.%d" % (name, turn, i) for i in range(3)]

    await asyncio.gather(*(appender(name) for name in range(20)))
    values = [record.value for record in await read_all(log, "events", 0)]
    assert len(values) == len(set(values)) == 20 * 20 * 3
    for name in range(20):
        own = [value for value in values if value.startswith(b"%d." % name)]
        assert own == [b"%d.%d.%d" % (name, turn, i) for turn in range(20) for i in range(3)]


async def test_a_list_that_is_changed_after_the_append_changes_nothing(log: Log) -> None:
    values = [b"as it was"]
    future = log.append("events", 0, values)
    values[0] = b"changed"
    await future
    assert await log.read("events", 0, 0) == numbered(b"as it was")


async def test_what_is_acknowledged_can_be_read_at_once(log: Log) -> None:
    for number in range(20):
        offset = await log.append("events", 0, [b"%d" % number])
        assert await log.end("events", 0) == offset + 1
        assert await log.read("events", 0, offset) == [LogRecord(offset, b"%d" % number)]


async def test_a_cancelled_wait_for_an_append_takes_nothing_back(log: Log) -> None:
    log.append("events", 0, [b"first"]).cancel()
    assert await log.append("events", 0, [b"second"]) == 1
    assert await log.read("events", 0, 0) == numbered(b"first", b"second")


@pytest.mark.parametrize("limit", [1, 2, 7, 50, 1000])
async def test_reads_begin_and_end_where_they_are_told(log: Log, limit: int) -> None:
    for size in (1, 5, 20, 3):
        await log.append("events", 2, [b"x%d" % number for number in range(size)])
    everything = await read_all(log, "events", 2)
    assert [record.offset for record in everything] == list(range(29))
    assert await read_all(log, "events", 2, limit) == everything
    for start in range(29):
        found = await log.read("events", 2, start, limit)
        assert found == everything[start : start + len(found)]
        assert 0 < len(found) <= limit


async def test_a_read_at_the_end_is_empty_and_beyond_it_an_error(log: Log) -> None:
    await log.append("events", 0, [b"only"])
    assert await log.read("events", 0, 1) == []
    with pytest.raises(OffsetOutOfRange):
        await log.read("events", 0, 2)


async def test_several_readers_see_the_same(log: Log) -> None:
    async def follow() -> list[LogRecord]:
        seen: list[LogRecord] = []
        while len(seen) < 200:
            records = await log.read("events", 0, len(seen), 7)
            if not records:
                await log.wait("events", 0, len(seen))
            seen += records
        return seen

    readers = [asyncio.create_task(follow()) for _ in range(5)]
    for number in range(100):
        await log.append("events", 0, [b"%d" % number, b"and"])
    async with asyncio.timeout(SOON):
        first, *others = await asyncio.gather(*readers)
    assert [record.offset for record in first] == list(range(200))
    assert all(seen == first for seen in others)


@pytest.mark.parametrize("topic", TOPICS)
async def test_a_wait_ends_with_the_next_record(log: Log, topic: Topic) -> None:
    waiting = asyncio.create_task(log.wait(topic, 0, 0))
    await asyncio.sleep(0)
    assert not waiting.done()
    await log.append(topic, 0, [b"news"])
    async with asyncio.timeout(SOON):
        await waiting
        await log.wait(topic, 0, 0)


async def test_a_wait_for_more_outlasts_records_that_do_not_reach_it(log: Log) -> None:
    waiting = asyncio.create_task(log.wait("events", 0, 2))
    await log.append("events", 0, [b"0"])
    await log.append("events", 0, [b"1"])
    await log.append("events", 1, [b"elsewhere", b"elsewhere", b"elsewhere"])
    assert not waiting.done()
    await log.append("events", 0, [b"2"])
    async with asyncio.timeout(SOON):
        await waiting


async def test_a_wait_can_be_cancelled(log: Log) -> None:
    waiting = asyncio.create_task(log.wait("events", 0, 0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await log.append("events", 0, [b"x"]) == 0


async def test_a_record_above_the_limit_is_refused_at_once_with_its_whole_append(log: Log) -> None:
    with pytest.raises(RecordTooLarge):
        await log.append("events", 0, [b"small", b"x" * (RECORD_BYTES + 1)])
    assert await log.append("events", 0, [b"next"]) == 0


async def test_an_append_holds_as_much_as_the_log_says_and_no_more(log: Log) -> None:
    record, append = log.bounds
    assert record == RECORD_BYTES
    values = [b"x" * record] * (append // record)
    with pytest.raises(RecordTooLarge):
        await log.append("events", 0, [*values, b"x"])
    assert await log.append("events", 0, values) == 0
    assert await log.end("events", 0) == len(values)


async def test_an_append_of_nothing_or_to_nowhere_is_a_defect_of_the_caller(log: Log) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await log.append("events", 0, [])
    for partition in (-1, PARTITIONS):
        with pytest.raises(ValueError, match="no topic events with partition"):
            await log.append("events", partition, [b"x"])
        with pytest.raises(ValueError, match="no topic events with partition"):
            await log.read("events", partition, 0)


async def test_close_commits_what_was_queued(adapter: LogAdapter, tmp_path: Path) -> None:
    log = await adapter.open(tmp_path)
    futures = [log.append("events", 0, [b"%d" % number]) for number in range(100)]
    async with asyncio.timeout(SOON):
        await log.close()
    assert await asyncio.gather(*futures) == list(range(100))


async def test_a_closed_log_refuses_everything(adapter: LogAdapter, tmp_path: Path) -> None:
    log = await adapter.open(tmp_path)
    await log.append("events", 0, [b"x"])
    waiting = asyncio.create_task(log.wait("events", 0, 1))
    await asyncio.sleep(0)
    await log.close()
    await log.close()
    with pytest.raises(LogClosed):
        await waiting
    with pytest.raises(LogClosed):
        await log.append("events", 0, [b"y"])
    with pytest.raises(LogClosed):
        await log.append("signals", 0, [b"y"])
    with pytest.raises(LogClosed):
        await log.read("events", 0, 0)
    with pytest.raises(LogClosed):
        await log.wait("events", 0, 0)


@pytest.mark.parametrize("adapter", DURABLE, ids=lambda adapter: adapter.name)
async def test_durable_topics_survive_a_reopening(adapter: LogAdapter, tmp_path: Path) -> None:
    log = await adapter.open(tmp_path)
    identity = log.identity
    for topic in TOPICS:
        await log.append(topic, 1, [b"before", topic.encode()])
    await log.close()
    log = await adapter.open(tmp_path)
    assert log.identity == identity
    for topic in DURABLE_TOPICS:
        assert await log.end(topic, 1) == 2
        assert await log.append(topic, 1, [b"after"]) == 2
        assert await log.read(topic, 1, 0) == numbered(b"before", topic.encode(), b"after")
    await log.close()
