"""A log in memory: for tests, and for trying Deskstream without a trace. Same contract."""

import asyncio
import uuid
from collections.abc import Sequence

from streams.log.bounds import Bounds
from streams.log.errors import LogClosed, LogUnavailable
from streams.log.port import TOPICS, VOLATILE_TOPICS, LogRecord, Topic
from streams.log.tail import Retention, Tail

_VOLATILE = Retention(records=10_000, bytes=16 << 20, seconds=300)


class MemoryLog:
    """Keeps everything until it is closed. Appends are done in the loop's next turn.

    `failing`, for tests of failure: while it is set, every append fails with it, and nothing
    of the append is on the log.
    """

    def __init__(
        self,
        *,
        partitions: int = 1,
        max_record_bytes: int = 1 << 20,
        max_append_bytes: int = 8 << 20,
    ) -> None:
        self._partitions = partitions
        self._identity = uuid.uuid4().hex
        self._bounds = Bounds(max_record_bytes, max_append_bytes)
        self._tails = {
            (topic, partition): Tail(0, _VOLATILE if topic in VOLATILE_TOPICS else Retention())
            for topic in TOPICS
            for partition in range(partitions)
        }
        self._queue: list[tuple[Tail, Sequence[bytes], asyncio.Future[int]]] = []
        self._closed = False
        self.failing: LogUnavailable | None = None

    @property
    def partitions(self) -> int:
        """How many partitions each topic has."""
        return self._partitions

    @property
    def identity(self) -> str:
        """Another one for each instance."""
        return self._identity

    @property
    def bounds(self) -> Bounds:
        """See Log.bounds."""
        return self._bounds

    def append(self, topic: Topic, partition: int, values: Sequence[bytes]) -> asyncio.Future[int]:
        """See Log.append."""
        loop = asyncio.get_running_loop()
        tail = self._tail(topic, partition)
        self._bounds.measure(values)
        future: asyncio.Future[int] = loop.create_future()
        if self._closed:
            future.set_exception(LogClosed("The log is closed."))
        elif self.failing is not None:
            future.set_exception(self.failing)
        else:
            self._queue.append((tail, tuple(values), future))
            if len(self._queue) == 1:
                loop.call_soon(self._commit)
        return future

    async def read(
        self, topic: Topic, partition: int, start: int, limit: int = 1000
    ) -> list[LogRecord]:
        """See Log.read."""
        tail = self._tail(topic, partition)
        records = tail.read(start, limit)
        if records is None:
            records = tail.read(tail.first, limit)
        return records or []

    async def end(self, topic: Topic, partition: int) -> int:
        """See Log.end."""
        return self._tail(topic, partition).end

    async def end_now(self, topic: Topic, partition: int) -> int:
        """See Log.end_now: nobody else appends."""
        return await self.end(topic, partition)

    async def wait(self, topic: Topic, partition: int, offset: int) -> None:
        """See Log.wait."""
        await self._tail(topic, partition).wait(offset)

    async def close(self) -> None:
        """See Log.close."""
        self._commit()
        self._closed = True
        for tail in self._tails.values():
            tail.close()

    def _tail(self, topic: Topic, partition: int) -> Tail:
        try:
            return self._tails[topic, partition]
        except KeyError:
            raise ValueError(f"There is no topic {topic} with partition {partition}.") from None

    def _commit(self) -> None:
        queue, self._queue = self._queue, []
        for tail, values, future in queue:
            first = tail.end
            tail.add(values)
            if not future.done():
                future.set_result(first)
