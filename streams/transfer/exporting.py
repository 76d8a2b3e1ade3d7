"""An export: the accepted decisions of a log, what awaits its decision, and the visits."""

import heapq
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from schemas.decisions import Decision
from streams.acceptance import Acceptance
from streams.log.errors import LogTorn
from streams.log.port import Log, LogRecord, Topic
from streams.transfer.archive import (
    FORMAT,
    ArchiveWriter,
    Decided,
    End,
    Header,
    Keys,
    Pending,
    Visit,
    packed,
)
from streams.transfer.errors import TransferBroken
from streams.transfer.ledger import Ledger

BATCH = 500
"""Records read at once."""

Progress = Callable[[int, int], None]
"""Is told how many records are done, of how many."""


class _Accepted(NamedTuple):
    """An accepted decision, as it stands on the log, with its action if the log still has it."""

    offset: int
    decision: Decision
    raw: bytes
    action: bytes | None


class _Source:
    """One partition of the log, up to where it went when the export began."""

    def __init__(self, log: Log, number: int, end: int) -> None:
        self.number = number
        self.acceptance = Acceptance()
        self._log = log
        self._end = end

    async def accepted(self) -> AsyncIterator[_Accepted]:
        """The accepted decisions, in order."""
        while self.acceptance.offset < self._end:
            decided = []
            start = self.acceptance.offset
            for record in await _read(self._log, "events", self.number, start):
                if record.offset >= self._end:
                    break
                decision = self.acceptance.read(record.offset, record.value)
                if decision is not None:
                    decided.append((record.offset, decision, record.value))
            if decided:
                actions = await self._actions(decided[0][1].source, decided[-1][1].source)
                for offset, decision, raw in decided:
                    yield _Accepted(offset, decision, raw, actions.get(decision.source))

    async def _actions(self, first: int, last: int) -> dict[int, bytes]:
        """The actions with these offsets, as far as the log still has them."""
        found: dict[int, bytes] = {}
        while first <= last:
            records = await _kept(self._log, "actions", self.number, first)
            if not records:
                break
            found.update(record for record in records if record.offset <= last)
            first = records[-1].offset + 1
        return found


async def export(
    log: Log,
    archive: ArchiveWriter,
    *,
    made_at: int,
    keys: Keys | None = None,
    progress: Progress | None = None,
) -> End:
    """Write all that the log holds now. `made_at` in ms since 1970.

    Actions that were decided, and visits, may have been dropped by the log since (Kafka's
    retention). Raises ChainBroken, TransferBroken and LogTorn for a log that is not whole,
    MalformedRecord for one that newer code wrote, LogError, OSError.
    """
    archive.write(Header(FORMAT, log.identity, log.partitions, made_at))
    if keys is not None:
        archive.write(keys)
    # The events' ends first: whatever is decided meanwhile still counts as pending.
    sources = [
        _Source(log, number, await log.end("events", number)) for number in range(log.partitions)
    ]
    ends = [await log.end("actions", source.number) for source in sources]
    ledger = Ledger()
    done, total = 0, sum(ends)
    async for source, accepted in _merged(sources):
        ledger.take(source.number, accepted.decision, accepted.raw)
        archive.write(_line(source, accepted))
        done += 1
        if progress is not None and done % BATCH == 0:
            progress(done, total)
    for source, end in zip(sources, ends, strict=True):
        await _write_pending(log, archive, source, end)
    for source in sources:
        await _write_visits(log, archive, source)
    for tally in ledger.tallies():
        archive.write(tally)
    if progress is not None:
        progress(total, total)
    return archive.finish()


def _line(source: _Source, accepted: _Accepted) -> Decided:
    return Decided(
        partition=source.number,
        offset=accepted.offset,
        decision=accepted.raw.decode(),
        **packed(accepted.action),
    )


async def _write_pending(log: Log, archive: ArchiveWriter, source: _Source, end: int) -> None:
    start = source.acceptance.source + 1
    async for value in _records(log, "actions", source.number, start, end):
        archive.write(Pending(partition=source.number, **packed(value)))


async def _write_visits(log: Log, archive: ArchiveWriter, source: _Source) -> None:
    end = await log.end("visits", source.number)
    async for value in _records(log, "visits", source.number, 0, end):
        archive.write(Visit(partition=source.number, **packed(value)))


async def _merged(sources: list[_Source]) -> AsyncIterator[tuple[_Source, _Accepted]]:
    """All decisions in the order of time, each partition's in its own order.

    Where accounts meet in a new partition, its memory of keys then forgets the oldest first.
    """
    streams = [source.accepted() for source in sources]
    heads: list[tuple[int, int, _Accepted]] = []
    for number, stream in enumerate(streams):
        await _advance(heads, number, stream)
    while heads:
        _, number, accepted = heapq.heappop(heads)
        yield sources[number], accepted
        await _advance(heads, number, streams[number])


async def _advance(
    heads: list[tuple[int, int, _Accepted]], number: int, stream: AsyncIterator[_Accepted]
) -> None:
    accepted = await anext(stream, None)
    if accepted is not None:
        heapq.heappush(heads, (accepted.decision.at, number, accepted))


async def _records(
    log: Log, topic: Topic, partition: int, start: int, end: int
) -> AsyncIterator[bytes]:
    """The records of a range; of visits, those that the log still has."""
    read = _kept if topic == "visits" else _read
    while start < end:
        records = await read(log, topic, partition, start)
        if not records:
            return
        for record in records:
            start = record.offset + 1
            if record.offset < end:
                yield record.value


async def _read(log: Log, topic: Topic, partition: int, start: int) -> list[LogRecord]:
    records = await log.read(topic, partition, start, BATCH)
    if not records:
        raise TransferBroken(f"Partition {partition} of {topic} ends at {start}: it was longer.")
    return records


async def _kept(log: Log, topic: Topic, partition: int, start: int) -> list[LogRecord]:
    """Records from `start` on, or from the first that was not dropped: [] if all were."""
    try:
        return await log.read(topic, partition, start, BATCH)
    except LogTorn as error:
        first = error.damages[0].end
        if first <= start:
            raise
        return await log.read(topic, partition, first, BATCH)
