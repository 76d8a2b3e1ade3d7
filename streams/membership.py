"""Membership: which partitions this process decides, as Kafka's consumer group divides them.

The group only suggests. Who decides is settled by the fences on the log, so nothing is lost or
doubled while two processes both believe that a partition is theirs. The group's offsets tell
other tools how far the deciders are; nobody reads them to go on from there.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError

from streams.deciders import Deciders

HEARTBEAT = 0.5
"""Seconds between heartbeats: so soon does a member hear that partitions are divided anew."""

POLL = 0.1
"""Seconds between looks at the group."""

TELL_EVERY = 5.0
"""Seconds between two reports of the deciders' offsets to the group."""

TELL_WITHIN = 2.0
"""Seconds for such a report; aiokafka would try for as long as no broker answers."""

RETRY_AFTER = 1.0
"""Seconds after which a connection that failed is tried again."""

LEAVE_WITHIN = 2.0
"""Seconds in which the group is told that this process leaves."""

log_ = logging.getLogger(__name__)


class Membership:
    """Keeps this process in the group and gives its deciders what the group gave."""

    def __init__(
        self, options: Mapping[str, Any], topic: str, deciders: Deciders, session: float
    ) -> None:
        """`options`: how any client reaches the brokers; the group has the topic's name.

        `session`: seconds without a heartbeat after which the group gives partitions to others.
        """
        self._options = options
        self._session = session
        self._topic = topic
        self._deciders = deciders
        self._leaving = asyncio.Event()
        self._left = asyncio.Event()
        self.joined = asyncio.Event()
        """Set once the group has given partitions, or none."""

    async def run(self) -> None:
        """Take part until asked to `leave`. While no broker answers, all stays as it is."""
        while not self._leaving.is_set():
            try:
                await self._take_part()
            except (KafkaError, OSError) as error:
                log_.warning("the group of deciders: %s", error)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_AFTER):
                        await self._leaving.wait()
        self._left.set()

    async def leave(self) -> None:
        """Leave the group, which gives the partitions to others. Call it while `run` runs.

        When no broker answers, the group finds out by itself that this process is gone.
        """
        self._leaving.set()
        try:
            async with asyncio.timeout(TELL_WITHIN + LEAVE_WITHIN):
                await self._left.wait()
        except TimeoutError:
            log_.warning("the group was not told that this process leaves: no broker answers")

    async def _take_part(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._options,
            group_id=f"{self._topic}-deciders",
            enable_auto_commit=False,
            auto_offset_reset="latest",
            partition_assignment_strategy=(StickyPartitionAssignor,),
            session_timeout_ms=int(self._session * 1000),
            heartbeat_interval_ms=int(min(HEARTBEAT, self._session / 3) * 1000),
        )
        consumer.subscribe([self._topic], listener=_Division(consumer, self))
        told = asyncio.get_running_loop().time()
        try:
            await consumer.start()
            while not self._leaving.is_set():
                await consumer.getmany(timeout_ms=int(POLL * 1000))
                now = asyncio.get_running_loop().time()
                if now - told >= TELL_EVERY:
                    told = now
                    await self._tell(consumer)
        finally:
            await _stop(consumer)

    async def _tell(self, consumer: AIOKafkaConsumer) -> None:
        offsets = {
            TopicPartition(self._topic, number): decided
            for number, decided in self._deciders.progress().items()
        }
        offsets = {place: decided for place, decided in offsets.items() if decided}
        if offsets:
            try:
                async with asyncio.timeout(TELL_WITHIN):
                    await consumer.commit(offsets)
            except (KafkaError, TimeoutError) as error:  # mostly they are being divided anew
                log_.debug("the group was not told how far the deciders are: %r", error)

    def given(self, partitions: Iterable[int]) -> None:
        """Take what the group gives."""
        numbers = sorted(partitions)
        log_.info("partitions to decide: %s", numbers)
        self._deciders.assign(numbers)
        self.joined.set()


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Leave the group, and end the consumer in any case."""
    try:
        async with asyncio.timeout(LEAVE_WITHIN):
            await consumer.stop()
    except (KafkaError, TimeoutError) as error:
        log_.warning("the group was not told that this process leaves: %r", error)
    finally:
        await consumer._client.close()


class _Division(ConsumerRebalanceListener):
    """Is called by the consumer when partitions are divided anew."""

    def __init__(self, consumer: AIOKafkaConsumer, membership: Membership) -> None:
        self._consumer = consumer
        self._membership = membership

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing: what was ours goes on being ours until it is somebody else's."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take them; no record is read through the group."""
        places = list(assigned)
        self._consumer.pause(*places)
        self._membership.given(place.partition for place in places)
