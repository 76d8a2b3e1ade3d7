"""The log on Kafka while its broker is killed, stands still or is away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.kafka import Broker, free_port
from streams.kafka_connection import KafkaConnection
from streams.log.errors import LogBusy, LogClosed, LogUnavailable
from streams.log.kafka import KafkaLimits, KafkaLog
from tests.support.kafka import topics_on

SOON = 20.0
HASTY = KafkaLimits(delivery_seconds=1.0, read_seconds=1.0)


@pytest.fixture
async def connection(broker: Broker, directory: Path) -> KafkaConnection:
    return await topics_on(broker, directory, 2)


@pytest.fixture
async def log(connection: KafkaConnection) -> AsyncIterator[KafkaLog]:
    log = await KafkaLog.open(connection)
    yield log
    await log.close()


@pytest.fixture
async def hasty(connection: KafkaConnection) -> AsyncIterator[KafkaLog]:
    log = await KafkaLog.open(connection, limits=HASTY)
    yield log
    await log.close()


async def values(connection: KafkaConnection) -> list[bytes]:
    """What another process reads of the first partition of events."""
    log = await KafkaLog.open(connection)
    found: list[bytes] = []
    while records := await log.read("events", 0, len(found)):
        found += [record.value for record in records]
    await log.close()
    return found


async def test_appends_outlast_a_broker_that_is_killed(
    broker: Broker, log: KafkaLog, connection: KafkaConnection
) -> None:
    async def append_all() -> list[int]:
        return [await log.append("events", 0, [b"%d" % number]) for number in range(3000)]

    appending = asyncio.create_task(append_all())
    async with asyncio.timeout(SOON):
        await log.wait("events", 0, 20)
        assert not appending.done()
        await asyncio.to_thread(broker.restart)
        offsets = await appending
    assert offsets == [*range(3000)]
    assert await values(connection) == [b"%d" % number for number in range(3000)]


async def test_a_follower_goes_on_where_it_was_when_the_broker_is_back(
    broker: Broker, log: KafkaLog, connection: KafkaConnection
) -> None:
    await log.append("events", 0, [b"before"])
    await log.wait("events", 0, 0)
    waiting = asyncio.create_task(log.wait("events", 0, 1))
    await asyncio.to_thread(broker.restart)
    other = await KafkaLog.open(connection)
    async with asyncio.timeout(SOON):
        await other.append("events", 0, [b"after"])
        await waiting
    assert [record.value for record in await log.read("events", 0, 0)] == [b"before", b"after"]
    await other.close()


async def test_appends_wait_while_the_broker_stands_still(broker: Broker, log: KafkaLog) -> None:
    await log.append("events", 0, [b"before"])
    broker.stop()
    late = log.append("events", 0, [b"late"])
    await asyncio.wait([late], timeout=2.0)
    assert not late.done()
    broker.cont()
    async with asyncio.timeout(SOON):
        assert await late == 1


async def test_what_is_in_memory_is_read_while_the_broker_stands_still(
    broker: Broker, log: KafkaLog
) -> None:
    await log.end("events", 0)
    await log.append("events", 0, [b"one"])
    broker.stop()
    assert [record.value for record in await log.read("events", 0, 0)] == [b"one"]
    assert await log.end("events", 0) == 1


async def test_an_append_that_is_not_answered_in_time_fails_and_later_ones_go_on(
    broker: Broker, hasty: KafkaLog, connection: KafkaConnection
) -> None:
    await hasty.append("events", 0, [b"before"])
    broker.stop()
    unknown = hasty.append("events", 0, [b"unknown"])
    await asyncio.sleep(0)
    with pytest.raises(LogUnavailable) as failure:
        await unknown
    assert not isinstance(failure.value, LogBusy)
    broker.cont()
    async with asyncio.timeout(SOON):
        offset = await _until_it_is_taken(hasty, b"after")
    found = await values(connection)
    assert found[0] == b"before"
    assert found[offset] == b"after"
    assert found.count(b"unknown") <= 1


async def test_what_waits_behind_a_failed_append_is_not_on_the_log(
    broker: Broker, hasty: KafkaLog, connection: KafkaConnection
) -> None:
    await hasty.append("events", 0, [b"before"])
    broker.stop()
    unknown = hasty.append("events", 0, [b"unknown"])
    await asyncio.sleep(0.1)  # it is under way, so that the next has to wait for it
    behind = hasty.append("events", 0, [b"behind"])
    with pytest.raises(LogUnavailable):
        await unknown
    with pytest.raises(LogBusy):
        await behind
    broker.cont()
    async with asyncio.timeout(SOON):
        await _until_it_is_taken(hasty, b"after")
    assert b"behind" not in await values(connection)


async def test_nothing_is_on_the_log_of_an_append_that_no_broker_could_be_given(
    broker: Broker, hasty: KafkaLog, connection: KafkaConnection
) -> None:
    await asyncio.to_thread(broker.kill)
    with pytest.raises(LogBusy):
        await hasty.append("events", 0, [b"lost"])
    await asyncio.to_thread(broker.start)
    async with asyncio.timeout(SOON):
        await _until_it_is_taken(hasty, b"taken")
    assert await values(connection) == [b"taken"]


async def test_older_records_cannot_be_read_without_a_broker(
    broker: Broker, connection: KafkaConnection
) -> None:
    log = await KafkaLog.open(connection, limits=HASTY._replace(tail_bytes=0))
    await log.append("events", 0, [b"one"])
    await log.append("events", 0, [b"two"])
    await log.end("events", 0)
    broker.stop()
    with pytest.raises(LogUnavailable):
        await log.read("events", 0, 0)
    broker.cont()
    async with asyncio.timeout(SOON):
        while not await _read_in_time(log):
            pass
    await log.close()


async def test_a_log_closes_while_the_broker_stands_still(
    broker: Broker, connection: KafkaConnection
) -> None:
    log = await KafkaLog.open(connection)
    await log.append("events", 0, [b"one"])
    broker.stop()
    late = log.append("events", 0, [b"late"])
    async with asyncio.timeout(SOON):
        await log.close()
    with pytest.raises(LogUnavailable):
        await late


async def test_a_read_without_a_broker_ends_when_the_log_is_closed(
    broker: Broker, connection: KafkaConnection
) -> None:
    log = await KafkaLog.open(connection)
    older = await KafkaLog.open(connection)
    await log.append("events", 0, [b"one"])
    await older.end("events", 0)
    await asyncio.to_thread(broker.kill)
    reads = [
        asyncio.create_task(older.read("events", 0, 0)),
        asyncio.create_task(older.read("events", 1, 0)),
    ]
    await asyncio.wait(reads, timeout=0.5)
    async with asyncio.timeout(SOON):
        await log.close()
        await older.close()
        for read in reads:
            with pytest.raises(LogClosed):
                await read


async def test_no_broker_is_said_at_once() -> None:
    with pytest.raises(LogUnavailable, match=r"127\.0\.0\.1"):
        await KafkaLog.open(KafkaConnection(f"127.0.0.1:{free_port()}"))


async def _until_it_is_taken(log: KafkaLog, value: bytes) -> int:
    while True:
        try:
            return await log.append("events", 0, [value])
        except LogBusy:
            continue


async def _read_in_time(log: KafkaLog) -> bool:
    try:
        return bool(await log.read("events", 0, 0))
    except LogUnavailable:
        return False
