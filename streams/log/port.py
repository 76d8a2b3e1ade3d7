"""The port of the log: all that Deskstream asks of one, embedded or Kafka."""

import asyncio
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

from streams.log.bounds import Bounds

Topic = Literal["actions", "events", "signals", "visits"]

TOPICS: Final[tuple[Topic, ...]] = ("actions", "events", "signals", "visits")
DURABLE_TOPICS: Final[tuple[Topic, ...]] = ("actions", "events", "visits")
VOLATILE_TOPICS: Final[tuple[Topic, ...]] = ("signals",)


class LogRecord(NamedTuple):
    """One record: its place in the topic's partition (from 0, without holes) and its bytes."""

    offset: int
    value: bytes


class Log(Protocol):
    """Topics of partitions of records, each partition in one total order.

    Volatile topics forget what is some minutes old, and everything at a restart; their offsets
    then start anew. All methods belong to the event loop that opened the log.
    """

    @property
    def partitions(self) -> int:
        """How many partitions each topic has; fixed when the log is created."""
        ...

    @property
    def identity(self) -> str:
        """Names this log among all logs, so that what was derived from another is not taken."""
        ...

    @property
    def bounds(self) -> Bounds:
        """How much an append may hold; fixed while the log is open."""
        ...

    def append(
        self, topic: Topic, partition: int, values: Sequence[bytes]
    ) -> "asyncio.Future[int]":
        """Append the values at consecutive offsets, all or none, in the order of the calls.

        The future gives the offset of the first value, and is done when all are durable and
        can be read. It fails with LogUnavailable (with LogBusy or LogFull nothing of this
        append will be on the log; otherwise that is unknown) or with LogClosed. Raises
        RecordTooLarge at once, and ValueError for no values or an unknown topic or partition.
        Cancelling the future does not take the append back.
        """
        ...

    async def read(
        self, topic: Topic, partition: int, start: int, limit: int = 1000
    ) -> list[LogRecord]:
        """Up to `limit` durable records from offset `start` on, [] at the end; does not wait.

        Fewer than `limit` come where records are large; only [] means the end. A volatile topic
        that has forgotten `start` gives its oldest records instead, so look at the offsets. The
        list is the caller's own. Raises OffsetOutOfRange if `start` is beyond the end,
        LogClosed, and LogTorn or LogAltered if the disk does not hold what it held.
        """
        ...

    async def end(self, topic: Topic, partition: int) -> int:
        """The offset after the last durable record: the number of records ever appended."""
        ...

    async def end_now(self, topic: Topic, partition: int) -> int:
        """`end`, with all that others had appended when this was called, read here or not yet."""
        ...

    async def wait(self, topic: Topic, partition: int, offset: int) -> None:
        """Return as soon as `end` is greater than `offset`. Raises LogClosed."""
        ...

    async def close(self) -> None:
        """Commit what was queued and let go of everything. May be called twice."""
        ...
