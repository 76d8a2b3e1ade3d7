"""Members whom the group has given up, and who go on deciding: nothing of it counts."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from cluster.kafka import Broker
from streams.deciders import Deciders
from streams.log.kafka import KafkaLog
from streams.log.partitioner import partition_of
from streams.membership import Membership
from tests.support.eventually import eventually
from tests.support.members import (
    DIVIDED,
    PARTITIONS,
    SEED,
    SESSION,
    Members,
    broker_with_proxy,
    members_on,
    rushed,
)
from tests.support.process import ServerProcess, make_account
from tests.support.proxy import GROUP, Ports, Proxy, free_ports, proxying
from tests.support.zombies import Zombie, decider_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ports() -> Ports:
    return free_ports()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, ports: Ports) -> Iterator[Broker]:
    with broker_with_proxy(tmp_path_factory.mktemp("kafka"), ports) as running:
        yield running


@pytest.fixture
async def proxy(broker: Broker, ports: Ports) -> AsyncIterator[Proxy]:
    async with proxying(ports.behind, ports.proxy, random.Random(SEED)) as running:
        yield running


@asynccontextmanager
async def log_of(members: Members) -> AsyncIterator[KafkaLog]:
    log = await KafkaLog.open(members.connection)
    try:
        yield log
    finally:
        await log.close()


async def counted(member: ServerProcess, name: str) -> int:
    """What a process has counted."""
    async with httpx.AsyncClient(base_url=member.url) as http:
        text = (await http.get("/metrics")).raise_for_status().text
    return int(float(text.partition(f"\n{name} ")[2].partition("\n")[0]))


async def count_at_least(member: ServerProcess, name: str, least: int) -> None:
    async with asyncio.timeout(20):
        while await counted(member, name) < least:
            await asyncio.sleep(0.05)


def has_all(member: ServerProcess) -> bool:
    """Whether the group gave all partitions to this process."""
    given: str = DIVIDED.findall(member.said)[-1]
    return given == ", ".join(map(str, range(PARTITIONS)))


async def test_a_decider_that_writes_on_by_its_old_fence(broker: Broker, tmp_path: Path) -> None:
    async with members_on(broker, tmp_path) as members:
        serve = await members.add("serve")
        decider = await members.add("decider")
        who = await members.account_of(decider)
        async with log_of(members) as log, rushed(members, who, least=100) as rush:
            zombie = Zombie(log, partition_of(who.account, PARTITIONS))
            await rush.more(20)
            async with asyncio.timeout(20):
                await zombie.live(decisions=5)
            haunting = asyncio.create_task(zombie.haunt())
            await rush.more(50, within=60)
            await eventually(lambda: zombie.first > 20 or haunting.done(), within=20)
            haunting.cancel()
            await asyncio.wait([haunting])
            assert haunting.cancelled()
            await rush.more(5)
            for member, reader in ((serve, ""), (serve, "projector_"), (decider, "decider_")):
                name = f"deskstream_{reader}records_ignored_total"
                await count_at_least(member, name, zombie.lies)


async def test_a_member_whose_heartbeats_get_lost_while_it_decides_on(
    broker: Broker, proxy: Proxy, ports: Ports, tmp_path: Path
) -> None:
    """The group gives its partitions to the other, and it does not hear of that."""
    async with members_on(broker, tmp_path) as members:
        serve = await members.add("serve")
        lost = await members.add("decider", kafka=ports.address)
        async with rushed(members, await members.account_of(lost), least=100) as rush:
            await rush.more(20)
            proxy.swallowed = GROUP
            await eventually(lambda: has_all(serve), within=20)
            terms = await counted(lost, "deskstream_decider_terms_total")
            await rush.more(50, within=60)
            await count_at_least(lost, "deskstream_decider_terms_total", terms + 2)
            await count_at_least(serve, "deskstream_records_ignored_total", 1)
            proxy.swallowed = frozenset()
            proxy.cut()
            proxy.mend()
            await eventually(lambda: not has_all(serve), within=20)
            await rush.more(20, within=60)


async def test_a_member_that_has_left_and_whose_deciders_were_not_told(
    broker: Broker, tmp_path: Path
) -> None:
    async with members_on(broker, tmp_path) as members:
        serve = await members.add("serve")
        async with log_of(members) as log, member_in_the_test(members, log) as (deciders, left):
            names = (f"acme{number}" for number in itertools.count())
            name = next(name for name in names if partition_of(name, PARTITIONS) in deciders.mine)
            async with rushed(members, await make_account(serve.url, name), least=100) as rush:
                await rush.more(20)
                await left.leave()
                await eventually(lambda: has_all(serve), within=20)
                terms = deciders.total(lambda decider: decider.terms)
                await rush.more(50, within=60)
                await eventually(
                    lambda: deciders.total(lambda decider: decider.terms) > terms + 1, within=20
                )
                await count_at_least(serve, "deskstream_records_ignored_total", 1)


async def test_members_that_are_to_end_while_no_broker_answers(
    broker: Broker, tmp_path: Path
) -> None:
    async with members_on(broker, tmp_path) as members:
        await asyncio.gather(members.add("serve"), members.add("decider"))
        broker.stop()
        try:
            await asyncio.gather(*(member.stop() for member in members.all))
        finally:
            broker.cont()
        for member in members.all:
            assert "Traceback" not in member.said, member.said


@asynccontextmanager
async def member_in_the_test(
    members: Members, log: KafkaLog
) -> AsyncIterator[tuple[Deciders, Membership]]:
    """A member of the group that was given partitions, in pieces that do not tell each other."""
    deciders = Deciders(partial(decider_of, log, name="left"))
    topic, options = members.connection.topic("actions"), members.connection.options()
    membership = Membership(options, topic, deciders, SESSION)
    running = [asyncio.create_task(each.run()) for each in (deciders, membership)]
    try:
        await eventually(lambda: bool(deciders.mine) and not deciders.waiting, within=20)
        yield deciders, membership
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
