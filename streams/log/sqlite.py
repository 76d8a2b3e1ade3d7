"""The embedded log: one SQLite file, one writing thread, readers beside it.

A directory holds `log.sqlite3` (with its `-wal` and `-shm`), `log.high-water` and `log.lock`.
"""

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple, Self, TypeVar

import apsw

from streams.log import batches
from streams.log.bounds import Bounds
from streams.log.errors import (
    LogAltered,
    LogBusy,
    LogClosed,
    LogTorn,
    LogUnavailable,
)
from streams.log.opening import Opened, open_files
from streams.log.port import VOLATILE_TOPICS, LogRecord, Topic
from streams.log.tail import Retention, Tail
from streams.log.verify import ChainCheck, Progress
from streams.log.writer import Committed, Failed, Request, Writer

CLOSE_SECONDS: Final = 2.0

_READERS: Final = 2
_READ_BYTES: Final = 16 << 20

_T = TypeVar("_T")


class LogLimits(NamedTuple):
    """What the embedded log takes and keeps in memory.

    `record_bytes` and `append_bytes`: above them an append is refused with RecordTooLarge.
    `queue_bytes` and `queue_appends`: what may wait for the disk before appends fail with
    LogBusy. `tail_bytes`: recent records held for each topic's partition, up to twice as much.
    `volatile`: what is kept of each partition of the volatile topics.
    """

    record_bytes: int = 1 << 20
    append_bytes: int = 8 << 20
    queue_bytes: int = 64 << 20
    queue_appends: int = 100_000
    tail_bytes: int = 2 << 20
    volatile: Retention = Retention(records=10_000, bytes=8 << 20, seconds=300)


class SqliteLog:
    """A log in a directory that one process owns. Made by `open`."""

    def __init__(self, opened: Opened, partitions: int, limits: LogLimits) -> None:
        self._opened = opened
        self._partitions = partitions
        self._limits = limits
        record = limits.record_bytes
        self._bounds = Bounds(record, max(limits.append_bytes, record))
        self._loop = asyncio.get_running_loop()
        self._places = opened.places
        self._tails = self._make_tails()
        self._indexes = {(p.topic, p.partition): i for i, p in enumerate(opened.places)}
        self._queued_bytes = 0
        self._queued_appends = 0
        self._closing: asyncio.Future[None] | None = None
        self._writer = Writer(opened.connection, opened.places, opened.mark, self._hand_over)
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="log-reader")
        self._connections: queue.SimpleQueue[apsw.Connection] = queue.SimpleQueue()
        self._writer.start()

    @classmethod
    async def open(
        cls, directory: Path, *, partitions: int, limits: LogLimits | None = None
    ) -> Self:
        """Open the log in the directory, or make it there, and check that it is whole.

        Raises LogInUse, LogMisfit (another number of partitions, or another schema), LogForeign,
        MarkLost, LogTorn, LogAltered, and OSError. The files are then as they were before.
        """
        opened = await asyncio.to_thread(open_files, directory, partitions)
        return cls(opened, partitions, limits or LogLimits())

    @property
    def partitions(self) -> int:
        """How many partitions each topic has."""
        return self._partitions

    @property
    def identity(self) -> str:
        """Made with the log, kept in its file and in its high-water mark."""
        return self._opened.identity

    @property
    def bounds(self) -> Bounds:
        """See Log.bounds."""
        return self._bounds

    @property
    def failure(self) -> LogUnavailable | None:
        """Why nothing can be appended until the log is opened again; None if all is well."""
        return self._writer.failure

    @property
    def queued_bytes(self) -> int:
        """How many bytes wait for the disk."""
        return self._queued_bytes

    def append(self, topic: Topic, partition: int, values: Sequence[bytes]) -> asyncio.Future[int]:
        """See Log.append. LogBusy: more waits for the disk than the limits allow."""
        tail = self._tail(topic, partition)
        values = tuple(values)
        size = self._bounds.measure(values)
        future = self._loop.create_future()
        if self._closing is not None:
            future.set_exception(LogClosed("The log is closed."))
        elif topic in VOLATILE_TOPICS:
            future.set_result(tail.end)
            tail.add(values)
        elif (
            self._queued_bytes + size > self._limits.queue_bytes
            or self._queued_appends >= self._limits.queue_appends
        ):
            future.set_exception(LogBusy("Too much waits for the log's disk."))
        elif self._writer.ended:
            future.set_exception(LogUnavailable("The log's writer has ended."))
        else:
            self._queued_bytes += size
            self._queued_appends += 1
            index = self._indexes[topic, partition]
            self._writer.queue.put(Request(index, values, size, future))
        return future

    async def read(
        self, topic: Topic, partition: int, start: int, limit: int = 1000
    ) -> list[LogRecord]:
        """See Log.read. Recent records come from memory, older ones from a reader's thread."""
        tail = self._tail(topic, partition)
        records = tail.read(start, limit)
        if records is not None:
            return records
        if topic in VOLATILE_TOPICS:
            return tail.read(tail.first, limit) or []
        place = self._places[self._indexes[topic, partition]]
        limit = min(limit, tail.end - start)
        return await self._in_reader(
            lambda connection: batches.read_records(connection, place, start, limit, _READ_BYTES)
        )

    async def end(self, topic: Topic, partition: int) -> int:
        """See Log.end."""
        return self._tail(topic, partition).end

    async def end_now(self, topic: Topic, partition: int) -> int:
        """See Log.end_now: nobody else appends."""
        return await self.end(topic, partition)

    async def wait(self, topic: Topic, partition: int, offset: int) -> None:
        """See Log.wait."""
        await self._tail(topic, partition).wait(offset)

    async def verify(self, *, rest: float = 0.0) -> AsyncIterator[Progress]:
        """Recompute the chain of all that the log holds now, with `rest` seconds between steps.

        Yields after each step of some MiB. All places are looked at before LogTorn or
        LogAltered is raised, with the first damage of each place.
        """
        ends = [self._tail(place.topic, place.partition).end for place in self._places]
        total, verified = sum(ends), 0
        failures: list[LogTorn | LogAltered] = []
        genesis = batches.empty_places(self.identity, self._partitions)
        for place, end in zip(genesis, ends, strict=True):
            check = ChainCheck(place, end, place.chain)
            while not check.done:
                before = check.offset
                try:
                    await self._in_reader(check.step)
                except (LogTorn, LogAltered) as error:
                    failures.append(error)
                    break
                verified += check.offset - before
                yield Progress(verified, total)
                await asyncio.sleep(rest)
        if failures:
            raise type(failures[0])(*(damage for error in failures for damage in error.damages))

    async def close(self) -> None:
        """See Log.close. Raises LogUnavailable if the disk does not answer in CLOSE_SECONDS.

        What was queued until then is committed; what cannot be fails with LogUnavailable.
        """
        if self._closing is not None:
            await self._closing
            return
        self._closing = self._loop.create_future()
        try:
            await self._close()
        finally:
            self._closing.set_result(None)

    async def _close(self) -> None:
        await asyncio.to_thread(self._pool.shutdown)
        while not self._connections.empty():
            self._connections.get().close()
        # Last, because SQLite clears the WAL away only when a writing connection closes last.
        self._writer.queue.put(None)
        await asyncio.to_thread(self._writer.join, CLOSE_SECONDS)
        for tail in self._tails.values():
            tail.close()
        if self._writer.is_alive():
            self._writer.abandoned = True
            raise LogUnavailable(f"The log's disk did not answer within {CLOSE_SECONDS} s.")
        self._opened.lock.release()

    def _make_tails(self) -> dict[tuple[Topic, int], Tail]:
        keep = Retention(bytes=self._limits.tail_bytes)
        tails = {(p.topic, p.partition): Tail(p.end, keep) for p in self._places}
        for topic in VOLATILE_TOPICS:
            for partition in range(self._partitions):
                tails[topic, partition] = Tail(0, self._limits.volatile)
        return tails

    def _tail(self, topic: Topic, partition: int) -> Tail:
        try:
            return self._tails[topic, partition]
        except KeyError:
            raise ValueError(f"There is no topic {topic} with partition {partition}.") from None

    def _hand_over(self, outcome: Committed | Failed) -> None:
        """Called by the writer; the event loop may be gone when a process ends without close."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take_over, outcome)

    def _take_over(self, outcome: Committed | Failed) -> None:
        if isinstance(outcome, Failed):
            # An append may have come between the writer's last look at the queue and its end.
            late = self._writer.drain() if self._writer.ended else []
            for request in outcome.requests + late:
                self._leave_queue(request)
                if not request.future.done():
                    request.future.set_exception(outcome.error)
            return
        for index, values in outcome.appended.items():
            place = self._places[index]
            self._tails[place.topic, place.partition].add(values)
        for request, offset in zip(outcome.requests, outcome.offsets, strict=True):
            self._leave_queue(request)
            if not request.future.done():
                request.future.set_result(offset)

    def _leave_queue(self, request: Request) -> None:
        self._queued_bytes -= request.size
        self._queued_appends -= 1

    async def _in_reader(self, work: Callable[[apsw.Connection], _T]) -> _T:
        if self._closing is not None:
            raise LogClosed("The log is closed.")
        return await self._loop.run_in_executor(self._pool, self._with_connection, work)

    def _with_connection(self, work: Callable[[apsw.Connection], _T]) -> _T:
        try:
            connection = self._connections.get_nowait()
        except queue.Empty:
            connection = batches.connect(self._opened.path, write=False)
        try:
            return work(connection)
        finally:
            self._connections.put(connection)
