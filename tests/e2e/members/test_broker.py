"""A broker that is killed, frozen or poisoned: clients are told, and nothing is lost or doubled."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.kafka import Broker
from streams.log.kafka import KafkaLog
from tests.support.members import PARTITIONS, Members, broker_of_its_own, members_on, rushed
from tests.support.process import make_account

pytestmark = pytest.mark.slow

POISON = [b"", b"\xff", b"no record", b"[]", b'{"type":"new"}', b"[" * 10_000]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker_of_its_own(tmp_path_factory.mktemp("kafka")) as running:
        yield running


async def two(members: Members) -> None:
    """A process that answers and decides, and one that decides."""
    await members.add("serve", answer_timeout="5")
    await members.add("decider")


async def test_a_broker_that_is_killed_and_comes_back(broker: Broker, tmp_path: Path) -> None:
    async with members_on(broker, tmp_path) as members:
        await two(members)
        async with rushed(members, await make_account(members.all[0].url), least=50) as rush:
            for _ in range(2):
                await rush.more(20, within=60)
                await asyncio.to_thread(broker.restart)
                await rush.more(20, within=60)


@pytest.mark.parametrize("seconds", [8, 30])
async def test_a_broker_that_stands_still(broker: Broker, tmp_path: Path, seconds: int) -> None:
    async with members_on(broker, tmp_path) as members:
        await two(members)
        async with rushed(members, await make_account(members.all[0].url), least=50) as rush:
            await rush.more(20, within=60)
            broker.stop()
            await asyncio.sleep(seconds)  # what is tested is that so much time goes by
            broker.cont()
            await rush.more(20, within=60)


async def test_poison_in_both_topics(broker: Broker, tmp_path: Path) -> None:
    async with members_on(broker, tmp_path) as members:
        await two(members)
        async with rushed(members, await make_account(members.all[0].url), least=50) as rush:
            log = await KafkaLog.open(members.connection)
            try:
                for value in POISON:
                    await rush.more(3, within=60)
                    for partition in range(PARTITIONS):
                        await log.append("actions", partition, [value])
                        await log.append("events", partition, [value])
            finally:
                await log.close()
