"""What all people of a simulated day share: the server, chance, time, dialogue and the books."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from simulator.client import Client
from simulator.dialogue import Dialogue
from simulator.history import History
from simulator.http import Servers
from simulator.measures import Measures
from simulator.people import Person
from simulator.transports import TransportName

MIX: tuple[TransportName, ...] = ("sse", "sse", "ws", "ws", "poll")
"""What people connect with, as often as it stands here."""


@dataclass(kw_only=True)
class World:
    """One simulated day. `speed` 2: people do everything in half the time."""

    servers: Sequence[Servers]
    """Where people go, in turn."""
    account: str
    dialogue: Dialogue
    chance: random.Random
    speed: float = 1.0
    transports: Sequence[TransportName] = MIX
    drops_per_hour: float = 20.0
    """How often a person's connection breaks, in hours of the simulated day."""
    measures: Measures = field(default_factory=Measures)
    history: History = field(default_factory=History)

    def servers_for(self, number: int) -> Servers:
        """Where the person with this number goes."""
        return self.servers[number % len(self.servers)]

    async def sleep(self, seconds: float) -> None:
        """Let some seconds of the simulated day pass."""
        await asyncio.sleep(seconds / self.speed)

    async def think(self, seconds: float) -> None:
        """Take about so long: most are quick, some are not."""
        await self.sleep(min(10 * seconds, self.chance.expovariate(1 / seconds)))

    def within(self, seconds: float) -> float:
        """Real seconds for some of the simulated day."""
        return seconds / self.speed

    def client(self, person: Person, name: str) -> Client:
        """A client for a person, over one of the transports."""
        transport = self.chance.choice(self.transports)
        history = self.history.client(f"{name} ({transport})", person.viewer)
        return Client(person.http, history, self.measures, transport=transport, chance=self.chance)

    async def break_connections(self, client: Client) -> None:
        """Lose a client's connection now and then, until cancelled."""
        while self.drops_per_hour > 0:
            await self.sleep(self.chance.expovariate(self.drops_per_hour / 3600))
            client.drop()
            self.measures.counts["connections dropped"] += 1
