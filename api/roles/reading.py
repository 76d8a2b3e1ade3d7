"""Reading: answers come from rows that other processes write."""

import logging
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from typing import Any, Final

from api.services import Check, Measure, Part
from projections.errors import Damaged, NotReady, Unwritable
from projections.store import Projections
from streams.log.port import Log

MAX_LAG: Final = 10_000
"""Records that the rows may be behind before the service counts as not ready."""

AWAY: Final = "the database does not answer"
NOT_BUILT: Final = "the rows are not built yet"
DAMAGED: Final = "the rows are damaged and have to be built anew"

log_ = logging.getLogger(__name__)


class Reading:
    """Looks whether the rows are there and up with the log."""

    def __init__(self, log: Log, rows: Projections) -> None:
        self._log = log
        self._rows = rows

    @property
    def checks(self) -> Mapping[str, Check]:
        """See Role.checks."""

        async def lag() -> int:
            await self._rows.look()  # another process may have built them by now
            return await lag_of(self._log, self._rows)

        async def projections() -> Part:
            return await part_of(lag())

        return {"projections": projections}

    @property
    def measures(self) -> Sequence[Measure]:
        """See Role.measures."""
        return []

    async def works(self) -> list[Coroutine[Any, Any, None]]:
        """See Role.works."""
        return []

    async def ready(self) -> None:
        """See Role.ready. The rows may not be built yet."""

    async def leave(self) -> None:
        """See Role.leave."""

    async def close(self) -> None:
        """See Role.close."""


async def part_of(lag: Awaitable[int], *, following: bool = True) -> Part:
    """How rows are that are so far behind; `following`: they have been up with the log before.

    What the database itself says of it is for our own log: anybody may ask for the part.
    """
    try:
        behind = await lag
    except NotReady:
        return Part(False, NOT_BUILT)
    except Damaged:
        return Part(False, DAMAGED)
    except Unwritable as error:
        log_.warning("%s: %s", AWAY, error)
        return Part(False, AWAY)
    if not following:
        return Part(False, f"catching up, {behind} records behind")
    return Part(behind <= MAX_LAG, f"{behind} records behind" if behind else "")


async def lag_of(log: Log, rows: Projections) -> int:
    """Records of `events` that the rows have not taken up. Raises as reads do."""
    positions = await rows.positions()
    lag = 0
    for partition in range(log.partitions):
        position = positions.get(partition)
        lag += await log.end("events", partition) - (position.offset if position else 0)
    return lag
