"""The newest records of one topic's partition, in memory, and those who wait for more."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import NamedTuple

from streams.log.errors import LogClosed, LogError, OffsetOutOfRange
from streams.log.port import LogRecord


class Retention(NamedTuple):
    """How much a tail keeps at least; None is without bound. Up to twice as much is held."""

    records: int | None = None
    bytes: int | None = None
    seconds: float | None = None


class Tail:
    """Records from `first` up to `end`. Belongs to one event loop, so it needs no lock."""

    def __init__(
        self, end: int, retention: Retention, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.end = end
        self._first = end
        self._records: list[LogRecord] = []
        self._bytes = 0
        self._retention = retention
        self._clock = clock
        self._ages: deque[tuple[float, int]] = deque()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._closed: LogError | None = None

    @property
    def first(self) -> int:
        """The offset of the oldest record that is kept; equals `end` if there is none."""
        return self._first

    def add(self, values: Sequence[bytes]) -> None:
        """Take the values up at the end and wake those who wait for them."""
        self._records += map(LogRecord, count(self.end), values)
        self.end += len(values)
        self._bytes += sum(map(len, values))
        self._forget()
        if self._waiters:
            self._wake()

    def read(self, start: int, limit: int) -> list[LogRecord] | None:
        """Up to `limit` records from `start` on; None if `start` is older than what is kept."""
        if self._closed is not None:
            raise self._closed
        if start > self.end:
            raise OffsetOutOfRange(f"Offset {start} is beyond the end, {self.end}.")
        at = start - self._first
        return self._records[at : at + limit] if at >= 0 else None

    async def wait(self, offset: int) -> None:
        """Return as soon as `end` is greater than `offset`. Raises LogClosed."""
        if self._closed is not None:
            raise self._closed
        if self.end > offset:
            return
        waiter = (offset, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            await waiter[1]
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for more."""
        return bool(self._waiters)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed is not None

    def leap(self, end: int) -> None:
        """Go on at a later end, without what is before it."""
        self._records.clear()
        self._ages.clear()
        self._bytes = 0
        self._first = self.end = end
        self._wake()

    def close(self, error: LogError | None = None) -> None:
        """Readers and those who wait get the error, by default LogClosed, from now on."""
        self._closed = error or LogClosed("The log is closed.")
        waiters, self._waiters = self._waiters, []
        for _, future in waiters:
            if not future.done():
                future.set_exception(self._closed)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            offset, future = waiter
            if offset >= self.end:
                self._waiters.append(waiter)
            elif not future.done():
                future.set_result(None)

    def _forget(self) -> None:
        """Drop the older half when twice the bound is reached: a constant cost per record."""
        keep = self._retention
        drop = 0
        if keep.records is not None and len(self._records) > 2 * keep.records:
            drop = len(self._records) - keep.records
        if keep.bytes is not None and self._bytes > 2 * keep.bytes:
            drop = max(drop, self._beyond(self._bytes - keep.bytes))
        if keep.seconds is not None:
            drop = max(drop, self._outdated(keep.seconds))
        if drop:
            self._bytes -= sum(len(record.value) for record in self._records[:drop])
            del self._records[:drop]
            self._first += drop

    def _beyond(self, surplus: int) -> int:
        """How many of the oldest records hold the surplus bytes; never the newest one."""
        for index, record in enumerate(self._records[:-1]):
            surplus -= len(record.value)
            if surplus <= 0:
                return index + 1
        return len(self._records) - 1

    def _outdated(self, seconds: float) -> int:
        now = self._clock()
        if not self._ages or now - self._ages[-1][0] >= seconds / 60:
            self._ages.append((now, self.end))
        outdated = 0
        while self._ages and now - self._ages[0][0] > seconds:
            outdated = self._ages.popleft()[1] - self._first
        return max(outdated, 0)
