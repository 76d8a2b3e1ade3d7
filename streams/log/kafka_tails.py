"""The newest records of the partitions that are read here, as the brokers tell of them."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from aiokafka.errors import KafkaError, NoError, OffsetOutOfRangeError

from streams.log.errors import Damage, LogAltered, LogClosed, LogTorn
from streams.log.kafka_client import (
    RETRY_SECONDS,
    CorruptBatch,
    Fetched,
    KafkaClient,
    Place,
    decode,
)
from streams.log.kafka_session import Fetch, FetchSession
from streams.log.port import VOLATILE_TOPICS
from streams.log.tail import Retention, Tail

_logger = logging.getLogger(__name__)

_POLL: Final = Fetch(wait_seconds=0.1)  # as long does a partition wait that is newly followed
_UNUSED_SECONDS: Final = 5.0  # so a decider that has read its own events hears them no more
_TURN_SECONDS: Final = 1.0


class Tails:
    """A tail for each partition that was read, waited for or asked for its end of late.

    Each broker is polled for all partitions that it leads, in one request that it answers as
    soon as there is news of one of them.
    """

    def __init__(
        self, client: KafkaClient, other: KafkaClient, durable: Retention, volatile: Retention
    ) -> None:
        """`other` is asked for what should not wait for a poll."""
        self._client = client
        self._other = other
        self._durable = durable
        self._volatile = volatile
        self._loop = asyncio.get_running_loop()
        self._tails: dict[Place, Tail] = {}
        self._used: dict[Place, float] = {}
        self._acknowledged: dict[Place, int] = {}
        self._starting: dict[Place, asyncio.Task[Tail]] = {}
        self._polls: dict[int, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._closed = False
        self._conductor = self._loop.create_task(self._conduct())

    async def tail(self, place: Place) -> Tail:
        """The partition's tail, followed from now on. Raises LogClosed, KafkaError."""
        if self._closed:
            raise LogClosed("The log is closed.")
        self._used[place] = self._loop.time()
        tail = self._tails.get(place)
        if tail is not None:
            return tail
        starting = self._starting.get(place)
        if starting is None:
            starting = self._starting[place] = self._loop.create_task(self._start(place))
            starting.add_done_callback(_look_at)
        await asyncio.wait([starting])
        if self._closed:
            raise LogClosed("The log is closed.")
        return await starting

    def acknowledge(self, place: Place, first: int, values: Sequence[bytes]) -> Tail | None:
        """Tell of own records that are durable: they are taken up if they are next.

        A tail comes back if it is followed and has yet to hear of others' records before them.
        """
        end = first + len(values)
        self._acknowledged[place] = end
        tail = self._tails.get(place)
        if tail is None or tail.closed or tail.end >= end:
            return None
        if tail.end != first:
            return tail
        tail.add(values)
        return None

    async def close(self) -> None:
        """End the polls; readers and those who wait get LogClosed."""
        self._closed = True
        tasks = [self._conductor, *self._polls.values(), *self._starting.values()]
        for task in tasks:
            task.cancel()
        for tail in self._tails.values():
            tail.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _start(self, place: Place) -> Tail:
        try:
            _, end = await self._other.bounds(place)
            keep = self._volatile if place.topic in VOLATILE_TOPICS else self._durable
            tail = Tail(max(end, self._acknowledged.get(place, 0)), keep)
            self._tails[place] = tail
            self._changed.set()
            return tail
        finally:
            del self._starting[place]

    async def _conduct(self) -> None:
        """See that each broker that leads a partition is polled."""
        while True:
            self._changed.clear()
            self._drop_unused()
            leaders = {self._client.leader(place) for place in self._tails}
            for node in leaders - {None, *self._polls}:
                assert node is not None
                self._polls[node] = self._loop.create_task(self._poll(node))
            if None in leaders:
                await self._client.refresh()
            try:
                async with asyncio.timeout(_TURN_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _drop_unused(self) -> None:
        now = self._loop.time()
        for place, tail in [*self._tails.items()]:
            if now - self._used[place] > _UNUSED_SECONDS and not tail.waiting and not tail.closed:
                del self._tails[place]

    async def _poll(self, node: int) -> None:
        """Ask a broker for news until it leads nothing that is followed."""
        silent = False
        session = FetchSession()
        try:
            while positions := self._positions(node):
                try:
                    news = await self._client.fetch(node, positions, _POLL, session)
                except KafkaError as error:
                    if not silent:
                        _logger.warning("Kafka's node %s does not tell of news: %r", node, error)
                    silent = True
                    session = FetchSession()
                    await self._client.refresh()
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                if silent:
                    _logger.warning("Kafka's node %s tells of news again.", node)
                silent = False
                for place, fetched in news.items():
                    await self._take_up(place, fetched)
        finally:
            del self._polls[node]
            self._changed.set()

    def _positions(self, node: int) -> dict[Place, int]:
        return {
            place: tail.end
            for place, tail in self._tails.items()
            if not tail.closed and self._client.leader(place) == node
        }

    async def _take_up(self, place: Place, fetched: Fetched) -> None:
        tail = self._tails.get(place)
        if tail is None or tail.closed:
            return
        if fetched.error is OffsetOutOfRangeError:
            await self._realign(place, tail)
        elif fetched.error is not NoError:
            _logger.warning("No news of %s/%s: %s", *place, fetched.error.__name__)
            await self._client.refresh()
            await asyncio.sleep(RETRY_SECONDS)
        elif fetched.batches:
            self._add(place, tail, fetched.batches)

    def _add(self, place: Place, tail: Tail, batches: bytes) -> None:
        try:
            runs, end = decode(batches, tail.end)
        except CorruptBatch as error:
            tail.close(_altered(place, tail.end, str(error)))
            return
        for first, values in [*((run.first, run.values) for run in runs), (end, ())]:
            if first != tail.end and place.topic not in VOLATILE_TOPICS:
                tail.close(_altered(place, tail.end, f"the next offset is {first}"))
                return
            if first != tail.end:
                tail.leap(first)
            if values:
                tail.add(values)

    async def _realign(self, place: Place, tail: Tail) -> None:
        """The broker has nothing at the tail's end: what is older was dropped, or all was lost."""
        try:
            first, end = await self._other.bounds(place)
        except KafkaError:
            await asyncio.sleep(RETRY_SECONDS)
            return
        if tail.end < first and place.topic in VOLATILE_TOPICS:
            tail.leap(first)
        elif not first <= tail.end <= end:
            lost = (tail.end, first) if tail.end < first else (end, tail.end)
            detail = f"the brokers hold offsets {first} to {end - 1}"
            tail.close(LogTorn(Damage(place.topic, place.partition, *lost, detail)))
        else:
            await asyncio.sleep(RETRY_SECONDS)


def _look_at(task: asyncio.Task[Tail]) -> None:
    """Who waited for it may be gone; then nobody else looks at its error."""
    if not task.cancelled():
        task.exception()


def _altered(place: Place, offset: int, detail: str) -> LogAltered:
    return LogAltered(Damage(place.topic, place.partition, offset, offset + 1, detail))
