"""What the log on Kafka does beyond the contract: retention, identity, others' writes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from streams import topics
from streams.kafka_connection import KafkaConnection, KafkaTopic
from streams.log.errors import LogAltered, LogMisfit, LogTorn, RecordTooLarge
from streams.log.kafka import KafkaLimits, KafkaLog
from streams.log.port import LogRecord
from tests.support.kafka import RECORD_BYTES, topics_for

SOON = 10.0


@pytest.fixture
async def connection(directory: Path) -> KafkaConnection:
    return await topics_for(directory, 2)


@pytest.fixture
async def log(connection: KafkaConnection) -> AsyncIterator[KafkaLog]:
    log = await KafkaLog.open(connection)
    yield log
    await log.close()


@pytest.fixture
async def other(connection: KafkaConnection) -> AsyncIterator[KafkaLog]:
    other = await KafkaLog.open(connection)
    yield other
    await other.close()


async def forget_before(connection: KafkaConnection, topic: KafkaTopic, offset: int) -> None:
    """What retention does, at once."""
    partition = TopicPartition(connection.topic(topic), 0)
    async with topics.administering(connection) as admin:
        await admin.delete_records({partition: RecordsToDelete(before_offset=offset)})


async def test_what_is_acknowledged_can_be_read_though_others_write_as_well(
    log: KafkaLog, other: KafkaLog
) -> None:
    async def writer(own: KafkaLog, name: bytes) -> None:
        for number in range(200):
            value = b"%s%d" % (name, number)
            offset = await own.append("signals", 0, [value])
            assert await own.end("signals", 0) > offset
            assert await own.read("signals", 0, offset, 1) == [LogRecord(offset, value)]

    async with asyncio.timeout(SOON):
        await asyncio.gather(writer(log, b"a"), writer(other, b"b"))
        await log.wait("signals", 0, 399)
        await other.wait("signals", 0, 399)
    assert await log.read("signals", 0, 0) == await other.read("signals", 0, 0)


async def test_an_offset_that_another_process_knows_is_not_beyond_the_end(
    log: KafkaLog, other: KafkaLog
) -> None:
    await log.end("events", 0)
    for number in range(50):
        end = await other.append("events", 0, [b"%d" % number]) + 1
        assert await log.read("events", 0, end) == []


async def test_the_end_now_is_that_of_what_others_appended_as_well(
    log: KafkaLog, other: KafkaLog
) -> None:
    await log.end("events", 0)
    for number in range(50):
        end = await other.append("events", 0, [b"%d" % number]) + 1
        assert await log.end_now("events", 0) == end


async def test_signals_that_were_forgotten_give_the_oldest_that_are_left(
    log: KafkaLog, other: KafkaLog, connection: KafkaConnection
) -> None:
    await other.append("signals", 0, [b"0", b"1", b"2"])
    await forget_before(connection, "signals", 2)
    assert await log.read("signals", 0, 0) == [LogRecord(2, b"2")]
    await forget_before(connection, "signals", 3)
    assert await log.read("signals", 0, 0) == []


@pytest.mark.parametrize("topic", ["actions", "events"])
async def test_durable_records_that_retention_dropped_are_an_error(
    log: KafkaLog, other: KafkaLog, connection: KafkaConnection, topic: KafkaTopic
) -> None:
    assert topic != "snapshots"
    await other.append(topic, 0, [b"0", b"1", b"2"])
    await forget_before(connection, topic, 2)
    with pytest.raises(LogTorn, match=r"offsets 0 to 1: .*retention"):
        await log.read(topic, 0, 0)
    assert await log.read(topic, 0, 2) == [LogRecord(2, b"2")]


@pytest.mark.parametrize("followed", [True, False])
async def test_a_hole_that_a_transaction_leaves_is_an_error(
    log: KafkaLog, connection: KafkaConnection, followed: bool
) -> None:
    if followed:
        await log.end("events", 0)
    stranger = AIOKafkaProducer(**connection.options(), transactional_id="stranger")
    async with stranger, stranger.transaction():
        await stranger.send_and_wait(connection.topic("events"), b"0", partition=0)
    async with asyncio.timeout(SOON):
        with pytest.raises(LogAltered):
            await follow(log)


async def follow(log: KafkaLog) -> None:
    """Read all there is of events, and all that comes."""
    offset = 0
    while True:
        await log.wait("events", 0, offset)
        offset += len(await log.read("events", 0, offset))


async def test_topics_that_are_made_anew_are_another_log(
    log: KafkaLog, connection: KafkaConnection
) -> None:
    async with topics.administering(connection) as admin:
        await admin.delete_topics([connection.topic(topic) for topic in topics.KAFKA_TOPICS])
        while set(await admin.list_topics()) & {connection.topic("events")}:
            await asyncio.sleep(0.05)
    await topics.create(connection, topics.Layout(2))
    anew = await KafkaLog.open(connection)
    assert anew.identity != log.identity
    await anew.close()


async def test_topics_with_different_numbers_of_partitions_are_refused(
    connection: KafkaConnection,
) -> None:
    async with topics.administering(connection) as admin:
        await admin.delete_topics([connection.topic("visits")])
        while set(await admin.list_topics()) & {connection.topic("visits")}:
            await asyncio.sleep(0.05)
    await topics.create(connection, topics.Layout(3))
    with pytest.raises(LogMisfit, match="differ in their numbers of partitions"):
        await KafkaLog.open(connection)


async def test_the_largest_append_is_taken_and_a_larger_one_refused_at_once(
    log: KafkaLog, other: KafkaLog
) -> None:
    record = b"x" * RECORD_BYTES
    assert await log.append("events", 0, [record] * 8) == 0
    with pytest.raises(RecordTooLarge):
        await log.append("events", 0, [record] * 8 + [b"x"])
    for offset in range(8):
        assert (await other.read("events", 0, offset, 1))[0].value == record


async def test_headers_are_there_for_other_consumers(connection: KafkaConnection) -> None:
    log = await KafkaLog.open(
        connection, headers=lambda topic, value: [("topic", topic.encode()), ("first", value[:1])]
    )
    async with AIOKafkaConsumer(**connection.options(), auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(connection.topic("events"), 0)])
        await log.append("events", 0, [b"value"])
        async with asyncio.timeout(SOON):
            record = await consumer.getone()
    assert record.headers == (("topic", b"events"), ("first", b"v"))
    await log.close()


async def test_a_queue_that_is_full_refuses(connection: KafkaConnection) -> None:
    log = await KafkaLog.open(connection, limits=KafkaLimits(queue_bytes=10))
    first, second = log.append("events", 0, [b"12345678"]), log.append("events", 0, [b"123"])
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert results[0] == 0
    assert "Too much waits" in str(results[1])
    await log.close()
