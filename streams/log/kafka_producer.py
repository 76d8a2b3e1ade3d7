"""Appending to Kafka: one append is one batch or a part of one, so that it is there or not.

The idempotent producer of aiokafka retries until its deadline. A producer that had to give a
batch up has lost its place in the partition's sequence and is replaced.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.cloudevents import key_of
from streams.kafka_connection import KafkaConnection, KafkaTopic
from streams.log.errors import LogBusy, LogClosed, LogError, LogUnavailable, RecordTooLarge
from streams.log.kafka_client import RETRY_SECONDS, Place
from streams.log.tail import Tail

_logger = logging.getLogger(__name__)

Headers = list[tuple[str, bytes]]
HeadersOf = Callable[[KafkaTopic, bytes], Headers]
Acknowledge = Callable[[Place, int, Sequence[bytes]], Tail | None]

_JOINED_BYTES: Final = 1 << 20
_RECORD_OVERHEAD: Final = 64
_GRACE_SECONDS: Final = 2.0


class ProducerLimits(NamedTuple):
    """What may wait, and how long. `batch_bytes`: the topics' max.message.bytes.

    `delivery_seconds`: how long a batch is tried, and how long appends wait for a producer.
    """

    batch_bytes: int
    queue_bytes: int
    queue_appends: int
    delivery_seconds: float


class _Append(NamedTuple):
    values: tuple[bytes, ...]
    size: int
    future: asyncio.Future[int]


class Appender:
    """Queues for each partition, with one batch under way; what comes meanwhile is the next."""

    def __init__(
        self,
        connection: KafkaConnection,
        limits: ProducerLimits,
        headers: HeadersOf | None,
        acknowledge: Acknowledge,
    ) -> None:
        """`acknowledge` learns of all that is durable; a tail it returns is waited for."""
        self._connection = connection
        self._limits = limits
        self._headers = headers
        self._acknowledge = acknowledge
        self._loop = asyncio.get_running_loop()
        self._queues: dict[Place, deque[_Append]] = {}
        self._drains: dict[Place, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._closed = False
        self.queued_bytes = 0
        self._queued_appends = 0

    def append(self, place: Place, values: tuple[bytes, ...], size: int) -> asyncio.Future[int]:
        """Queue the values; see Log.append."""
        future: asyncio.Future[int] = self._loop.create_future()
        if self._closed:
            future.set_exception(LogClosed("The log is closed."))
        elif (
            self.queued_bytes + size > self._limits.queue_bytes
            or self._queued_appends >= self._limits.queue_appends
        ):
            future.set_exception(LogBusy("Too much waits for Kafka."))
        else:
            self.queued_bytes += size
            self._queued_appends += 1
            self._queues.setdefault(place, deque()).append(_Append(values, size, future))
            if place not in self._drains:
                self._drains[place] = self._loop.create_task(self._drain(place))
        return future

    async def close(self, seconds: float) -> None:
        """Deliver what is queued, for so many seconds; what is left fails with LogUnavailable."""
        self._closed = True
        if self._drains:
            await asyncio.wait([*self._drains.values()], timeout=seconds)
        for drain in [*self._drains.values()]:
            drain.cancel()
        await asyncio.gather(*self._drains.values(), return_exceptions=True)
        for queue in self._queues.values():
            self._fail(queue, LogUnavailable("Kafka did not take this before the log was closed."))
        if self._producer is not None:
            self._spawn(self._stop(self._producer, _GRACE_SECONDS))
        if self._tasks:
            _, late = await asyncio.wait([*self._tasks], timeout=2 * _GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _drain(self, place: Place) -> None:
        queue = self._queues[place]
        try:
            while queue:
                await self._deliver(place, queue, self._next_batch(queue))
        finally:
            del self._drains[place]

    def _next_batch(self, queue: deque[_Append]) -> list[_Append]:
        appends = [queue.popleft()]
        size = _framed(appends[0])
        while queue and size + _framed(queue[0]) <= _JOINED_BYTES:
            size += _framed(queue[0])
            appends.append(queue.popleft())
        return appends

    async def _deliver(self, place: Place, queue: deque[_Append], appends: list[_Append]) -> None:
        try:
            producer = await self._ready_producer()
            batch = self._build(producer, place, appends)
        except (LogBusy, RecordTooLarge) as error:
            self._fail(appends, error)
            return
        except asyncio.CancelledError:
            self._fail(appends, LogUnavailable("The log was closed."))
            raise
        try:
            first = await self._send(producer, place, batch)
        except (KafkaError, TimeoutError) as error:
            self._retire(producer)
            self._fail(appends, LogUnavailable(f"Kafka did not take it, or not in time: {error!r}"))
            self._fail(queue, LogBusy("An append before this one failed."))
        except asyncio.CancelledError:
            self._fail(appends, LogUnavailable("The log was closed before Kafka answered."))
            raise
        else:
            self._succeed(place, appends, first)

    def _build(
        self, producer: AIOKafkaProducer, place: Place, appends: list[_Append]
    ) -> BatchBuilder:
        batch: BatchBuilder = producer.create_batch()
        now = int(time.time() * 1000)
        for append in appends:
            for value in append.values:
                headers = self._headers(place.topic, value) if self._headers is not None else []
                key = key_of(headers)
                if batch.append(timestamp=now, key=key, value=value, headers=headers) is None:
                    raise RecordTooLarge(f"A batch has more than {self._limits.batch_bytes} bytes.")
        batch.close()
        return batch

    async def _send(self, producer: AIOKafkaProducer, place: Place, batch: BatchBuilder) -> int:
        topic = self._connection.topic(place.topic)
        async with asyncio.timeout(self._limits.delivery_seconds + _GRACE_SECONDS):
            delivery = await producer.send_batch(batch, topic, partition=place.partition)
            metadata = await delivery
        if metadata.offset < 0:  # a repeated batch of which the broker has forgotten the place
            raise KafkaError("the broker does not know where the batch is")
        return int(metadata.offset)

    def _succeed(self, place: Place, appends: list[_Append], first: int) -> None:
        values = (
            appends[0].values
            if len(appends) == 1
            else [value for append in appends for value in append.values]
        )
        tail = self._acknowledge(place, first, values)
        if tail is None:
            self._resolve(appends, first)
        else:
            self._spawn(self._resolve_later(tail, appends, first, first + len(values)))

    async def _resolve_later(
        self, tail: Tail, appends: list[_Append], first: int, end: int
    ) -> None:
        """Resolve when the tail has heard of it: what is acknowledged can be read at once."""
        try:
            async with asyncio.timeout(self._limits.delivery_seconds):
                await tail.wait(end - 1)
        except TimeoutError:
            self._fail(appends, LogUnavailable("It is on the log, and cannot be read yet."))
        except LogError:
            pass  # nothing more can be read of this partition; it is on the log all the same
        finally:
            self._resolve(appends, first)

    def _resolve(self, appends: list[_Append], offset: int) -> None:
        for append in appends:
            self._leave_queue(append)
            if not append.future.done():
                append.future.set_result(offset)
            offset += len(append.values)

    def _fail(
        self, appends: list[_Append] | deque[_Append], error: LogUnavailable | RecordTooLarge
    ) -> None:
        while appends:
            append = appends.pop()
            self._leave_queue(append)
            if not append.future.done():
                append.future.set_exception(error)

    def _leave_queue(self, append: _Append) -> None:
        self.queued_bytes -= append.size
        self._queued_appends -= 1

    async def _ready_producer(self) -> AIOKafkaProducer:
        """Raises LogBusy if there is none within the deadline."""
        if self._producer is not None:
            return self._producer
        async with self._starting:
            if self._producer is None:
                self._producer = await self._start_producer()
            return self._producer

    async def _start_producer(self) -> AIOKafkaProducer:
        deadline = self._loop.time() + self._limits.delivery_seconds
        problem: BaseException = TimeoutError()
        while self._loop.time() < deadline:
            producer = self._new_producer()
            starting = self._loop.create_task(producer.start())
            try:
                await asyncio.wait([starting], timeout=deadline - self._loop.time())
            finally:
                if not starting.done():
                    self._spawn(self._abandon(producer, starting))
            if starting.done():
                error = starting.exception()
                if error is None:
                    return producer
                await producer.stop()
                if not isinstance(error, KafkaError):
                    raise error
                problem = error
                await asyncio.sleep(RETRY_SECONDS)
        raise LogBusy(f"Kafka at {self._connection.bootstrap} takes nothing: {problem!r}")

    async def _abandon(self, producer: AIOKafkaProducer, starting: asyncio.Task[None]) -> None:
        """Cancelled at once, aiokafka would leave the connection that it starts with open."""
        await asyncio.wait([starting], timeout=2 * self._limits.delivery_seconds)
        starting.cancel()
        await asyncio.wait([starting])
        await producer.stop()

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._connection.options(),
            acks="all",
            enable_idempotence=True,
            max_batch_size=self._limits.batch_bytes,
            request_timeout_ms=int(self._limits.delivery_seconds * 1000),
        )

    def _retire(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
        self._spawn(self._stop(producer, self._limits.delivery_seconds))

    async def _stop(self, producer: AIOKafkaProducer, seconds: float) -> None:
        """Let it deliver what others have under way, and end it in any case."""
        try:
            async with asyncio.timeout(seconds):
                await producer.stop()
        except (KafkaError, TimeoutError) as error:
            _logger.warning("A Kafka producer was given up: %r", error)
            await producer.client.close()
            await producer._sender.close()
            await producer.client.close()  # the sender may have connected again to end

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _framed(append: _Append) -> int:
    return append.size + _RECORD_OVERHEAD * len(append.values)
