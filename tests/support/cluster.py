"""A decider, a feed and a gateway around a log in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from api.gateway import Gateway, Origin
from schemas import actions as a
from schemas.actions import AnyAction
from schemas.decisions import Answer, Decision
from streams.clock import Clock, SteadyClock
from streams.decider import Decider
from streams.domain.access import Viewer
from streams.feed import EventFeed
from streams.log.memory import MemoryLog
from streams.log.snapshots import MemorySnapshots, SnapshotStore
from streams.snapshotting import Snapshotting

SYSTEM = Viewer(kind="system", id="system", account="acme")


class Cluster:
    """One partition at work."""

    def __init__(self, log: MemoryLog, store: SnapshotStore, clock: Clock, every: int) -> None:
        self.log = log
        self.clock = clock
        self.gateway = Gateway(log, clock, timeout=5, max_pending=1_000)
        self.decider = Decider(log, 0, Snapshotting(store, 0, every=every), clock, name="one")
        self.feed = EventFeed(log)
        self.decisions: list[Decision] = []
        self.feed.subscribe(self.decisions.append)
        self.feed.subscribe(self.gateway.decided)

    async def act(self, data: AnyAction, viewer: Viewer = SYSTEM, key: str | None = None) -> Answer:
        """Do something as the system, or as somebody."""
        return await self.gateway.act(viewer, data, Origin(key))

    async def staffed(self, *, desk_limit: int = 5, no_answer_after: int = 60_000) -> Viewer:
        """An account with one operator online."""
        await self.act(a.CreateAccount(name="Acme"))
        await self.act(a.ChangeSettings(desk_limit=desk_limit, no_answer_after=no_answer_after))
        made = await self.act(a.AddOperator(name="Ana", login="ana", role="admin"))
        assert made.id is not None
        ana = Viewer(kind="operator", id=made.id, account="acme", role="admin")
        await self.act(a.SetAvailability(operator=ana.id, availability="online"), ana)
        return ana

    async def visitor(self) -> Viewer:
        """Somebody new."""
        made = await self.act(a.AddVisitor())
        assert made.id is not None
        return Viewer(kind="visitor", id=made.id, account="acme")

    async def chat(self, visitor: Viewer) -> str:
        """A chat that the visitor asked for."""
        made = await self.act(a.RequestChat(visitor=visitor.id), visitor)
        assert made.id is not None
        return made.id


@asynccontextmanager
async def cluster(
    log: MemoryLog | None = None,
    store: SnapshotStore | None = None,
    *,
    clock: Clock | None = None,
    every: int = 1_000_000,
) -> AsyncIterator[Cluster]:
    """Everything running, ended at the end of the block."""
    made = Cluster(
        log or MemoryLog(partitions=1), store or MemorySnapshots(), clock or SteadyClock(), every
    )
    works = (made.decider.run(), made.feed.run(0), made.gateway.run())
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await made.decider.ready.wait()
        yield made
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await made.decider.close()
