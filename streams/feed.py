"""The feed: the accepted decisions of every partition, in order, for what follows them live."""

import asyncio
from collections.abc import Callable
from copy import copy

from schemas import codec
from schemas.decisions import Decision
from schemas.signals import Signal
from streams.acceptance import Acceptance
from streams.log.partitioner import partition_of
from streams.log.port import Log

BATCH = 256
"""Records taken up in one go."""

Subscriber = Callable[[Decision], None]


class EventFeed:
    """Reads the topic `events` and hands each accepted decision to every subscriber.

    Subscribers are called in the order of their subscription, on the event loop, and must not
    raise: what a client is answered must already be known to the caches before it.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._positions: dict[int, Acceptance] = {}
        self._subscribers: list[Subscriber] = []
        self._moved = asyncio.Event()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with every decision that is accepted from now on."""
        self._subscribers.append(subscriber)

    @property
    def ignored(self) -> int:
        """Records that the fence rule kept out."""
        return sum(position.ignored for position in self._positions.values())

    async def run(self, partition: int, start: Acceptance | None = None) -> None:
        """Follow one partition until cancelled, from `start` or from the log's first record.

        Raises MalformedRecord for a poisoned log.
        """
        position = self._positions[partition] = copy(start or Acceptance())
        self._moved.set()
        while True:
            records = await self._log.read("events", partition, position.offset, BATCH)
            for record in records:
                decision = position.read(record.offset, record.value)
                if decision is not None:
                    for subscriber in self._subscribers:
                        subscriber(decision)
            if records:
                self._moved.set()
                await asyncio.sleep(0)
            else:
                await self._log.wait("events", partition, position.offset)

    async def caught_up(self, account: str) -> None:
        """Wait until all that is on the log now of an account was handed on.

        Raises LogUnavailable.
        """
        partition = partition_of(account, self._log.partitions)
        end = await self._log.end_now("events", partition)
        while (position := self._positions.get(partition)) is None or position.offset < end:
            self._moved.clear()
            await self._moved.wait()


async def follow_signals(log: Log, partition: int, subscriber: Callable[[Signal], None]) -> None:
    """Call `subscriber` with every signal from now on, until cancelled."""
    offset = await log.end("signals", partition)
    while True:
        records = await log.read("signals", partition, offset, BATCH)
        for record in records:
            offset = record.offset + 1
            subscriber(codec.decode_signal(record.value))
        if records:
            await asyncio.sleep(0)
        else:
            await log.wait("signals", partition, offset)
