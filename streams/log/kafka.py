"""The log on a Kafka cluster, for many processes at once."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

from aiokafka.errors import KafkaError

from streams.kafka_connection import KafkaConnection
from streams.log.errors import (
    LogClosed,
    LogMisfit,
    LogUnavailable,
    OffsetOutOfRange,
    RecordTooLarge,
)
from streams.log.kafka_client import RETRY_SECONDS, KafkaClient, Place, unavailable_after
from streams.log.kafka_older import OlderRecords
from streams.log.kafka_producer import Appender, HeadersOf, ProducerLimits
from streams.log.kafka_tails import Tails
from streams.log.port import TOPICS, LogRecord, Topic
from streams.log.tail import Retention, Tail
from streams.topics import append_bytes, batch_bytes

CLOSE_SECONDS: Final = 3.0
_REQUEST_SECONDS: Final = 5.0


class KafkaLimits(NamedTuple):
    """What the log takes, keeps in memory, and waits for.

    `record_bytes`: above it an append is refused with RecordTooLarge. `queue_bytes` and
    `queue_appends`: what may wait for Kafka before appends fail with LogBusy. `tail_bytes`:
    recent records held for each partition that is read, up to twice as much. `volatile`: what is
    kept of each partition of the volatile topics. `delivery_seconds`: after them an append fails.
    `read_seconds`: after them a read that no broker answers fails.
    """

    record_bytes: int = 1 << 20
    queue_bytes: int = 64 << 20
    queue_appends: int = 100_000
    tail_bytes: int = 2 << 20
    volatile: Retention = Retention(records=10_000, bytes=8 << 20, seconds=300)
    delivery_seconds: float = 10.0
    read_seconds: float = 30.0


class KafkaLog:
    """The log of a connection's topics. Made by `open`.

    A partition is followed from the first time that it is read, waited for or asked for its
    end, until nobody did so for a minute. While no broker answers, what is held in memory is
    given, waits go on waiting, and reads of older records fail with LogUnavailable.
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
    def queued_bytes(self) -> int:
        """How many bytes wait for Kafka."""
        return self._appender.queued_bytes

    def append(self, topic: Topic, partition: int, values: Sequence[bytes]) -> asyncio.Future[int]:
        """See Log.append. LogBusy: too much waits, or no broker could be reached in time."""
        place = self._place(topic, partition)
        values = tuple(values)
        return self._appender.append(place, values, self._size(values))

    async def read(
        self, topic: Topic, partition: int, start: int, limit: int = 1000
    ) -> list[LogRecord]:
        """See Log.read. Raises LogUnavailable if no broker gives older records in time.

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
        if self._closing is not None:
            raise LogClosed("The log is closed.")
        deadline = asyncio.get_running_loop().time() + self._limits.read_seconds
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._tails.tail(place)
            except (KafkaError, TimeoutError) as error:
                if asyncio.get_running_loop().time() >= deadline:
                    raise LogUnavailable(
                        f"No broker tells of {place.topic}/{place.partition}: {error!r}"
                    ) from error
                await self._clients[0].refresh()
                await asyncio.sleep(RETRY_SECONDS)

    async def _await_others(self, place: Place, tail: Tail, start: int) -> None:
        """The caller may have heard of an offset before the tail did: from another process."""
        try:
            _, end = await self._clients[1].bounds(place)
            if start <= end:
                async with asyncio.timeout(_REQUEST_SECONDS):
                    await tail.wait(start - 1)
        except (KafkaError, TimeoutError) as error:
            raise LogUnavailable(f"No broker tells of offset {start}: {error!r}") from error
        if start > tail.end:
            raise OffsetOutOfRange(f"Offset {start} is beyond the end, {tail.end}.")

    def _place(self, topic: Topic, partition: int) -> Place:
        if topic not in TOPICS or not 0 <= partition < self._partitions:
            raise ValueError(f"There is no topic {topic} with partition {partition}.")
        return Place(topic, partition)

    def _size(self, values: tuple[bytes, ...]) -> int:
        if not values:
            raise ValueError("An append needs at least one value.")
        sizes = [*map(len, values)]
        if max(sizes) > self._limits.record_bytes:
            raise RecordTooLarge(f"A record has more than {self._limits.record_bytes} bytes.")
        size, most = sum(sizes), append_bytes(self._limits.record_bytes)
        if size > most:
            raise RecordTooLarge(f"An append has more than {most} bytes.")
        return size
