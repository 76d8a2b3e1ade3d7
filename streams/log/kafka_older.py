"""Older records, which no tail holds any more: fetched when they are asked for."""

import asyncio
import logging
from collections import OrderedDict
from itertools import count
from typing import Final

from aiokafka.errors import KafkaError, NoError, OffsetOutOfRangeError

from streams.log.errors import Damage, LogAltered, LogTorn, LogUnavailable
from streams.log.kafka_client import (
    RETRY_SECONDS,
    CorruptBatch,
    Fetched,
    KafkaClient,
    Place,
    decode,
)
from streams.log.kafka_session import Fetch
from streams.log.port import VOLATILE_TOPICS, LogRecord

_logger = logging.getLogger(__name__)

_FETCH: Final = Fetch(partition_bytes=1 << 20, total_bytes=1 << 20)
_AHEAD: Final = 8  # fetches whose rest is kept, of about a MiB each, for who reads on


class OlderRecords:
    """Reads from any offset; what a fetch gives above the caller's limit is kept for the next."""

    def __init__(self, client: KafkaClient, deadline: float | None) -> None:
        """`deadline`: seconds after which a read that no broker answers fails, if at all."""
        self._client = client
        self._deadline = deadline
        self._ahead: OrderedDict[tuple[Place, int], list[LogRecord]] = OrderedDict()

    async def read(self, place: Place, start: int, limit: int) -> list[LogRecord]:
        """Records from `start` on, which is before the end; of a volatile topic maybe later ones.

        Raises LogUnavailable, LogTorn, LogAltered.
        """
        records = self._ahead.pop((place, start), None) or await self._fetch(place, start)
        found, rest = records[:limit], records[limit:]
        if rest:
            self._ahead[place, rest[0].offset] = rest
            while len(self._ahead) > _AHEAD:
                self._ahead.popitem(last=False)
        return found

    async def _fetch(self, place: Place, start: int) -> list[LogRecord]:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._try_to_fetch(place, start)
        except TimeoutError as error:
            raise LogUnavailable(
                f"No broker gave offset {start} of {place.topic}/{place.partition}."
            ) from error

    async def _try_to_fetch(self, place: Place, start: int) -> list[LogRecord]:
        while True:
            try:
                fetched = await self._ask(place, start)
                if fetched is not None and fetched.error is OffsetOutOfRangeError:
                    first, end = await self._client.bounds(place)
                    if start < first:
                        start = _oldest(place, start, first)
                    if start >= end:
                        return []
                elif fetched is not None and fetched.error is NoError:
                    records = _records(place, start, fetched.batches)
                    if records:
                        return records
            except KafkaError as error:
                _logger.warning("no broker gives %s/%s: %r", *place, error)
            await self._client.refresh()
            await asyncio.sleep(RETRY_SECONDS)

    async def _ask(self, place: Place, start: int) -> Fetched | None:
        node = self._client.leader(place)
        if node is None:
            return None
        return (await self._client.fetch(node, {place: start}, _FETCH))[place]


def _oldest(place: Place, start: int, first: int) -> int:
    if place.topic in VOLATILE_TOPICS:
        return first
    detail = f"the brokers dropped what is before offset {first}: look at the topic's retention"
    raise LogTorn(Damage(place.topic, place.partition, start, first, detail))


def _records(place: Place, start: int, batches: bytes) -> list[LogRecord]:
    try:
        runs, end = decode(batches, start)
    except CorruptBatch as error:
        raise LogAltered(_damage(place, start, start + 1, str(error))) from error
    expected = start
    for first, size in [*((run.first, len(run.values)) for run in runs), (end, 0)]:
        if first != expected and place.topic not in VOLATILE_TOPICS:
            raise LogAltered(_damage(place, expected, first, "there are no such offsets"))
        expected = first + size
    return [record for run in runs for record in map(LogRecord, count(run.first), run.values)]


def _damage(place: Place, first: int, end: int, detail: str) -> Damage:
    return Damage(place.topic, place.partition, first, end, detail)
