"""The processes of a cluster over the topics of a real broker."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from cluster.kafka import SHORT_LIVED, Broker, free_port
from simulator.checker import check
from simulator.faults import Verdict
from simulator.history import History
from simulator.people import Credentials
from streams.kafka_connection import KafkaConnection
from streams.log.kafka import KafkaLog
from streams.log.partitioner import partition_of
from tests.support.kafka import require_kafka, topics_on
from tests.support.process import ServerProcess, make_account
from tests.support.proxy import Ports
from tests.support.rush import SPEED, Rush

PARTITIONS = 4
DIVIDED = re.compile(r"partitions to decide: \[(.*)\]")
SESSION = 1.5
"""Seconds after which the group gives a killed decider's partitions to others."""

SEED = 20_261_121

PROPERTIES = {"group.min.session.timeout.ms": "1000"}


class Members:
    """Processes that share a log."""

    def __init__(self, directory: Path, connection: KafkaConnection) -> None:
        self.connection = connection
        self.all: list[ServerProcess] = []
        self._directory = directory

    async def add(self, command: str, *, code: str = "", **settings: str) -> ServerProcess:
        """A further process, ready; `code` as ServerProcess has it."""
        member = await self._launch(command, settings, code)
        await member.ready()
        return member

    async def add_all(self, commands: Sequence[str], database: str) -> None:
        """Processes that need each other to get ready; the database knows each by its place."""
        for command in commands:
            name = f"application_name={len(self.all)}"
            await self._launch(command, {"database": f"{database}?{name}"})
        for member in self.all:
            await member.ready()

    async def _launch(
        self, command: str, settings: Mapping[str, str], code: str = ""
    ) -> ServerProcess:
        data = self._directory / f"{command}{len(self.all)}"
        member = ServerProcess(data, command, **self._settings(settings))
        member.code = code
        self.all.append(member)
        await member.launch()
        return member

    async def run(self, command: str, **settings: str) -> str:
        """Run a command that ends by itself; what it said. Raises TimeoutError."""
        once = ServerProcess(self._directory / command, command, **self._settings(settings))
        await once.launch()
        code = await once.ended()
        assert code == 0, once.said
        return once.said

    def _settings(self, given: Mapping[str, str]) -> dict[str, str]:
        return {
            "kafka": self.connection.bootstrap,
            "kafka_prefix": self.connection.prefix,
            "kafka_session": str(SESSION),
            "secret": "the secret of the tests, 32 characters",
            **given,
        }

    async def account_of(self, member: ServerProcess) -> Credentials:
        """A new account in a partition that this process decides."""
        given = DIVIDED.findall(member.said)[-1]
        mine = {int(number) for number in given.split(",")}
        names = (f"acme{number}" for number in itertools.count())
        name = next(name for name in names if partition_of(name, PARTITIONS) in mine)
        return await make_account(self.all[0].url, name)

    async def end(self) -> None:
        """Kill whoever still runs."""
        await asyncio.gather(*(member.kill() for member in self.all if member.running))

    async def verdict(self, history: History) -> Verdict:
        """The checker's, against the log as it is."""
        log = await KafkaLog.open(self.connection)
        try:
            return await check(history, log)
        finally:
            await log.close()


@contextmanager
def broker_of_its_own(
    directory: Path, properties: Mapping[str, str] = PROPERTIES, *, port: int | None = None
) -> Iterator[Broker]:
    """A broker that may be killed."""
    require_kafka()
    broker = Broker(directory / "broker", port=port, properties=properties, java=SHORT_LIVED)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@contextmanager
def broker_with_proxy(directory: Path, ports: Ports) -> Iterator[Broker]:
    """A broker that can be reached as it is, and also through a proxy on one of the ports."""
    own, control = free_port(), free_port()
    properties = {
        **PROPERTIES,
        "controller.quorum.voters": f"1@127.0.0.1:{control}",
        "listeners": f"PLAINTEXT://127.0.0.1:{own},PROXIED://127.0.0.1:{ports.behind},"
        f"CONTROLLER://127.0.0.1:{control}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{own},PROXIED://{ports.address}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,"
        "CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
    }
    with broker_of_its_own(directory, properties, port=own) as broker:
        yield broker


@asynccontextmanager
async def members_on(broker: Broker, directory: Path) -> AsyncIterator[Members]:
    """No process yet, and topics of their own."""
    connection = await topics_on(broker, directory, PARTITIONS)
    members = Members(directory, connection)
    try:
        yield members
    finally:
        await members.end()


@asynccontextmanager
async def rushed(
    members: Members,
    who: Credentials,
    *,
    least: int,
    speed: float = SPEED,
    others: Sequence[str] = (),
) -> AsyncIterator[Rush]:
    """A rush at the first process; clean in the end, with so many answers at least.

    `others`: where people go as well, and when a process fails.
    """
    rush = Rush(members.all[0].url, who, seed=SEED, speed=speed, others=others)
    await rush.begin()
    try:
        yield rush
        await rush.more(20, within=60)
        await rush.end()
    finally:
        await rush.leave()
    verdict = await members.verdict(rush.world.history)
    assert verdict.clean, str(verdict)
    assert verdict.checked["answers"] > least
