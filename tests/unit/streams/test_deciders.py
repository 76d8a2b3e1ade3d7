"""The deciders of several processes: who decides what, and how it is handed over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from schemas import actions as a
from schemas import codec
from schemas.actions import Action
from schemas.values import SYSTEM
from streams.acceptance import Acceptance
from streams.clock import SteadyClock
from streams.decider import Decider
from streams.deciders import Deciders
from streams.log.memory import MemoryLog
from streams.log.snapshots import MemorySnapshots
from streams.snapshotting import Snapshotting
from tests.support.eventually import eventually

PARTITIONS = 3


@asynccontextmanager
async def process(log: MemoryLog, name: str) -> AsyncIterator[Deciders]:
    """A process that decides what it is given."""
    snapshots = MemorySnapshots()

    def make(partition: int) -> Decider:
        snapshotting = Snapshotting(snapshots, partition, every=10)
        return Decider(log, partition, snapshotting, SteadyClock(), name=name)

    deciders = Deciders(make)
    running = asyncio.create_task(deciders.run())
    try:
        yield deciders
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await deciders.close()


async def ask(log: MemoryLog, partition: int, number: int) -> None:
    """An action, which makes an account."""
    data = a.CreateAccount(name="Acme")
    action = Action(id=f"a{number}", account=f"acme{number}", actor=SYSTEM, at=1, data=data)
    await log.append("actions", partition, [codec.encode(action)])


async def decided(log: MemoryLog, partition: int) -> list[int]:
    """The sources of the decisions that readers accept."""
    position, sources = Acceptance(), []
    for record in await log.read("events", partition, 0):
        if (decision := position.read(record.offset, record.value)) is not None:
            sources.append(decision.source)
    return sources


async def until_decided(log: MemoryLog, partition: int, count: int) -> None:
    async with asyncio.timeout(5):
        while len(await decided(log, partition)) < count:
            await log.wait("events", partition, await log.end("events", partition))


async def test_partitions_are_divided_as_they_are_given() -> None:
    log = MemoryLog(partitions=PARTITIONS)
    async with process(log, "one") as one, process(log, "two") as two:
        one.assign([0, 1])
        two.assign([2])
        await eventually(lambda: not one.waiting and not two.waiting, 5)
        for partition in range(PARTITIONS):
            await ask(log, partition, partition)
            await until_decided(log, partition, 1)
        assert (one.total(lambda d: d.decided), two.total(lambda d: d.decided)) == (2, 1)


async def test_a_partition_that_moves_is_decided_all_along() -> None:
    log = MemoryLog(partitions=1)
    actions = 200
    async with process(log, "one") as one, process(log, "two") as two:
        giving, taking = two, one
        taking.assign([0])
        for number in range(actions):
            if number % 50 == 25:
                await eventually(lambda: not one.waiting and not two.waiting, 5)
                giving, taking = taking, giving
                giving.assign([])
                taking.assign([0])
            await ask(log, 0, number)
            await until_decided(log, 0, number + 1)
        assert await decided(log, 0) == list(range(actions))
        await eventually(lambda: not one.waiting and not two.waiting, 5)
        assert one.total(lambda d: d.terms) + two.total(lambda d: d.terms) == 1 + actions // 50


async def test_one_that_stops_waits_for_its_successor_and_no_longer() -> None:
    log = MemoryLog(partitions=1)
    async with process(log, "one") as one, process(log, "two") as two:
        one.assign([0])
        await eventually(lambda: not one.waiting, 5)
        leaving = asyncio.create_task(one.hand_over())
        await ask(log, 0, 1)  # nobody else decides it yet
        await until_decided(log, 0, 1)
        assert one.total(lambda d: d.decided) == 1
        two.assign([0])
        await eventually(lambda: not two.waiting, 5)
        async with asyncio.timeout(1):
            await leaving


async def test_a_partition_that_nobody_takes_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.deciders.HANDED_OVER_WITHIN", 0.01)
    log = MemoryLog(partitions=1)
    async with process(log, "one") as one:
        one.assign([0])
        await eventually(lambda: not one.waiting, 5)
        one.assign([])
        await eventually(lambda: not one.busy, 5)
        one.assign([0])  # and taken up again
        await eventually(lambda: not one.waiting, 5)
