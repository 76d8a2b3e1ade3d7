"""A rush at a help desk: people who do not rest, while the server is made to fail.

The same visitors and operators as in the simulator, much faster than life. Afterwards the whole
history is held against the log.
"""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

from simulator.checker import check
from simulator.client import Client
from simulator.dialogue import Dialogue
from simulator.faults import Verdict
from simulator.history import History
from simulator.http import open_each_first
from simulator.operators import Operator
from simulator.people import Credentials, Person, add_operator, log_in
from simulator.visitors import Visitor
from simulator.world import World
from streams.log.sqlite import SqliteLog
from tests.support.eventually import eventually

SPEED = 40.0
OPERATORS = 4
VISITORS = 8
SETTLE_WITHIN = 3.0


class Rush:
    """Some operators, and visitors who come back as soon as they have left."""

    def __init__(
        self,
        url: str,
        who: Credentials,
        *,
        seed: int,
        speed: float = SPEED,
        others: Sequence[str] = (),
    ) -> None:
        """`others`: where people go as well, in turn, and when the server fails."""
        self._who = who
        self._servers = open_each_first([url, *others])
        self.http = self._servers[0]
        self.world = World(
            servers=self._servers,
            account=who.account,
            dialogue=Dialogue(["english", "german", "japanese"]),
            chance=random.Random(seed),
            speed=speed,
            drops_per_hour=60.0,
        )
        self.operators: list[Operator] = []
        self.observer: Client | None = None
        self.admin: Person | None = None
        self._coming: list[asyncio.Task[None]] = []
        self._over = False
        self._number = 0

    async def begin(self, *, operators: int = OPERATORS, visitors: int = VISITORS) -> None:
        """Everybody comes."""
        self.admin = await log_in(self.http, self._who)
        self.observer = self.world.client(self.admin, "observer")
        await self.observer.start()
        for number in range(operators):
            new = await add_operator(self.admin.http, f"Op{number}", desk_limit=3)
            servers = self.world.servers_for(number)
            person = await log_in(servers, new._replace(account=self._who.account))
            operator = Operator(self.world, person, f"operator {number}")
            await operator.begin()
            self.operators.append(operator)
        self._coming = [asyncio.create_task(self._come_again()) for _ in range(visitors)]

    @property
    def messages(self) -> int:
        """Messages that were acknowledged so far."""
        return self.world.measures.counts["messages"]

    async def more(self, messages: int, within: float = 20.0) -> None:
        """Wait for so many more acknowledged messages. Raises TimeoutError."""
        wanted = self.messages + messages
        await eventually(lambda: self.messages >= wanted, within)

    async def end(self) -> None:
        """Let the visits end, send everybody home, and wait until all has arrived."""
        self._over = True
        if self._coming:
            _, late = await asyncio.wait(self._coming, timeout=15)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._coming, return_exceptions=True)
        await asyncio.gather(*(operator.end() for operator in self.operators))
        await asyncio.gather(*(client.settle(SETTLE_WITHIN) for client in self._clients()))

    async def leave(self) -> None:
        """Close all connections, at once."""
        self._over = True
        for task in self._coming:
            task.cancel()
        await asyncio.gather(*self._coming, return_exceptions=True)
        await asyncio.gather(*(operator.rest() for operator in self.operators))
        await asyncio.gather(*(client.stop() for client in self._clients()))
        await asyncio.gather(*(servers.aclose() for servers in self._servers))

    async def verdict(self, data: Path) -> Verdict:
        """The checker's, against the log in this directory; the server must not run."""
        return await check_data(self.world.history, data)

    def _clients(self) -> list[Client]:
        clients = [operator.client for operator in self.operators]
        return clients if self.observer is None else [self.observer, *clients]

    async def _come_again(self) -> None:
        while not self._over:
            self._number += 1
            await Visitor(self.world, self._number).visit()
            await asyncio.sleep(0.01)


async def check_data(history: History, data: Path, *, partitions: int = 4) -> Verdict:
    """The checker's verdict on a history, against the log in a data directory not in use."""
    log = await SqliteLog.open(data / "log", partitions=partitions)
    try:
        return await check(history, log)
    finally:
        await log.close()
