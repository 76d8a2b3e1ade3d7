"""Which generation is read: the current one, until a new one built beside it takes its place."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Connection, select

from projections.database import Moved, Place
from projections.errors import Damaged, NotReady
from projections.generation import Generation
from projections.schema import SCHEMA, metadata
from schemas import codec
from streams.log.errors import OffsetOutOfRange
from streams.log.port import Log

Result = TypeVar("Result")

log_ = logging.getLogger(__name__)


class Generations:
    """The current generation, what is wrong with it, and its successor."""

    def __init__(self, place: Place, on_moved: Callable[[Moved], None]) -> None:
        self.place = place
        self._on_moved = on_moved
        self._steady = asyncio.Event()
        self._steady.set()
        self._changing = asyncio.Lock()
        """Held by whoever closes or opens the current generation."""
        self._looks = 0
        self._opened = ""
        self._log: Log | None = None
        self.current: Generation | None = None
        self.fault: str | None = None
        """Why the rows have to be built anew; None while they are sound."""
        self.broken = asyncio.Event()
        """Set while there is a fault."""

    async def open(self) -> None:
        """Look at what is there; with rows that cannot be read, `fault` says why."""
        self._opened = await self.place.identity()
        fresh = await self.place.is_empty()
        if fresh and self.place.shared:  # others must not take empty rows for the truth
            self._report(f"{self.place.name} is not there")
            return
        generation = Generation(self.place.open(), self._on_moved)
        try:
            if fresh:
                await generation.create("")
            await generation.load()
        except Damaged as error:
            await generation.database.close()
            self._report(f"{self.place.name} is damaged ({error})")
            return
        except BaseException:
            await generation.database.close()
            raise
        self.current = generation
        schema = generation.meta.get("schema", "none")
        if schema != str(SCHEMA):
            self._report(f"{self.place.name} has schema {schema} where {SCHEMA} is needed")

    async def mended(self, log: Log) -> bool:
        """Whether another process has built the rows since they were opened; then they are open."""
        self._log = log
        async with self._changing:
            if await self.place.identity() != self._opened:
                await self.close()
                await self._reopen()
            return self.fault is None

    async def _open_again(self) -> None:
        """Open what another process may have built by now; one look answers all who wait for it."""
        looks = self._looks
        async with self._changing:
            if self.current is None and self._looks == looks:
                self._looks += 1
                if not await self.place.is_empty():
                    await self._reopen()

    async def _reopen(self) -> None:
        self.fault = None
        self.broken.clear()
        await self.open()
        if self._log is not None:
            await self.compare(self._log)

    async def compare(self, log: Log) -> None:
        """Find out whether the rows come from this log; if not, they are not read any more."""
        self._log = log
        if self.current is None or self.fault is not None:
            return
        reason = await self._difference(self.current, log)
        if reason is not None:
            different, self.current = self.current, None
            self._report(f"{self.place.name} {reason}")
            await different.database.close()

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` on the current rows. Raises NotReady or Damaged."""
        await self._steady.wait()
        if self.current is None and self.place.shared:
            await self._open_again()
        generation = self.current
        if generation is None:
            raise NotReady("The first build of the projections has not caught up yet.")
        try:
            try:
                return await generation.database.read(work)
            except Damaged:
                if not generation.database.shared:
                    raise
                return await generation.database.read(work)  # others were put in their place
        except Damaged as error:
            if self.fault is not None:  # they are old, and are being built anew already
                raise NotReady(str(error)) from error
            self.report(error)
            raise

    async def check(self) -> None:
        """Raise what is wrong with the rows: Damaged, NotReady or Unwritable."""
        await self.read(_look_at_tables)
        if self.fault is not None:
            raise Damaged(self.fault)

    def report(self, error: Damaged) -> None:
        """The current rows cannot be trusted."""
        if self.fault is None:
            self._report(f"{self.place.name} is damaged ({error})")

    async def prepare(self, log: Log) -> Generation:
        """An empty generation beside the current one."""
        generation = Generation(await self.place.open_beside(), lambda _: None)
        await generation.create(log.identity)
        return generation

    async def discard(self, generation: Generation) -> None:
        """Throw away a generation that `prepare` made."""
        await generation.database.close()
        await self.place.clear_beside()

    async def switch(self, fresh: Generation) -> None:
        """Read the new generation from now on; reads that come meanwhile wait."""
        await fresh.database.settle()
        self._steady.clear()
        try:
            async with self._changing:
                await self._replace()
        finally:
            self._steady.set()

    async def _replace(self) -> None:
        await self.close()
        try:
            await self.place.put_in_place()
            self._opened = await self.place.identity()
            self.current = Generation(self.place.open(), self._on_moved)
            await self.current.load()
        except BaseException:
            self._report(f"{self.place.name} could not be replaced")
            raise
        self.fault = None
        self.broken.clear()

    async def close(self) -> None:
        """Let go of the file."""
        if self.current is not None:
            await self.current.database.close()
            self.current = None

    def _report(self, fault: str) -> None:
        self.fault = fault
        self.broken.set()

    async def _difference(self, generation: Generation, log: Log) -> str | None:
        """What says that the rows come from another log, or from one that was longer."""
        if not generation.positions:
            ends = [await log.end("events", partition) for partition in range(log.partitions)]
            if any(ends):
                return "is new, and the log is not"
            await generation.create(log.identity)
            return None
        if generation.meta["log"] != log.identity:
            return "was made from another log"
        for partition, position in generation.positions.items():
            last = position.acceptance.offset - 1
            if last < 0:
                continue
            records = []
            with suppress(OffsetOutOfRange):
                records = await log.read("events", partition, last, 1)
            if not records:
                return f"was made from a longer log (partition {partition}, offset {last})"
            if codec.digest(records[0].value) != position.digest:
                return f"was made from another log (partition {partition}, offset {last})"
        return None


def _look_at_tables(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        connection.execute(select(table).limit(1))
