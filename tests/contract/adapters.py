"""The table of adapters that every contract suite runs over. A new adapter adds a row here."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from streams.log.kafka import KafkaLimits, KafkaLog
from streams.log.kafka_snapshots import KafkaSnapshots
from streams.log.memory import MemoryLog
from streams.log.port import Log
from streams.log.snapshots import FileSnapshots, MemorySnapshots, SnapshotStore
from streams.log.sqlite import LogLimits, SqliteLog
from tests.support.kafka import topics_at_once, topics_for

PARTITIONS = 3
RECORD_BYTES = 1 << 16

OpenLog = Callable[[Path], Awaitable[Log]]
OpenSnapshots = Callable[[Path], SnapshotStore]


class LogAdapter(NamedTuple):
    """`open` makes or reopens a log with PARTITIONS partitions in a directory of the test's.

    `durable`: what was appended is there again after close and open.
    """

    name: str
    open: OpenLog
    durable: bool


async def _memory(directory: Path) -> Log:
    return MemoryLog(partitions=PARTITIONS, max_record_bytes=RECORD_BYTES)


async def _sqlite(directory: Path) -> Log:
    return await SqliteLog.open(
        directory, partitions=PARTITIONS, limits=LogLimits(record_bytes=RECORD_BYTES)
    )


async def _sqlite_without_a_tail(directory: Path) -> Log:
    """Nearly every read goes to the disk."""
    limits = LogLimits(record_bytes=RECORD_BYTES, tail_bytes=0)
    return await SqliteLog.open(directory, partitions=PARTITIONS, limits=limits)


async def _kafka(directory: Path) -> Log:
    connection = await topics_for(directory, PARTITIONS)
    return await KafkaLog.open(connection, limits=KafkaLimits(record_bytes=RECORD_BYTES))


async def _kafka_without_a_tail(directory: Path) -> Log:
    """Nearly every read is a fetch of its own."""
    connection = await topics_for(directory, PARTITIONS)
    limits = KafkaLimits(record_bytes=RECORD_BYTES, tail_bytes=0)
    return await KafkaLog.open(connection, limits=limits)


LOGS = [
    LogAdapter("memory", _memory, durable=False),
    LogAdapter("sqlite", _sqlite, durable=True),
    LogAdapter("sqlite-without-tail", _sqlite_without_a_tail, durable=True),
    LogAdapter("kafka", _kafka, durable=True),
    LogAdapter("kafka-without-tail", _kafka_without_a_tail, durable=True),
]

SNAPSHOTS: dict[str, OpenSnapshots] = {
    "memory": lambda directory: MemorySnapshots(),
    "file": lambda directory: FileSnapshots(directory, log="this log"),
    "kafka": lambda directory: KafkaSnapshots(
        topics_at_once(directory, PARTITIONS), log="this log"
    ),
}
