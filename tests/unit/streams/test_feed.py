"""The feed can tell when it has handed on all that there is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streams.feed import EventFeed
from streams.log.memory import MemoryLog
from streams.log.port import Topic

ACCOUNT = "acme"
NO_RECORD = b"?"  # it is passed over


class Ahead(MemoryLog):
    """A log to which others have appended more than was read here."""

    def __init__(self) -> None:
        super().__init__()
        self.unread = 0

    async def end_now(self, topic: Topic, partition: int) -> int:
        """See Log.end_now."""
        return await self.end(topic, partition) + self.unread


@asynccontextmanager
async def feeding(log: MemoryLog) -> AsyncIterator[EventFeed]:
    feed = EventFeed(log)
    running = asyncio.create_task(feed.run(0))
    try:
        yield feed
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_feed_is_caught_up_once_it_has_read_what_was_there() -> None:
    log = MemoryLog()
    for _ in range(1_000):
        await log.append("events", 0, [NO_RECORD])
    async with feeding(log) as feed, asyncio.timeout(5):
        await feed.caught_up(ACCOUNT)
        assert feed.ignored == 1_000
        await feed.caught_up(ACCOUNT)


async def test_a_feed_is_not_caught_up_while_others_have_appended_more() -> None:
    log = Ahead()
    log.unread = 1
    async with feeding(log) as feed:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await feed.caught_up(ACCOUNT)
        waiting = asyncio.create_task(feed.caught_up(ACCOUNT))
        await asyncio.sleep(0)
        await log.append("events", 0, [NO_RECORD])
        async with asyncio.timeout(5):
            await waiting
