"""Deciders that are killed, stopped, frozen and set against each other lose and double nothing."""

import asyncio
import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cluster.kafka import Broker
from streams.clock import SteadyClock
from streams.decider import Decider
from streams.deciders import Deciders
from streams.log.kafka import KafkaLog
from streams.log.snapshots import MemorySnapshots
from streams.snapshotting import Snapshotting
from tests.support.members import SEED, SESSION, broker_of_its_own, members_on, rushed
from tests.support.process import make_account

pytestmark = pytest.mark.slow

KILLS = 20
PAUSE = 1.0
TAKE_OVER_WITHIN = SESSION + 2.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker_of_its_own(tmp_path_factory.mktemp("kafka")) as running:
        yield running


async def test_deciders_killed_twenty_times_mid_batch(broker: Broker, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    async with members_on(broker, tmp_path) as members:
        await members.add("serve")
        deciders = [await members.add("decider") for _ in range(2)]
        async with rushed(members, await members.account_of(deciders[0]), least=KILLS * 10) as rush:
            for kill in range(KILLS):
                await rush.more(chance.randint(1, 25), within=60)
                await asyncio.sleep(chance.random() * 0.03)
                decider = deciders[kill % 2]
                await decider.kill()
                await decider.start()


async def test_a_killed_decider_is_replaced_within_the_session(
    broker: Broker, tmp_path: Path
) -> None:
    async with members_on(broker, tmp_path) as members:
        await members.add("serve")
        decider = await members.add("decider")
        async with rushed(members, await members.account_of(decider), least=50) as rush:
            await rush.more(20)
            await decider.kill()
            killed = time.monotonic()
            await rush.more(3)  # of these, two may have been decided before
            assert time.monotonic() - killed < TAKE_OVER_WITHIN


async def test_a_planned_restart_is_hardly_noticed(broker: Broker, tmp_path: Path) -> None:
    async with members_on(broker, tmp_path) as members:
        await members.add("serve")
        decider = await members.add("decider")
        async with rushed(members, await members.account_of(decider), least=100) as rush:
            await rush.more(20)
            for _ in range(3):
                await decider.stop()
                await rush.more(10)
                await decider.start()
                await rush.more(10)
            assert rush.world.measures.acknowledged.longest < PAUSE


async def test_a_frozen_decider_s_late_writes_count_for_nothing(
    broker: Broker, tmp_path: Path
) -> None:
    async with members_on(broker, tmp_path) as members:
        await members.add("serve")
        decider = await members.add("decider")
        async with rushed(members, await members.account_of(decider), least=50) as rush:
            for _ in range(3):
                await rush.more(10, within=60)
                decider.freeze()
                await rush.more(20, within=60)  # somebody else decides
                decider.thaw()


async def test_two_deciders_that_fence_each_other_off_all_the_time(
    broker: Broker, tmp_path: Path
) -> None:
    """Each is told every two seconds that all partitions are its own, whatever the group says."""
    log = None
    async with members_on(broker, tmp_path) as members:
        await members.add("serve")
        who = await make_account(members.all[0].url)
        async with rushed(members, who, least=50) as rush:
            log = await KafkaLog.open(members.connection)
            rivals = [Deciders(partial(_decider, log, f"rival{n}")) for n in range(2)]
            running = [asyncio.create_task(rival.run()) for rival in rivals]
            try:
                for turn in range(6):
                    rivals[turn % 2].assign(range(log.partitions))
                    rivals[1 - turn % 2].assign(())
                    await rush.more(20, within=60)
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                await log.close()


def _decider(log: KafkaLog, name: str, partition: int) -> Decider:
    snapshotting = Snapshotting(MemorySnapshots(), partition, every=10_000)
    return Decider(log, partition, snapshotting, SteadyClock(), name=name)
