"""Deciding: the deciders of this process, and which partitions they are given."""

import os
import socket
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from api.services import Check, Measure, Part
from streams.clock import Clock
from streams.decider import Decider
from streams.deciders import Deciders
from streams.log.port import Log
from streams.log.snapshots import SnapshotStore
from streams.settings import Settings
from streams.snapshotting import Snapshotting

if TYPE_CHECKING:
    from streams.membership import Membership

MAX_NAME = 64
"""Characters of the name that a decider's fences carry."""


class Deciding:
    """Decides all partitions of an embedded log, or those that the group of deciders gives."""

    def __init__(
        self, settings: Settings, clock: Clock, log: Log, snapshots: SnapshotStore
    ) -> None:
        self._every = settings.snapshot_every
        self._name = f"{socket.gethostname()}-{os.getpid()}"[:MAX_NAME]
        self._clock = clock
        self._log = log
        self._snapshots = snapshots
        self.deciders = Deciders(self._make)
        self._membership = _membership(settings, self.deciders) if settings.kafka else None

    def _make(self, partition: int) -> Decider:
        snapshotting = Snapshotting(self._snapshots, partition, every=self._every)
        return Decider(self._log, partition, snapshotting, self._clock, name=self._name)

    @property
    def checks(self) -> Mapping[str, Check]:
        """See Role.checks."""

        async def deciders() -> Part:
            if self._membership is not None and not self._membership.joined.is_set():
                return Part(False, "not in the group of deciders yet")
            waiting = self.deciders.waiting
            return Part(not waiting, f"partitions without a decider: {waiting}" if waiting else "")

        return {"deciders": deciders}

    @property
    def measures(self) -> Sequence[Measure]:
        """See Role.measures."""
        total = self.deciders.total
        return [
            Measure(
                "deskstream_decider_terms_total",
                "counter",
                "Terms that deciders began.",
                lambda: total(lambda d: d.terms),
            ),
            Measure(
                "deskstream_decisions_total",
                "counter",
                "Actions decided.",
                lambda: total(lambda d: d.decided),
            ),
            Measure(
                "deskstream_refusals_total",
                "counter",
                "Actions decided against.",
                lambda: total(lambda d: d.refused),
            ),
            Measure(
                "deskstream_decider_records_ignored_total",
                "counter",
                "Records of events that the fence rule kept from the deciders.",
                lambda: total(lambda d: d.ignored),
            ),
            Measure(
                "deskstream_decider_lag_records",
                "gauge",
                "Actions on the log that are not decided yet.",
                lambda: total(lambda d: d.lag),
            ),
            Measure(
                "deskstream_decider_partitions",
                "gauge",
                "Partitions that this process is to decide.",
                lambda: len(self.deciders.mine),
            ),
        ]

    async def works(self) -> list[Coroutine[Any, Any, None]]:
        """See Role.works."""
        if self._membership is None:
            self.deciders.assign(range(self._log.partitions))
            return [self.deciders.run()]
        return [self.deciders.run(), self._membership.run()]

    async def ready(self) -> None:
        """See Role.ready."""
        if self._membership is not None:
            await self._membership.joined.wait()
        await self.deciders.ready()

    async def leave(self) -> None:
        """See Role.leave."""
        if self._membership is not None:
            await self._membership.leave()
            await self.deciders.hand_over()

    async def close(self) -> None:
        """See Role.close."""
        await self.deciders.close()


def _membership(settings: Settings, deciders: Deciders) -> "Membership":
    from streams.kafka_connection import KafkaConnection
    from streams.membership import Membership

    connection = KafkaConnection.of(settings)
    return Membership(
        connection.options(), connection.topic("actions"), deciders, settings.kafka_session
    )
