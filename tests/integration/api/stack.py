"""The whole service in this process and loop: log in memory, deciders, rows, application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from api.app import Application, create_app
from api.auth.authenticator import Authenticator
from api.auth.passwords import Passwords
from api.auth.token_directory import TokenDirectory
from api.auth.visitor_tokens import VisitorTokens
from api.door import Door
from api.gateway import Gateway
from api.services import Measure, Part, Services
from projections.projector import Projector
from projections.store import Projections
from streams.clock import SteadyClock
from streams.decider import Decider
from streams.feed import EventFeed
from streams.log.memory import MemoryLog
from streams.log.snapshots import MemorySnapshots
from streams.settings import Settings
from streams.snapshotting import Snapshotting
from tests.support.passwords import cheap_hasher

PLATFORM = "platform-token-of-the-tests-0123456789"
PASSWORD = "open sesame"


class Stack:
    """A running service; `app` is asked through clients of `client`."""

    def __init__(self, services: Services, log: MemoryLog, tasks: list[asyncio.Task[None]]) -> None:
        self.services = services
        self.app: Application = create_app(services)
        self.log = log
        self.tasks = tasks

    def client(self, token: str | None = None, address: str = "127.0.0.1") -> httpx.AsyncClient:
        """A client of the application that carries a token."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(
            self.app, raise_app_exceptions=False, client=(address, 50_000)
        )
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)


@asynccontextmanager
async def running_stack(directory: Path, **settings: Any) -> AsyncIterator[Stack]:
    """Start everything, with these settings changed; end it afterwards."""
    log = MemoryLog(partitions=2)
    clock = SteadyClock()
    chosen = Settings(_env_file=None, **{"data": directory, **settings})  # type: ignore[call-arg]
    projections = await Projections.open(f"sqlite:///{directory / 'rows.db'}")
    deciders = [
        Decider(log, number, Snapshotting(MemorySnapshots(), number, every=10_000), clock,
                name=f"test-{number}")
        for number in range(log.partitions)
    ]  # fmt: skip
    gateway = Gateway(log, clock, timeout=chosen.answer_timeout, max_pending=chosen.max_pending)
    tokens = TokenDirectory(projections, clock)
    visitors = VisitorTokens("a key for the tests, 32 characters.", clock, 1.0)
    authenticator = Authenticator(tokens, visitors, PLATFORM)
    feed = EventFeed(log)
    feed.subscribe(tokens.decided)
    feed.subscribe(gateway.decided)
    passwords = Passwords(cheap_hasher())

    async def ready() -> Part:
        return Part(all(decider.ready.is_set() for decider in deciders), "decides")

    projector = Projector(log, projections)
    services = Services(
        settings=chosen,
        clock=clock,
        gateway=gateway,
        projections=projections,
        projector=projector,
        authenticator=authenticator,
        door=Door(authenticator, chosen),
        passwords=passwords,
        checks={"deciders": ready},
        measures=(
            Measure("deskstream_actions_total", "counter", "Submitted.", lambda: gateway.submitted),
        ),
    )
    work = [decider.run() for decider in deciders]
    work += [feed.run(number) for number in range(log.partitions)]
    work += [projector.run(), gateway.run()]
    tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
    try:
        yield Stack(services, log, tasks)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        passwords.close()
        await projections.close()
        await log.close()
        for result in ended:
            assert isinstance(result, asyncio.CancelledError), result
