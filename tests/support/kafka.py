"""One Kafka broker for a run of the tests; each test has topics of its own on it."""

import asyncio
import atexit
import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from cluster.kafka import MISSING, SHORT_LIVED, Broker, is_available
from streams import topics
from streams.kafka_connection import KafkaConnection

RECORD_BYTES = 1 << 20


def require_kafka() -> None:
    """Skip the test when there is no Kafka; fail it in CI."""
    if not is_available():
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)


@cache
def shared_broker() -> Broker:
    """The broker that all tests share; it is started when it is first needed. Blocks."""
    require_kafka()
    directory = Path(tempfile.mkdtemp(prefix="deskstream-kafka-"))
    broker = Broker(directory / "broker", java=SHORT_LIVED)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(broker.kill)
    broker.start()
    return broker


async def topics_for(directory: Path, partitions: int) -> KafkaConnection:
    """A connection to the shared broker whose topics belong to a test's directory."""
    broker = await asyncio.to_thread(shared_broker)
    return await topics_on(broker, directory, partitions)


def topics_at_once(directory: Path, partitions: int) -> KafkaConnection:
    """The same for who cannot await, on a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, topics_for(directory, partitions)).result()


async def topics_on(broker: Broker, directory: Path, partitions: int) -> KafkaConnection:
    """A connection to a broker, with topics that belong to a test's directory."""
    name = hashlib.sha256(str(directory).encode()).hexdigest()[:12]
    connection = KafkaConnection(broker.bootstrap, prefix=f"test-{name}.")
    await topics.create(connection, topics.Layout(partitions, record_bytes=RECORD_BYTES))
    return connection
