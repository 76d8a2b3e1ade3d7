"""The one thread that writes the embedded log: group commit, high-water mark, checkpoints.

It takes whatever has been queued, appends all of it in one transaction, and reports back to the
event loop with one call. While it waits for the disk, the next group gathers.

The WAL is overwritten in place again and again: a file that grows makes each sync cost twice as
much (0.21 ms instead of 0.12 ms). So `prime_wal` lays it out once at start, and a checkpoint
comes before it is full; one of 4 MiB took 1 to 4 ms.
"""

import asyncio
import errno
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from streams.log import batches
from streams.log.batches import Place
from streams.log.errors import LogFull, LogUnavailable
from streams.log.marks import SYNC_SECONDS, HighWaterMark

_logger = logging.getLogger(__name__)

_WAL_BYTES: Final = 12 << 20
_CHECKPOINT_FRAMES: Final = 1000  # of 4 KiB
_IDLE_CHECKPOINT_FRAMES: Final = 250
_GROUP_BYTES: Final = 4 << 20
_ROW_BYTES: Final = 128 << 10

_PASSING = (apsw.BusyError, apsw.LockedError, apsw.TooBigError, apsw.NoMemError)


class Request(NamedTuple):
    """One append on its way: `place` is the index of its place, `size` its bytes."""

    place: int
    values: tuple[bytes, ...]
    size: int
    future: "asyncio.Future[int]"


class Committed(NamedTuple):
    """A group that is durable: each request's first offset, and each place's new records."""

    requests: list[Request]
    offsets: list[int]
    appended: dict[int, list[bytes]]


class Failed(NamedTuple):
    """A group of which nothing was acknowledged, and why."""

    requests: list[Request]
    error: LogUnavailable


Report = Callable[[Committed | Failed], object]


class Writer(threading.Thread):
    """Owns the writing connection, the mark and the heads of the places.

    `report` is called in this thread. The queue itself has no bound: who puts into it counts.
    An error that leaves the state of the file in doubt sets `failure`, and every append after
    it fails likewise until the log is opened again.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        places: list[Place],
        mark: HighWaterMark,
        report: Report,
    ) -> None:
        super().__init__(name="log-writer", daemon=True)
        self.queue: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self.failure: LogUnavailable | None = None
        self.abandoned = False
        self.ended = False
        self._connection = connection
        self._places = places
        self._inserts = [batches.insert_statement(place) for place in places]
        self._mark = mark
        self._report = report
        self._current: list[Request] = []
        self._frames = 0
        self._checkpoint_at = _CHECKPOINT_FRAMES
        self._sync_at = 0.0
        connection.set_wal_hook(self._note_frames)

    def run(self) -> None:
        """Commit groups until None comes out of the queue, then close everything."""
        try:
            while (request := self._next()) is not None:
                self._current, ended = self._gather(request)
                self._report(self._commit(self._current))
                self._current = []
                if ended:
                    break
                self._tend()
        finally:
            self._end()

    def _next(self) -> Request | None:
        """The next request, None at the end; what can wait is done while there is none."""
        busy = self._mark.synced and self._frames < _IDLE_CHECKPOINT_FRAMES
        try:
            return self.queue.get(timeout=None if busy else SYNC_SECONDS)
        except queue.Empty:
            self._sync()
            if self._frames >= _IDLE_CHECKPOINT_FRAMES:
                self._checkpoint()
            return self.queue.get()

    def _gather(self, request: Request) -> tuple[list[Request], bool]:
        """What is queued by now, up to a size that one commit takes; whether it was the last."""
        requests = [request]
        size = request.size
        waiting = self.queue
        while size < _GROUP_BYTES and not waiting.empty():
            following = waiting.get()
            if following is None:
                return requests, True
            requests.append(following)
            size += following.size
        return requests, False

    def _commit(self, requests: list[Request]) -> Committed | Failed:
        if self.abandoned:
            return Failed(requests, LogUnavailable("The log was closed before it could commit."))
        if self.failure is not None:
            return Failed(requests, LogUnavailable(str(self.failure)))
        appended: dict[int, list[bytes]] = {}
        offsets = []
        for request in requests:
            values = appended.setdefault(request.place, [])
            offsets.append(self._places[request.place].end + len(values))
            values += request.values
        try:
            self._write(appended)
        except apsw.FullError:
            self._roll_back()
            return Failed(requests, LogFull("The disk that holds the log is full."))
        except _PASSING as error:
            self._roll_back()
            return Failed(requests, LogUnavailable(f"SQLite says: {error}"))
        except (apsw.Error, OSError) as error:
            self._roll_back()
            return Failed(requests, self._fail(error))
        return Committed(requests, offsets, appended)

    def _write(self, appended: dict[int, list[bytes]]) -> None:
        execute = self._connection.execute
        at = time.time_ns() // 1_000_000
        heads = []
        execute("BEGIN IMMEDIATE")
        for index, values in appended.items():
            place = self._places[index]
            end, chain = place.end, place.chain
            for part in _rows(values):
                body = batches.encode(part)
                chain = batches.link(chain, end, at, body)
                execute(self._inserts[index], (end, len(part), at, chain, body))
                end += len(part)
            heads.append((index, end, chain))
        execute("COMMIT")
        for index, end, chain in heads:
            self._places[index].end = end
            self._places[index].chain = chain
            self._mark.note(index, end, chain)
        self._mark.write()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except apsw.Error as error:
                self._fail(error)

    def _fail(self, error: Exception) -> LogUnavailable:
        _logger.critical("The log cannot be written any more: %r", error)
        self.failure = LogUnavailable(f"The log cannot be written any more: {error}")
        return self.failure

    def _tend(self) -> None:
        """After the acknowledgement: what must not wait until the queue is empty."""
        if self._frames >= self._checkpoint_at:
            self._checkpoint()
        now = time.monotonic()
        if now >= self._sync_at:
            self._sync()
            self._sync_at = now + SYNC_SECONDS

    def _sync(self) -> None:
        try:
            self._mark.sync()
        except OSError as error:
            self._fail(error)

    def _checkpoint(self) -> None:
        """Move the WAL's content into the file, as far as readers let it, so it starts over."""
        try:
            _, moved = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (apsw.FullError, *_PASSING) as error:
            _logger.warning("The log's checkpoint has to wait: %s", error)
            moved = 0
        except apsw.Error as error:
            self._fail(error)
            return
        complete = moved >= self._frames
        self._checkpoint_at = _CHECKPOINT_FRAMES if complete else self._frames + 256
        self._frames = 0 if complete else self._frames

    def _note_frames(self, connection: apsw.Connection, schema: str, frames: int) -> int:
        self._frames = frames
        return apsw.SQLITE_OK

    def drain(self) -> list[Request]:
        """Take out whatever is still queued."""
        requests = []
        with suppress(queue.Empty):
            while True:
                request = self.queue.get_nowait()
                if request is not None:
                    requests.append(request)
        return requests

    def _end(self) -> None:
        """Nothing may stay without an answer, even after a defect in this class."""
        self.ended = True
        rest = self._current + self.drain()
        self._report(Failed(rest, LogUnavailable("The log's writer has ended.")))
        self._sync()
        self._mark.close()
        self._connection.close()


def _rows(values: list[bytes]) -> list[list[bytes]]:
    """A large group becomes several rows, so that a reader need not take up all of it at once."""
    number = min(sum(map(len, values)) // _ROW_BYTES + 1, len(values))
    if number == 1:
        return [values]
    size = -(-len(values) // number)
    return [values[start : start + size] for start in range(0, len(values), size)]


def prime_wal(path: Path) -> None:
    """Lay out the WAL of the file at `path`, if it has none, so that it need not grow.

    SQLite takes a WAL without its magic number for an empty one and writes over it from the
    start. One that is there belongs to a log that was not closed, and is left as it is. On a
    full disk there is no room for it, and it is slower without. Raises OSError.
    """
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        return
    try:
        with wal.open("wb") as file:
            file.write(bytes(_WAL_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.truncate(wal, 0)
        _logger.warning("There is no room for the log's write-ahead log: %s", error)
