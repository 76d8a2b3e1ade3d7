"""A network between processes and broker that delays, repeats, resets, or is not there."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cluster.kafka import Broker
from tests.support.members import SEED, broker_with_proxy, members_on, rushed
from tests.support.process import make_account
from tests.support.proxy import Ports, Proxy, free_ports, proxying

pytestmark = pytest.mark.slow

CUT_FOR = 20.0


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


async def test_appends_that_are_delayed_repeated_and_cut_off(
    broker: Broker, proxy: Proxy, ports: Ports, tmp_path: Path
) -> None:
    async with members_on(broker, tmp_path) as members:
        spoilt = ports.address
        await members.add("serve", kafka=spoilt)
        await members.add("decider", kafka=spoilt)
        async with rushed(members, await make_account(members.all[0].url), least=100) as rush:
            proxy.delayed = proxy.repeated = 0.2
            await rush.more(60, within=60)
            proxy.reset = 0.02
            await rush.more(60, within=90)
            proxy.delayed = proxy.repeated = proxy.reset = 0.0
    assert proxy.spoilt > 20


async def test_a_network_that_is_cut_between_api_and_broker(
    broker: Broker, proxy: Proxy, ports: Ports, tmp_path: Path
) -> None:
    async with members_on(broker, tmp_path) as members:
        await members.add("serve", kafka=ports.address, answer_timeout="5")
        await members.add("decider")
        async with rushed(members, await make_account(members.all[0].url), least=50) as rush:
            await rush.more(20, within=60)
            proxy.cut()
            await asyncio.sleep(CUT_FOR)  # what is tested is that so much time goes by
            proxy.mend()
            await rush.more(20, within=60)
            assert rush.world.measures.counts["retries"] > 0
