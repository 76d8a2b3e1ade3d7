"""Projecting: this process keeps the rows up with the log."""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from api.roles.reading import lag_of, part_of
from api.services import Check, Measure, Part
from projections.projector import Projector
from projections.store import Projections
from streams.log.port import Log


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
            following = self.projector.ready.is_set()
            return await part_of(lag_of(self._log, self._rows), following=following)

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
