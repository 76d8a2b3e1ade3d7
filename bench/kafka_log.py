"""What the log on Kafka costs, beside a bare aiokafka loop on the same broker in the same run.

    python -m bench.kafka_log

Ratios come first. The broker is started for it and has its data in a temporary directory.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.log import median, milliseconds
from cluster.kafka import Broker, fetch
from streams import topics
from streams.kafka_connection import KafkaConnection
from streams.log.kafka import KafkaLog
from streams.log.port import Topic
from streams.topics import Layout

RECORD = os.urandom(225).hex().encode()  # 450 bytes, about what a decision takes
BACKLOG = 200_000
PACED = 2_000
PACE = 500
BATCH = 1_000


async def log_append(log: KafkaLog, count: int) -> float:
    """Records per second, in appends of BATCH, twenty queued at once."""
    started = time.perf_counter()
    for _ in range(count // BATCH // 20):
        await asyncio.gather(*(log.append("actions", 0, [RECORD] * BATCH) for _ in range(20)))
    return count / (time.perf_counter() - started)


async def log_copy(log: KafkaLog, count: int) -> float:
    """Records per second from actions to events, each read being one append."""
    started = time.perf_counter()
    offset, appends = 0, []
    while offset < count:
        records = await log.read("actions", 0, offset, BATCH)
        offset = records[-1].offset + 1
        appends.append(log.append("events", 0, [record.value for record in records]))
        if len(appends) > 8:
            await appends.pop(0)
    await asyncio.gather(*appends)
    return count / (time.perf_counter() - started)


async def bare_copy(connection: KafkaConnection, count: int) -> float:
    """The same with aiokafka's consumer and producer, a batch for each poll."""
    consumer, producer = await bare(connection, "actions")
    consumer.seek(TopicPartition(connection.topic("actions"), 0), 0)
    target = connection.topic("visits")
    started = time.perf_counter()
    copied, deliveries = 0, []
    while copied < count:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=BATCH)).values():
            batch = producer.create_batch()
            for record in records:
                batch.append(
                    key=record.key,
                    value=record.value,
                    timestamp=record.timestamp,
                    headers=list(record.headers),
                )
            deliveries.append(await producer.send_batch(batch, target, partition=0))
            copied += len(records)
        if len(deliveries) > 8:
            await deliveries.pop(0)
    await asyncio.gather(*deliveries)
    rate = count / (time.perf_counter() - started)
    await consumer.stop()
    await producer.stop()
    return rate


async def plain_copy(connection: KafkaConnection, count: int) -> float:
    """The same in aiokafka's plain way: record after record, which the producer gathers."""
    consumer, producer = await bare(connection, "actions")
    consumer.seek(TopicPartition(connection.topic("actions"), 0), 0)
    target = connection.topic("visits")
    started = time.perf_counter()
    copied = 0
    async for record in consumer:
        last = await producer.send(
            target,
            record.value,
            record.key,
            partition=0,
            timestamp_ms=record.timestamp,
            headers=list(record.headers),
        )
        copied += 1
        if copied == count:
            await last
            break
    rate = count / (time.perf_counter() - started)
    await consumer.stop()
    await producer.stop()
    return rate


async def bare(
    connection: KafkaConnection, topic: Topic
) -> tuple[AIOKafkaConsumer, AIOKafkaProducer]:
    consumer = AIOKafkaConsumer(**connection.options())
    producer = AIOKafkaProducer(
        **connection.options(), acks="all", enable_idempotence=True, max_batch_size=1 << 20
    )
    await consumer.start()
    await producer.start()
    consumer.assign([TopicPartition(connection.topic(topic), 0)])
    await consumer.seek_to_end()
    return consumer, producer


async def paced(
    send: Callable[[bytes], Awaitable[object]], arrived: dict[bytes, float]
) -> list[float]:
    """Seconds from sending a record to its arrival, at PACE a second."""
    sent: dict[bytes, float] = {}
    started = time.perf_counter()
    sends = []
    for number in range(PACED):
        await asyncio.sleep(max(0.0, started + number / PACE - time.perf_counter()))
        value = b"%08d" % number + RECORD
        sent[value] = time.perf_counter()
        sends.append(asyncio.ensure_future(send(value)))
    await asyncio.gather(*sends)
    async with asyncio.timeout(10):
        while len(arrived) < PACED:
            await asyncio.sleep(0.01)
    return [arrived[value] - sent[value] for value in sent]


async def log_latency(writer: KafkaLog, reader: KafkaLog) -> list[float]:
    """From an append in one process's log to its reading from another's."""
    arrived: dict[bytes, float] = {}

    async def follow() -> None:
        offset = await reader.end("actions", 1)
        while True:
            await reader.wait("actions", 1, offset)
            for record in await reader.read("actions", 1, offset):
                arrived[record.value] = time.perf_counter()
                offset = record.offset + 1

    follower = asyncio.create_task(follow())
    await reader.end("actions", 1)
    latencies = await paced(lambda value: writer.append("actions", 1, [value]), arrived)
    follower.cancel()
    return latencies


async def bare_latency(connection: KafkaConnection) -> list[float]:
    """The same with aiokafka's producer and consumer."""
    consumer, producer = await bare(connection, "visits")
    arrived: dict[bytes, float] = {}

    async def follow() -> None:
        async for record in consumer:
            arrived[record.value] = time.perf_counter()

    follower = asyncio.create_task(follow())
    target = connection.topic("visits")
    latencies = await paced(
        lambda value: producer.send_and_wait(target, value, partition=0), arrived
    )
    follower.cancel()
    await consumer.stop()
    await producer.stop()
    return latencies


async def measure(broker: Broker) -> None:
    connection = KafkaConnection(broker.bootstrap)
    await topics.create(connection, Layout(partitions=4))
    writer, reader = await KafkaLog.open(connection), await KafkaLog.open(connection)
    appended = await log_append(writer, BACKLOG)
    pairs = [(await log_copy(reader, BACKLOG), await bare_copy(connection, BACKLOG)) for _ in "ab"]
    copied, barely = pairs[-1]  # the first warms the broker up
    for _ in "ab":
        latency, bare_ = await log_latency(writer, reader), await bare_latency(connection)
    await writer.close()
    await reader.close()
    print(f"copying, of a bare aiokafka loop: {copied / barely:.0%}")
    print(f"latency, of a bare aiokafka loop: {median(latency) / median(bare_):.0%}")
    print(f"append: {appended:,.0f} records/s in appends of {BATCH}")
    print(f"copy: {copied:,.0f} records/s; bare: {barely:,.0f} records/s")
    print(f"append to arrival at {PACE}/s: {milliseconds(latency)}; bare: {milliseconds(bare_)}")


def main() -> None:
    fetch()
    with tempfile.TemporaryDirectory() as directory:
        broker = Broker(Path(directory) / "broker")
        broker.start()
        try:
            uvloop.run(measure(broker))
        finally:
            broker.kill()


if __name__ == "__main__":
    main()
