"""Which process writes a partition, where several could.

Only a hint: that two do it at once is kept out by the positions, which each write compares.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from projections import positions
from projections.errors import Unwritable
from projections.generation import Generation
from streams.log.port import Log

LOOK_EVERY = 0.5
"""Seconds between looks whether another process still writes a partition."""

PATIENCE = 5.0
"""Seconds that whoever writes a partition may stand still before another process goes on."""

log_ = logging.getLogger(__name__)


async def lead(
    log: Log, generation: Generation, partition: int, stand_by: Callable[[], None]
) -> None:
    """Wait until this process is to write the partition; `stand_by` is told while it is not.

    Raises Damaged.
    """
    reached, since = -1, time.monotonic()
    while not await generation.database.try_to_lead(partition):
        stand_by()
        await asyncio.sleep(LOOK_EVERY)
        before, reached = reached, await _reached(generation, partition)
        if reached != before or reached >= await log.end("events", partition):
            since = time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            log_.warning("projections: who writes partition %d stands still", partition)
            return


async def _reached(generation: Generation, partition: int) -> int:
    """The offset that whoever writes the partition has come to."""
    with suppress(Unwritable):
        position = (await generation.database.read(positions.read)).get(partition)
        return position.acceptance.offset if position is not None else 0
    return -1
