"""A network between a process and the broker, which can fail in the ways that networks do."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from cluster.kafka import free_port

PRODUCE = 0
"""The number of Kafka's request that appends."""

GROUP = frozenset({8, 11, 12, 13, 14})
"""Those of the requests by which a member joins a group, shows that it is there, and leaves."""


class Ports(NamedTuple):
    """Where the broker listens for who comes through the proxy, and where the proxy does."""

    behind: int
    proxy: int

    @property
    def address(self) -> str:
        """Where the broker is for who comes through the proxy."""
        return f"127.0.0.1:{self.proxy}"


def free_ports() -> Ports:
    """Ports that nobody listens on now."""
    return Ports(free_port(), free_port())


class Proxy:
    """Passes requests and answers on, whole, and spoils some of the appends.

    Of the appends, `delayed` and `repeated` are shares that reach the broker late, or twice (the
    second answer is kept from the client); after `reset` of them the broker has the append and
    the client's connection breaks. Requests with a number in `swallowed` get lost. While `cut`
    nothing passes and nobody gets a connection.
    """

    def __init__(self, port: int, chance: random.Random) -> None:
        self.delayed = self.repeated = self.reset = 0.0
        self.swallowed: frozenset[int] = frozenset()
        self.spoilt = 0
        self._port = port
        self._chance = chance
        self._cut = False
        self._open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break all connections, and take no new ones."""
        self._cut = True
        for writer in list(self._open):
            writer.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self._cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client."""
        if self._cut:
            writer.transport.abort()
            return
        behind, before = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, before}
        withheld: set[bytes] = set()
        broken: set[bytes] = set()
        passing = (
            asyncio.create_task(self._requests(reader, before, withheld, broken)),
            asyncio.create_task(self._answers(behind, writer, withheld, broken)),
        )
        try:
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in passing:
                task.cancel()
            await asyncio.gather(*passing, return_exceptions=True)
            for each in (writer, before):
                self._open.discard(each)
                each.transport.abort()

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        before: asyncio.StreamWriter,
        withheld: set[bytes],
        broken: set[bytes],
    ) -> None:
        while True:
            request = await _frame(reader)
            kind = int.from_bytes(request[4:6], "big")
            if kind in self.swallowed:
                self.spoilt += 1
                continue
            before.write(request)
            if kind == PRODUCE:
                number, draw = request[8:12], self._chance.random
                if draw() < self.delayed:
                    self.spoilt += 1
                    await asyncio.sleep(draw() * 0.2)
                if draw() < self.repeated:
                    self.spoilt += 1
                    again = bytes((number[0] ^ 0x80,)) + number[1:]  # an answer of its own
                    withheld.add(again)
                    before.write(request[:8] + again + request[12:])
                if draw() < self.reset:
                    self.spoilt += 1
                    broken.add(number)
            await before.drain()

    async def _answers(
        self,
        behind: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        withheld: set[bytes],
        broken: set[bytes],
    ) -> None:
        while True:
            answer = await _frame(behind)
            number = answer[4:8]
            if number in broken:
                return
            if number in withheld:
                withheld.remove(number)
                continue
            writer.write(answer)
            await writer.drain()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size, "big"))


@asynccontextmanager
async def proxying(port: int, listen: int, chance: random.Random) -> AsyncIterator[Proxy]:
    """A proxy of the broker's port, on a port of its own."""
    proxy = Proxy(port, chance)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", listen, limit=1 << 26)
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
