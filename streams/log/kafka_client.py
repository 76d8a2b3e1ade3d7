"""Reading from Kafka's brokers, one request at a time: what aiokafka's consumer keeps to itself.

The consumer is not used: while it polls for some partitions it does not ask for the others, so
that news of a partition wait for the poll of another.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    NoError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from streams.kafka_connection import KafkaConnection, KafkaTopic
from streams.log.errors import LogClosed, LogMisfit, LogUnavailable
from streams.log.kafka_ids import TopicIdsRequest
from streams.log.kafka_session import Fetch, FetchSession, single_request

RETRY_SECONDS: Final = 0.1

_LATEST: Final = -1
_EARLIEST: Final = -2
_UNCOMMITTED: Final = 0  # nobody writes here in transactions


class Place(NamedTuple):
    """A partition of a topic."""

    topic: KafkaTopic
    partition: int


class Fetched(NamedTuple):
    """What a broker gave of one partition: an error, or batches of records."""

    error: type[KafkaError]
    batches: bytes


class Run(NamedTuple):
    """Values at consecutive offsets from `first` on, with their keys."""

    first: int
    values: list[bytes]
    keys: list[bytes]


class Decoded(NamedTuple):
    """Runs without holes, and the offset after the last batch."""

    runs: list[Run]
    end: int


class KafkaClient:
    """A connection to each broker; requests on it are answered one after the other."""

    def __init__(self, client: AIOKafkaClient, connection: KafkaConnection, timeout: float) -> None:
        self._client = client
        self._connection = connection
        self._timeout = timeout
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(
        cls, connection: KafkaConnection, topics: Sequence[KafkaTopic], timeout: float
    ) -> "KafkaClient":
        """Connect, and learn where the topics are, with so many seconds for each request.

        Raises LogUnavailable, LogMisfit if a topic is missing, OSError and ssl.SSLError.
        """
        options = connection.options()
        client = AIOKafkaClient(**options, request_timeout_ms=int(timeout * 1000))
        self = cls(client, connection, timeout)
        try:
            try:
                await client.bootstrap()
            except KafkaError as error:
                raise LogUnavailable(f"Kafka at {connection.bootstrap}: {error!r}") from error
            client.set_topics([connection.topic(topic) for topic in topics])
            await self._await_leaders(topics, timeout)
        except BaseException:
            await client.close()
            raise
        return self

    async def _await_leaders(self, topics: Sequence[KafkaTopic], seconds: float) -> None:
        """Partitions have no leader for a moment after their broker was lost."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            await self.refresh()
            missing = [topic for topic in topics if not self.partitions(topic)]
            if not missing:
                return
            if asyncio.get_running_loop().time() > deadline:
                names = ", ".join(self._connection.topic(topic) for topic in missing)
                bootstrap = self._connection.bootstrap
                raise LogMisfit(f"Kafka at {bootstrap} has no topics {names}.")
            await asyncio.sleep(RETRY_SECONDS)

    def partitions(self, topic: KafkaTopic) -> int:
        """How many partitions the topic has, 0 if there is none."""
        return len(self._client.cluster.partitions_for_topic(self._connection.topic(topic)) or ())

    def leader(self, place: Place) -> int | None:
        """The broker that leads the partition; None if none does, or it is not known."""
        leader: int | None = self._client.cluster.leader_for_partition(self._in_kafka(place))
        return leader if leader is not None and leader >= 0 else None

    async def refresh(self) -> None:
        """Ask again who leads; it may stay unknown. Raises LogClosed."""
        self._raise_if_closed()
        update = self._client.force_metadata_update()
        await asyncio.wait(
            [update, self._closed],
            timeout=self._timeout,
            return_when=asyncio.FIRST_COMPLETED,
        )
        self._raise_if_closed()

    async def fetch(
        self,
        node: int,
        positions: Mapping[Place, int],
        how: Fetch,
        session: FetchSession | None = None,
    ) -> dict[Place, Fetched]:
        """What there is from these offsets on, or comes while the broker waits.

        In a session what has no news is left out.

        Raises KafkaError if the request fails as a whole, and LogClosed.
        """
        self._raise_if_closed()
        places = {self._in_kafka(place): place for place in positions}
        named = {kafka: positions[place] for kafka, place in places.items()}
        if session is None:
            response: Any = await self._client.send(node, single_request(named, how))
        else:
            response = await self._client.send(node, session.request(named, how))
            if not session.answered(response):
                return {}
        return {
            places[TopicPartition(topic, partition)]: Fetched(for_code(code), rest[-1] or b"")
            for topic, partitions in response.topics
            for partition, code, *rest in partitions
        }

    async def bounds(self, place: Place) -> tuple[int, int]:
        """The offset of the oldest record, and that after the newest.

        Raises KafkaError, LogClosed.
        """
        self._raise_if_closed()
        return await self._offset(place, _EARLIEST), await self._offset(place, _LATEST)

    async def identity(self, topics: Sequence[KafkaTopic]) -> str:
        """Names these topics: another one when they are deleted and made again.

        Raises KafkaError.
        """
        names = [self._connection.topic(topic) for topic in topics]
        node = self._client.get_random_node()
        response: Any = await self._client.send(node, TopicIdsRequest(names))
        ids = sorted(topic[2] for topic in response.topics)
        content = "\0".join([response.cluster_id or "", *(each.hex() for each in ids)])
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    async def close(self) -> None:
        """Close the connections. May be called twice."""
        if not self._closed.done():
            self._closed.set_result(None)
        await self._client.close()

    def _raise_if_closed(self) -> None:
        if self._closed.done():
            raise LogClosed("The log is closed.")

    async def _offset(self, place: Place, which: int) -> int:
        node = self.leader(place)
        if node is None:
            raise LeaderNotAvailableError(place)
        name = self._connection.topic(place.topic)
        request = OffsetRequest(-1, _UNCOMMITTED, [(name, [(place.partition, which)])])
        response: Any = await self._client.send(node, request)
        for _, partitions in response.topics:
            for _, code, _, offset in partitions:
                error = for_code(code)
                if error is not NoError:
                    raise error(place)
                return int(offset)
        raise UnknownTopicOrPartitionError(place)

    def _in_kafka(self, place: Place) -> TopicPartition:
        return TopicPartition(self._connection.topic(place.topic), place.partition)


def decode(batches: bytes, start: int) -> Decoded:
    """The records from offset `start` on. Raises CorruptBatch.

    Control records of transactions and compaction leave holes.
    """
    runs: list[Run] = []
    end = start
    memory = MemoryRecords(batches)
    while memory.has_next():
        batch: Any = memory.next_batch()
        if batch is None:
            break
        end = max(end, batch.next_offset)
        if batch.next_offset <= start or batch.is_control_batch:
            continue
        if not batch.validate_crc():
            raise CorruptBatch(f"the batch at offset {batch.base_offset} does not match its CRC")
        for record in batch:
            if record.offset < start:
                continue
            if not runs or record.offset != runs[-1].first + len(runs[-1].values):
                runs.append(Run(record.offset, [], []))
            runs[-1].values.append(record.value or b"")
            runs[-1].keys.append(record.key or b"")
    return Decoded(runs, end)


class CorruptBatch(Exception):
    """A batch is not what was written."""


@asynccontextmanager
async def unavailable_after(seconds: float, connection: KafkaConnection) -> AsyncIterator[None]:
    """Turn aiokafka's errors, and so many seconds without an end, into LogUnavailable."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise LogUnavailable(
            f"Kafka at {connection.bootstrap} did not answer within {seconds:g} s."
        ) from error
    except KafkaError as error:
        raise LogUnavailable(f"Kafka at {connection.bootstrap}: {error!r}") from error
