"""A decider that goes on writing when its term is over."""

import asyncio

from msgspec.structs import replace

from schemas import codec
from schemas.actions import Action
from schemas.decisions import Decision, Fence
from schemas.events import Event, MessagePosted
from schemas.refusals import Refusal
from schemas.values import TextContent
from streams.acceptance import Acceptance
from streams.clock import SteadyClock
from streams.decider import Decider
from streams.domain.partition import Partition, fold, judge
from streams.log.port import Log
from streams.log.snapshots import MemorySnapshots
from streams.snapshotting import Snapshotting

NAME = "zombie"
LIE = "offer_over"
"""A refusal that the API never gives by itself."""


def decider_of(log: Log, partition: int, *, name: str = NAME) -> Decider:
    """A decider that belongs to no process."""
    snapshotting = Snapshotting(MemorySnapshots(), partition, every=1_000_000)
    return Decider(log, partition, snapshotting, SteadyClock(), name=name)


class Zombie:
    """Decides one partition for a term, and afterwards by the fence of that term."""

    def __init__(self, log: Log, partition: int) -> None:
        self.decided = 0
        self.lies = 0
        """Decisions that it has on the log, of those after its successor's fence."""
        self.first = 0
        """Of those, the ones that only their fence keeps from being accepted."""
        self._log = log
        self._number = partition
        self._fence = -1
        self._partition = Partition()
        self._acceptance = Acceptance()

    async def live(self, *, decisions: int) -> None:
        """One term with so many decisions, from its fence up to its successor's."""
        decider = decider_of(self._log, self._number)
        running = asyncio.create_task(decider.run())
        while decider.decided < decisions and not running.done():
            await asyncio.sleep(0.001)
        decider.retire()
        await running
        await decider.close()
        self.decided = decider.decided
        await self._catch_up()
        assert self._fence < self._acceptance.fence

    async def haunt(self) -> None:
        """Decide the next action each time, before or after who is to, until cancelled.

        All is as it has to be, but for the fence, and that it is not true.
        """
        source = -1
        while True:
            await self._catch_up()
            if self._acceptance.source + 1 == source:  # this lie was told
                await self._log.wait("events", self._number, self._acceptance.offset)
                continue
            source = self._acceptance.source + 1
            await self._log.wait("actions", self._number, source)
            (record, *_) = await self._log.read("actions", self._number, source, 1)
            lie = self._lie(codec.decode_action(record.value), source)
            await self._log.append("events", self._number, [codec.encode(lie)])
            self.lies += 1

    def _lie(self, action: Action, source: int) -> Decision:
        """Messages get another text, and everything else is refused."""
        decision = judge(self._partition, action, source=source, fence=self._fence)
        if decision.events and isinstance(decision.events[0].data, MessagePosted):
            return replace(decision, events=tuple(map(_falsified, decision.events)))
        version = decision.version - len(decision.events)
        refused = Refusal(code=LIE, detail="A zombie's word.")
        return replace(decision, version=version, events=(), repeats=None, refused=refused)

    async def _catch_up(self) -> None:
        """Know what every reader knows."""
        place = self._acceptance
        while records := await self._log.read("events", self._number, place.offset):
            for record in records:
                if codec.is_fence(record.value):
                    fence = codec.decode_event_record(record.value)
                    assert isinstance(fence, Fence)
                    if fence.decider == NAME:
                        self._fence = record.offset
                follows = place.source + 1
                decision = place.read(*record)
                if decision is None:
                    self.first += self._is_first_lie(record.value, follows)
                else:
                    fold(self._partition, decision, record.value)

    def _is_first_lie(self, value: bytes, follows: int) -> bool:
        record = codec.decode_event_record(value)
        if not isinstance(record, Decision):
            return False
        return record.fence == self._fence < self._acceptance.fence and record.source == follows


def _falsified(event: Event) -> Event:
    if not isinstance(event.data, MessagePosted):
        return event
    return replace(event, data=replace(event.data, content=TextContent(text="A zombie's word.")))
