"""Followers: a hub, and those who follow one account of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from msgspec.structs import replace

from api.live.hub import Hub
from api.live.session import Session
from api.live.wire import SSE, Wire
from schemas.events import AnyEvent
from schemas.values import Audience
from streams.domain.access import Viewer
from tests.support.eventually import eventually
from tests.support.live import ACCOUNT, HandOutlet, decision, event

NEVER = 2**48 - 1
STAFF_AND_VERA: Audience = ("staff", "visitor:vera")


class Time:
    """A clock that the test sets, in ms."""

    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        return self.now


class CountingOutlet(HandOutlet):
    """Keeps each write as it was given."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.writes: list[bytes] = []
        self.on_write: Callable[[], None] = lambda: None

    def write(self, data: bytes) -> None:
        """See Outlet.write."""
        super().write(data)
        self.writes.append(data)
        self.on_write()


class Followers:
    """A hub and those who follow one account, which has had no event yet."""

    def __init__(self, memory: int = 10**6, heartbeat: float = 1_000) -> None:
        self.time = Time()
        self.hub = Hub(self.time, heartbeat=heartbeat, memory=memory)
        self.channel = self.hub.make_channel(ACCOUNT, 0, "")

    def join(
        self, viewer: Viewer, wire: Wire = SSE, *, token: str | None = None, expires_at: int = NEVER
    ) -> tuple[Session, CountingOutlet]:
        """Somebody follows from now on."""
        outlet = CountingOutlet(wire)
        session = Session(viewer, wire, outlet, expires_at=expires_at, token=token)
        self.hub.attach(session)
        session.begin_at(self.channel.id, self.channel.version)
        self.hub.join(self.channel, session)
        return session, outlet

    async def decide(self, *versions: int, audience: Audience = ("staff",)) -> None:
        """One decision with these events, written to everybody."""
        self.hub.decided(decision([event(version, audience) for version in versions]))
        await self.written()

    async def written(self) -> None:
        """Wait until the hub has nothing left to write."""
        await eventually(lambda: self.channel.sent == self.channel.version, 1)

    def happens(self, version: int, data: AnyEvent) -> None:
        """A decision with one event that no client sees."""
        made = replace(event(version), audience=(), data=data)
        self.hub.decided(decision([made]))


@asynccontextmanager
async def running(hub: Hub) -> AsyncIterator[None]:
    """Time passes for the hub."""
    task = asyncio.create_task(hub.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def types(outlet: HandOutlet) -> list[str]:
    """The types of the frames so far."""
    return [frame["type"] for frame in outlet.frames]
