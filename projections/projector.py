"""The projector: keeps the rows up with the log, and builds them anew when they cannot be."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from projections.errors import Damaged, Hole, NotReady, Overtaken, Unwritable
from projections.generation import Generation
from projections.leading import lead
from projections.store import Projections
from streams.log.port import Log

BATCH = 500
"""Records taken up at once while following: a few milliseconds."""

REBUILD_BATCH = 2_000
"""Records taken up at once while building anew."""

LULL = 0.05
"""Seconds between batches while nobody waits for the rows: fewer, larger transactions."""

LOOK_EVERY = 1.0
"""Seconds between looks whether somebody has dropped or changed what is shared."""

SHARED_LULL = 0.005
"""The same where other processes read, and nobody here knows who waits."""

RETRY_AFTER = 0.5
"""Seconds after which a write that failed is tried again."""

Progress = Callable[[int, int], None]
"""Is told how many records are done, of how many."""

log_ = logging.getLogger(__name__)


async def rebuild(log: Log, projections: Projections, progress: Progress | None = None) -> None:
    """Build all rows anew from the log's first record, and read them once they have caught up.

    The rows that were there go on being read until then. Raises Hole or MalformedRecord if the
    log itself is broken, Damaged or Unwritable if the new rows cannot be written.
    """
    fresh = await _build(log, projections, progress)
    await _switch(log, projections, fresh, progress)


async def _build(log: Log, projections: Projections, progress: Progress | None) -> Generation:
    """New rows beside the ones there, up with the log as it was a moment ago."""
    generations = projections.generations
    fresh = await generations.prepare(log)
    try:
        while await _catch_up(log, fresh, progress):
            pass
    except BaseException:
        await generations.discard(fresh)
        raise
    return fresh


async def _switch(
    log: Log, projections: Projections, fresh: Generation, progress: Progress | None
) -> None:
    """Read the new rows from now on, up with the log as it is."""
    try:
        await _catch_up(log, fresh, progress)
    except BaseException:
        await projections.generations.discard(fresh)
        raise
    await projections.generations.switch(fresh)
    await projections.changed()


async def _catch_up(log: Log, fresh: Generation, progress: Progress | None) -> bool:
    """Go once through all partitions; False if there was nothing new in any."""
    partitions = range(log.partitions)
    total = sum([await log.end("events", partition) for partition in partitions])
    moved = False
    for partition in partitions:
        while await _advance(log, fresh, partition, REBUILD_BATCH):
            moved = True
            if progress is not None:
                done = sum(position.acceptance.offset for position in fresh.positions.values())
                progress(done, max(done, total))
    return moved


async def _advance(log: Log, generation: Generation, partition: int, limit: int) -> bool:
    """Take up one batch; False if the log has nothing more."""
    start = generation.position(partition).acceptance.offset
    records = await log.read("events", partition, start, limit)
    if records:
        await generation.take(partition, records)
    return bool(records)


class Projector:
    """Follows every partition of a log, for as long as `run` runs."""

    def __init__(
        self,
        log: Log,
        projections: Projections,
        *,
        lull: float | None = None,
        retry_after: float = RETRY_AFTER,
        progress: Progress | None = None,
    ) -> None:
        self._log = log
        self._projections = projections
        if lull is None:
            lull = SHARED_LULL if projections.generations.place.shared else LULL
        self._lull = lull
        self._retry_after = retry_after
        self._listener = progress
        self.done = 0
        self.total = 0
        """Records that the newest build has taken up, of how many."""
        self._behind = set(range(log.partitions))
        self.ready = asyncio.Event()
        """Set while the rows follow the log, having caught up with it once."""
        self.verified = asyncio.Event()
        """Set once the whole file was read and found sound, which goes on beside the following."""
        self._asked = asyncio.Event()
        self._fresh: Generation | None = None

    @property
    def ignored(self) -> int:
        """Decisions that the fence rule kept out."""
        current = self._projections.generations.current
        positions = current.positions.values() if current is not None else ()
        return sum(position.acceptance.ignored for position in positions)

    def renew(self) -> None:
        """Build the rows anew while those that are there are followed and read."""
        self._asked.set()

    @property
    def renewing(self) -> bool:
        """Whether rows are being built anew because that was asked for."""
        return self._asked.is_set()

    async def run(self) -> None:
        """Follow until cancelled. Raises what rows built anew would not mend: a broken log."""
        generations = self._projections.generations
        await generations.compare(self._log)
        while True:
            if self._fresh is None and generations.fault is not None:
                await self._rebuild(generations.fault)
                continue
            try:
                if self._fresh is not None:
                    await _switch(self._log, self._projections, self._fresh, self._tell)
                    self._built()
                    await generations.place.release()
                await self._follow_all()
            except Damaged as error:
                generations.report(error)
            except Unwritable as error:  # of new rows: those that are there are still followed
                log_.error("projections: cannot be built anew now: %s", error)
                self._fresh = None
                self._asked.clear()
                await generations.place.release()
            finally:
                self.ready.clear()
                self._behind = set(range(self._log.partitions))

    async def _rebuild(self, fault: str) -> None:
        generations = self._projections.generations
        try:
            await generations.place.claim()
            if await generations.mended(self._log):
                return  # another process has built them
            log_.warning("projections: %s: building them anew from the log", fault)
            await rebuild(self._log, self._projections, self._tell)
        except Unwritable as error:
            log_.error("projections: cannot be built anew now: %s", error)
            await asyncio.sleep(self._retry_after)
        else:
            self._built()
        finally:
            await generations.place.release()

    def _tell(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self._listener is not None:
            self._listener(done, total)

    def _built(self) -> None:
        self._fresh = None
        self._asked.clear()
        self.verified.set()
        log_.warning("projections: built anew")

    async def _build_beside(self) -> None:
        """Build new rows when that is asked for; then the following ends, for the switch."""
        await self._asked.wait()
        log_.warning("projections: building them anew, as asked")
        await self._projections.generations.place.claim()
        self._fresh = await _build(self._log, self._projections, self._tell)

    async def _follow_all(self) -> None:
        """Follow until something is wrong, which is raised."""
        work = [self._follow(partition) for partition in range(self._log.partitions)]
        tasks = [asyncio.create_task(one) for one in (*work, self._watch(), self._build_beside())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _watch(self) -> None:
        """Raise what reading the whole file, or any read, has found wrong with the rows."""
        generations = self._projections.generations
        if not self.verified.is_set() and generations.current is not None:
            await generations.current.database.verify()
            self.verified.set()
        if generations.place.shared:
            await self._look_for_damage()
        await generations.broken.wait()
        raise Damaged(generations.fault or "")

    async def _look_for_damage(self) -> None:
        """Ask again and again, because somebody else may drop or change what is shared."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            with suppress(Unwritable, NotReady):
                await self._projections.generations.check()

    async def _follow(self, partition: int) -> None:
        generation = self._projections.generations.current
        assert generation is not None
        healing: Hole | None = None
        await self._lead(generation, partition)
        while True:
            try:
                moved = await _advance(self._log, generation, partition, BATCH)
            except Unwritable as error:
                log_.error("projections: partition %d waits: %s", partition, error)
                await asyncio.sleep(self._retry_after)
            except Overtaken as error:
                log_.info("projections: %s", error)
                await self._lead(generation, partition)
            except Hole as hole:
                if healing is not None and str(healing) == str(hole):
                    raise  # the log has it too
                log_.warning("projections: %s: reading partition %d again", hole, partition)
                healing = hole
                await generation.rewind(partition)
            else:
                await (self._projections.lull(self._lull) if moved else self._wait(partition))

    async def _lead(self, generation: Generation, partition: int) -> None:
        """Wait until this process is to write the partition; until then another does."""
        await lead(self._log, generation, partition, lambda: self._caught_up(partition))
        while generation.database.shared:
            try:
                return await generation.take_over(partition)
            except Unwritable as error:
                log_.error("projections: partition %d waits: %s", partition, error)
                await asyncio.sleep(self._retry_after)

    def _caught_up(self, partition: int) -> None:
        self._behind.discard(partition)
        if not self._behind:
            self.ready.set()

    async def _wait(self, partition: int) -> None:
        """Wait for news, having caught up."""
        self._caught_up(partition)
        generation = self._projections.generations.current
        assert generation is not None
        offset = generation.position(partition).acceptance.offset
        await self._log.wait("events", partition, offset)
