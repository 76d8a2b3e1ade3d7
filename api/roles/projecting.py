"""Projecting: this process keeps the rows up with the log."""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from api.services import Check, Measure, Part
from projections.projector import Projector
from projections.store import Projections
from streams.log.port import Log

MAX_LAG = 10_000
"""Records that the rows may be behind before the service counts as not ready."""


class Projecting:
    """The projector and how it is."""

    def __init__(self, log: Log, rows: Projections) -> None:
        self._log = log
        self._rows = rows
        self.projector = Projector(log, rows)

    @property
    def checks(self) -> Mapping[str, Check]:
        """See Role.checks."""

        async def projections() -> Part:
            lag = await lag_of(self._log, self._rows)
            if not self.projector.ready.is_set():
                return Part(False, f"catching up, {lag} records behind")
            return Part(lag <= MAX_LAG, f"{lag} records behind" if lag else "")

        return {"projections": projections}

    @property
    def measures(self) -> Sequence[Measure]:
        """See Role.measures."""
        return [
            Measure(
                "deskstream_projector_records_ignored_total",
                "counter",
                "Records of events that the fence rule kept out of the rows.",
                lambda: self.projector.ignored,
            )
        ]

    async def works(self) -> list[Coroutine[Any, Any, None]]:
        """See Role.works."""
        return [self.projector.run()]

    async def ready(self) -> None:
        """See Role.ready. The rows may still be catching up, or being built."""

    async def leave(self) -> None:
        """See Role.leave."""

    async def close(self) -> None:
        """See Role.close."""


async def lag_of(log: Log, rows: Projections) -> int:
    """Records of `events` that the rows have not taken up."""
    positions = await rows.positions()
    lag = 0
    for partition in range(log.partitions):
        position = positions.get(partition)
        lag += await log.end("events", partition) - (position.offset if position else 0)
    return lag
