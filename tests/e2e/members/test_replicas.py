"""Three brokers, of which one is killed: the others go on, and nothing is lost or doubled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cluster.kafka import Broker, free_port
from streams import topics
from streams.kafka_connection import KafkaConnection
from tests.support.kafka import require_kafka
from tests.support.members import PARTITIONS, PROPERTIES, Members, rushed
from tests.support.process import make_account

pytestmark = pytest.mark.slow

NODES = (1, 2, 3)


def brokers_in(directory: Path) -> list[Broker]:
    """Not started yet; each is broker and controller."""
    ports = {node: (free_port(), free_port()) for node in NODES}
    voters = ",".join(f"{node}@127.0.0.1:{control}" for node, (_, control) in ports.items())
    brokers = []
    for node, (own, control) in ports.items():
        properties = {
            **PROPERTIES,
            "node.id": str(node),
            "controller.quorum.voters": voters,
            "listeners": f"PLAINTEXT://127.0.0.1:{own},CONTROLLER://127.0.0.1:{control}",
            "offsets.topic.replication.factor": "3",
        }
        brokers.append(Broker(directory / f"broker{node}", port=own, properties=properties))
    return brokers


@asynccontextmanager
async def replicated(directory: Path) -> AsyncIterator[tuple[list[Broker], Members]]:
    """Three brokers, and topics that each of them has."""
    require_kafka()
    brokers = brokers_in(directory)
    try:
        await asyncio.gather(*(asyncio.to_thread(broker.start) for broker in brokers))
        connection = KafkaConnection(",".join(broker.bootstrap for broker in brokers))
        await topics.create(connection, topics.Layout(PARTITIONS, replication=len(NODES)))
        members = Members(directory, connection)
        try:
            yield brokers, members
        finally:
            await members.end()
    finally:
        for broker in brokers:
            broker.kill()


async def test_two_brokers_are_killed_in_turn(tmp_path: Path) -> None:
    async with replicated(tmp_path) as (brokers, members):
        for command in ("serve", "decider"):
            await members.add(command, kafka_replication=str(len(NODES)))
        who = await make_account(members.all[0].url)
        async with rushed(members, who, least=50) as rush:
            for broker in brokers[:2]:
                await rush.more(10, within=60)
                await asyncio.to_thread(broker.kill)
                await rush.more(10, within=60)
                await asyncio.to_thread(broker.start)
