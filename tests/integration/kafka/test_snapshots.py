"""Snapshots on Kafka that are large, torn or of another log."""

import os
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from cluster.kafka import free_port
from streams.kafka_connection import KafkaConnection
from streams.log.kafka_snapshots import KafkaSnapshots
from streams.log.snapshots import Snapshot
from tests.support.kafka import topics_for

LARGE = Snapshot(7, os.urandom(3_000_000))


@pytest.fixture
async def connection(directory: Path) -> KafkaConnection:
    return await topics_for(directory, 2)


async def tear(connection: KafkaConnection) -> None:
    """Begin a snapshot and do not end it."""
    async with AIOKafkaProducer(**connection.options()) as producer:
        topic = connection.topic("snapshots")
        await producer.send_and_wait(topic, bytes(16) + b"newer", b"chunk 0", partition=0)


async def test_a_snapshot_larger_than_a_record_comes_back(connection: KafkaConnection) -> None:
    await KafkaSnapshots(connection, "log").save(0, LARGE)
    assert await KafkaSnapshots(connection, "log").load(0) == LARGE


async def test_a_torn_snapshot_is_not_used(connection: KafkaConnection) -> None:
    snapshots = KafkaSnapshots(connection, "log")
    await tear(connection)
    assert await snapshots.load(0) is None
    await snapshots.save(0, LARGE)
    assert await snapshots.load(0) == LARGE
    await tear(connection)
    assert await snapshots.load(0) == LARGE


async def test_a_snapshot_of_another_log_is_not_used(connection: KafkaConnection) -> None:
    await KafkaSnapshots(connection, "that log").save(0, LARGE)
    assert await KafkaSnapshots(connection, "this log").load(0) is None


async def test_without_a_broker_there_is_none_and_none_can_be_kept() -> None:
    snapshots = KafkaSnapshots(KafkaConnection(f"127.0.0.1:{free_port()}"), "log")
    assert await snapshots.load(0) is None
    with pytest.raises(OSError, match="could not be kept"):
        await snapshots.save(0, LARGE)
