"""The deciders of one process: one for each partition that it was given."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from streams.decider import Decider

HANDED_OVER_WITHIN = 2.0
"""Seconds in which a successor is awaited; afterwards a partition is let go of all the same."""

log_ = logging.getLogger(__name__)


class Deciders:
    """Runs a decider for each partition given, and hands over those that are given to others.

    A partition that is taken away goes on being decided here until its successor's fence: the
    log ends the old term and begins the new one in the same place, so nobody waits between them.
    """

    def __init__(self, make: Callable[[int], Decider]) -> None:
        """`make` gives the decider of a partition."""
        self._make = make
        self._deciders: dict[int, Decider] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._mine: frozenset[int] = frozenset()
        self._given = asyncio.Event()

    @property
    def mine(self) -> frozenset[int]:
        """The partitions that were given."""
        return self._mine

    @property
    def waiting(self) -> list[int]:
        """Partitions that were given and are not decided yet."""
        return sorted(n for n in self._mine if not self._ready(n))

    @property
    def busy(self) -> list[int]:
        """Partitions that are decided here, given or on their way to somebody else."""
        return sorted(number for number, task in self._running.items() if not task.done())

    def total(self, read: Callable[[Decider], int]) -> int:
        """The sum of a counter over all deciders there were."""
        return sum(map(read, self._deciders.values()))

    def progress(self) -> dict[int, int]:
        """Of each partition that was given: the offset of its next action to be decided."""
        return {n: self._decider(n).next_action for n in self._mine}

    def assign(self, partitions: Iterable[int]) -> None:
        """Decide these partitions, and no others. Call it while `run` runs, or before."""
        self._mine = frozenset(partitions)
        for number, decider in self._deciders.items():
            decider.retire(number not in self._mine)
        self._given.set()

    async def run(self) -> None:
        """Decide until cancelled. Raises what breaks a decider for good."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._given.clear()
                    for number in self._mine:
                        task = self._running.get(number)
                        if task is None or task.done():
                            self._running[number] = group.create_task(self._decide(number))
                    for number in set(self._running) - self._mine:
                        group.create_task(self._let_go(number))
                    await self._given.wait()
        finally:
            self._running.clear()

    async def ready(self) -> None:
        """Wait until each partition that was given is decided."""
        for number in self._mine:
            await self._decider(number).ready.wait()

    async def hand_over(self) -> None:
        """Wait until others have taken all partitions, or did not in HANDED_OVER_WITHIN."""
        self.assign(())
        if running := [self._running[number] for number in self.busy]:
            await asyncio.wait(running, timeout=HANDED_OVER_WITHIN)

    async def close(self) -> None:
        """Wait for snapshots that are being written."""
        for decider in self._deciders.values():
            await decider.close()

    def _ready(self, number: int) -> bool:
        return number in self._deciders and self._deciders[number].ready.is_set()

    def _decider(self, number: int) -> Decider:
        if number not in self._deciders:
            self._deciders[number] = self._make(number)
        return self._deciders[number]

    async def _decide(self, number: int) -> None:
        decider = self._decider(number)
        decider.retire(number not in self._mine)
        await decider.run()
        if number in self._mine:  # it was given back while the last term ended
            self._given.set()

    async def _let_go(self, number: int) -> None:
        task = self._running[number]
        await asyncio.wait([task], timeout=HANDED_OVER_WITHIN)
        if number not in self._mine and not task.done():
            log_.info("partition %d: nobody took over", number)
            task.cancel()
