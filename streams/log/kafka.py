"""The log on a Kafka cluster, for many processes at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, Self, TypeVar

from aiokafka.errors import KafkaError

from streams.kafka_connection import KafkaConnection
from streams.log.bounds import Bounds
from streams.log.errors import (
    LogClosed,
    LogMisfit,
    LogUnavailable,
    OffsetOutOfRange,
)
from streams.log.kafka_client import RETRY_SECONDS, KafkaClient, Place, unavailable_after
from streams.log.kafka_older import OlderRecords
from streams.log.kafka_producer import Appender, HeadersOf, ProducerLimits
from streams.log.kafka_tails import Tails
from streams.log.port import TOPICS, LogRecord, Topic
from streams.log.tail import Retention, Tail
from streams.topics import append_bytes, batch_bytes

_logger = logging.getLogger(__name__)

_T = TypeVar("_T")

CLOSE_SECONDS: Final = 3.0
_REQUEST_SECONDS: Final = 5.0


class KafkaLimits(NamedTuple):
    """What the log takes, keeps in memory, and waits for.

    `record_bytes`: above it an append is refused with RecordTooLarge. `queue_bytes` and
    `queue_appends`: what may wait for Kafka before appends fail with LogBusy. `tail_bytes`:
    recent records held for each partition that is read, up to twice as much. `volatile`: what is
    kept of each partition of the volatile topics. `delivery_seconds`: after them an append fails.
    `read_seconds`: after them a read that no broker answers fails; None waits for one.
    """

    record_bytes: int = 1 << 20
    queue_bytes: int = 64 << 20
    queue_appends: int = 100_000
    tail_bytes: int = 2 << 20
    volatile: Retention = Retention(records=10_000, bytes=8 << 20, seconds=300)
    delivery_seconds: float = 10.0
    read_seconds: float | None = None


class KafkaLog:
    """The log of a connection's topics. Made by `open`.

    A partition is followed from the first time that it is read, waited for or asked for its
    end, until nobody did so for a minute. While no broker answers, what is held in memory is
    given, and waits and reads of older records go on waiting. Each request to a broker has its
    deadline, and is tried again.
    """

    def __init__(
        self,
        clients: tuple[KafkaClient, KafkaClient],
        identity: str,
        appender: Appender,
        limits: KafkaLimits,
        tails: Tails,
    ) -> None:
        self._clients = clients
        self._identity = identity
        self._appender = appender
        self._limits = limits
        self._bounds = Bounds(limits.record_bytes, append_bytes(limits.record_bytes))
        self._tails = tails
        self._partitions = clients[0].partitions("events")
        self._older = OlderRecords(clients[1], limits.read_seconds)
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    async def open(
        cls,
        connection: KafkaConnection,
        *,
        limits: KafkaLimits | None = None,
        headers: HeadersOf | None = None,
    ) -> Self:
        """Connect to the cluster and find the topics. `headers` are computed for each record.

        Raises LogUnavailable, LogMisfit (a topic is missing, or has another number of
        partitions than the others), OSError (certificates).
        """
        limits = limits or KafkaLimits()
        # Two, because a broker answers one request of a connection at a time, and waits for news.
        polls = await KafkaClient.open(connection, TOPICS, _REQUEST_SECONDS)
        try:
            reads = await KafkaClient.open(connection, TOPICS, _REQUEST_SECONDS)
        except BaseException:
            await polls.close()
            raise
        try:
            counts = {connection.topic(topic): reads.partitions(topic) for topic in TOPICS}
            if len(set(counts.values())) > 1:
                raise LogMisfit(f"The topics differ in their numbers of partitions: {counts}.")
            async with unavailable_after(_REQUEST_SECONDS, connection):
                identity = await reads.identity(("actions", "events"))
        except BaseException:
            await polls.close()
            await reads.close()
            raise
        tails = Tails(polls, reads, Retention(bytes=limits.tail_bytes), limits.volatile)
        bounds = ProducerLimits(
            batch_bytes(limits.record_bytes),
            limits.queue_bytes,
            limits.queue_appends,
            limits.delivery_seconds,
        )
        appender = Appender(connection, bounds, headers, tails.acknowledge)
        return cls((polls, reads), identity, appender, limits, tails)

    @property
    def partitions(self) -> int:
        """How many partitions each topic has."""
        return self._partitions

    @property
    def identity(self) -> str:
        """Of the cluster and of its topics `actions` and `events`."""
        return self._identity

    @property
    def bounds(self) -> Bounds:
        """See Log.bounds."""
        return self._bounds

    @property
    def queued_bytes(self) -> int:
        """How many bytes wait for Kafka."""
        return self._appender.queued_bytes

    def append(self, topic: Topic, partition: int, values: Sequence[bytes]) -> asyncio.Future[int]:
        """See Log.append. LogBusy: too much waits, or no broker could be reached in time."""
        place = self._place(topic, partition)
        values = tuple(values)
        return self._appender.append(place, values, self._bounds.measure(values))

    async def read(
        self, topic: Topic, partition: int, start: int, limit: int = 1000
    ) -> list[LogRecord]:
        """See Log.read. Raises LogUnavailable after `read_seconds` without a broker.

        LogTorn is raised as well for records that the topic's retention has dropped.
        """
        place = self._place(topic, partition)
        tail = await self._tail(place)
        if start > tail.end:
            await self._await_others(place, tail, start)
        records = tail.read(start, limit)
        if records is not None:
            return records
        return await self._older.read(place, start, min(limit, tail.end - start))

    async def end(self, topic: Topic, partition: int) -> int:
        """See Log.end; of others' records it is as new as the last poll."""
        return (await self._tail(self._place(topic, partition))).end

    async def end_now(self, topic: Topic, partition: int) -> int:
        """See Log.end_now. Raises LogUnavailable after `read_seconds` without a broker."""
        place = self._place(topic, partition)
        _, end = await self._patiently(place, lambda: self._clients[1].bounds(place))
        return end

    async def wait(self, topic: Topic, partition: int, offset: int) -> None:
        """See Log.wait."""
        tail = await self._tail(self._place(topic, partition))
        await tail.wait(offset)

    async def close(self) -> None:
        """See Log.close. What Kafka does not take in CLOSE_SECONDS fails with LogUnavailable."""
        if self._closing is not None:
            await asyncio.shield(self._closing)
            return
        self._closing = asyncio.get_running_loop().create_future()
        try:
            await self._appender.close(CLOSE_SECONDS)
            await self._tails.close()
            for client in self._clients:
                await client.close()
        finally:
            self._closing.set_result(None)

    async def _tail(self, place: Place) -> Tail:
        return await self._patiently(place, lambda: self._tails.tail(place))

    async def _await_others(self, place: Place, tail: Tail, start: int) -> None:
        """The caller may have heard of an offset before the tail did: from another process."""
        _, end = await self._patiently(place, lambda: self._clients[1].bounds(place))
        if start > end:
            raise OffsetOutOfRange(f"Offset {start} is beyond the end, {end}.")
        await tail.wait(start - 1)

    async def _patiently(self, place: Place, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask until a broker answers. Raises LogClosed, LogUnavailable after the deadline."""
        try:
            async with asyncio.timeout(self._limits.read_seconds):
                while self._closing is None:
                    try:
                        return await ask()
                    except KafkaError as error:
                        _logger.warning("no broker tells of %s/%s: %r", *place, error)
                    await self._clients[0].refresh()
                    await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError as error:
            raise LogUnavailable(f"No broker told of {place.topic}/{place.partition}.") from error
        raise LogClosed("The log is closed.")

    def _place(self, topic: Topic, partition: int) -> Place:
        if topic not in TOPICS or not 0 <= partition < self._partitions:
            raise ValueError(f"There is no topic {topic} with partition {partition}.")
        return Place(topic, partition)
