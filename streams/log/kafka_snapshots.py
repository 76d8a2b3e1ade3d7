"""Snapshots on a compacted topic, where each process that takes a partition over finds them.

A snapshot is chunks and a seal after them, all under keys of their own, so that the
next one takes their places: compaction keeps one snapshot, or a torn one, which is not used.
"""

import hashlib
import logging
import struct
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import LeaderNotAvailableError, NoError

from streams.kafka_connection import KafkaConnection
from streams.log.errors import LogError, LogMisfit
from streams.log.kafka_client import (
    CorruptBatch,
    KafkaClient,
    Place,
    decode,
    unavailable_after,
)
from streams.log.kafka_session import Fetch
from streams.log.snapshots import Snapshot

_logger = logging.getLogger(__name__)

_CHUNK_BYTES: Final = 512 << 10
_SECONDS: Final = 30.0
_SEAL: Final = struct.Struct("<8s32s16sqqi32s")
_MAGIC: Final = b"deskseal"
_SEAL_KEY: Final = b"seal"
_FETCH: Final = Fetch(partition_bytes=4 << 20)


class _Seal(NamedTuple):
    """What makes chunks a snapshot. `log`: the digest of the log that the state is of."""

    magic: bytes
    log: bytes
    id: bytes
    offset: int
    size: int
    chunks: int
    digest: bytes


class _Record(NamedTuple):
    key: bytes
    value: bytes


class KafkaSnapshots:
    """A SnapshotStore on the topic `snapshots`. Connects for each call: calls are rare."""

    def __init__(self, connection: KafkaConnection, log: str) -> None:
        """`log` is the identity of the log that the states were folded from."""
        self._connection = connection
        self._log = hashlib.sha256(log.encode()).digest()

    async def load(self, partition: int) -> Snapshot | None:
        """See SnapshotStore.load. What cannot be read is reported and not used."""
        try:
            client = await KafkaClient.open(self._connection, ("snapshots",), _SECONDS)
            try:
                async with unavailable_after(_SECONDS, self._connection):
                    return await self._newest(client, Place("snapshots", partition))
            finally:
                await client.close()
        except (LogError, OSError, CorruptBatch) as error:
            _logger.warning("The snapshot of partition %s cannot be read: %s", partition, error)
            return None

    async def save(self, partition: int, snapshot: Snapshot) -> None:
        """See SnapshotStore.save."""
        chunks = [
            snapshot.value[at : at + _CHUNK_BYTES]
            for at in range(0, len(snapshot.value), _CHUNK_BYTES)
        ]
        digest = _digest(snapshot.offset, snapshot.value)
        size = len(snapshot.value)
        seal = _Seal(_MAGIC, self._log, digest[:16], snapshot.offset, size, len(chunks), digest)
        try:
            async with unavailable_after(_SECONDS, self._connection):
                await self._send(partition, chunks, seal)
        except LogError as error:
            raise OSError(f"The snapshot could not be kept: {error}") from error

    async def _send(self, partition: int, chunks: list[bytes], seal: _Seal) -> None:
        producer = AIOKafkaProducer(
            **self._connection.options(),
            acks="all",
            enable_idempotence=True,
            max_batch_size=2 * _CHUNK_BYTES,
            max_request_size=2 * _CHUNK_BYTES,
            request_timeout_ms=int(_SECONDS * 1000),
        )
        topic = self._connection.topic("snapshots")
        try:
            await producer.start()
            for number, chunk in enumerate(chunks):
                key, value = b"chunk %d" % number, seal.id + chunk
                await producer.send_and_wait(topic, value, key, partition)
            await producer.send_and_wait(topic, _SEAL.pack(*seal), _SEAL_KEY, partition)
        finally:
            await producer.stop()

    async def _newest(self, client: KafkaClient, place: Place) -> Snapshot | None:
        """Mostly the last record is the seal of the chunks right before it; else all is read."""
        if place.partition >= client.partitions("snapshots"):
            raise LogMisfit(f"The topic of snapshots has no partition {place.partition}.")
        first, end = await client.bounds(place)
        if first == end:
            return None
        last = [record async for record in _records(client, place, end - 1, end)]
        seal = _unpack(last[-1]) if last else None
        if seal is not None:
            records = _records(client, place, max(first, end - 1 - seal.chunks), end)
            snapshot = await self._fold(records)
            if snapshot is not None:
                return snapshot
        snapshot = await self._fold(_records(client, place, first, end))
        if snapshot is None:
            _logger.warning("Partition %s has no whole snapshot of this log.", place.partition)
        return snapshot

    async def _fold(self, records: AsyncIterator[_Record]) -> Snapshot | None:
        """The newest whole snapshot: the chunks before its seal may be older ones' or missing."""
        chunks: dict[bytes, bytes] = {}
        newest: Snapshot | None = None
        async for record in records:
            if record.key == _SEAL_KEY:
                newest = self._sealed(_unpack(record), chunks) or newest
            else:
                chunks[record.key] = record.value
        return newest

    def _sealed(self, seal: _Seal | None, chunks: dict[bytes, bytes]) -> Snapshot | None:
        if seal is None or seal.log != self._log:
            return None
        parts = [chunks.get(b"chunk %d" % number, b"") for number in range(seal.chunks)]
        content = b"".join(part[16:] for part in parts if part[:16] == seal.id)
        if len(content) != seal.size or _digest(seal.offset, content) != seal.digest:
            return None
        return Snapshot(seal.offset, content)


async def _records(
    client: KafkaClient, place: Place, start: int, end: int
) -> AsyncIterator[_Record]:
    """What compaction has left of these offsets. Raises KafkaError."""
    while start < end:
        node = client.leader(place)
        if node is None:
            raise LeaderNotAvailableError(place)
        fetched = (await client.fetch(node, {place: start}, _FETCH))[place]
        if fetched.error is not NoError:
            raise fetched.error(place)
        runs, start = decode(fetched.batches, start)
        for run in runs:
            for record in map(_Record, run.keys, run.values):
                yield record


def _unpack(record: _Record) -> _Seal | None:
    if record.key != _SEAL_KEY or len(record.value) != _SEAL.size:
        return None
    seal = _Seal(*_SEAL.unpack(record.value))
    return seal if seal.magic == _MAGIC else None


def _digest(offset: int, value: bytes) -> bytes:
    return hashlib.sha256(offset.to_bytes(8, "little") + value).digest()
