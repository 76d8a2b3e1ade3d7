"""One embedded process put together: log, deciders, projections, live connections, API."""

import asyncio
import gc
import logging
import sys
from collections.abc import Coroutine, Mapping
from typing import Any

from api.app import create_app
from api.auth.authenticator import Authenticator
from api.auth.passwords import Passwords
from api.auth.token_directory import TokenDirectory
from api.auth.visitor_tokens import VisitorTokens
from api.door import Door
from api.gateway import Gateway
from api.health import Vitals, checks, measures
from api.keys import key_of
from api.live.live import Live
from api.services import Services
from projections.projector import Projector
from projections.store import Projections
from streams.acceptance import Acceptance
from streams.clock import Clock, SteadyClock
from streams.decider import Decider
from streams.feed import EventFeed, follow_signals
from streams.log.snapshots import FileSnapshots
from streams.log.sqlite import LogLimits, SqliteLog
from streams.settings import Settings
from streams.snapshotting import Snapshotting

COLLECT_AFTER = 50_000
"""Objects made before the garbage collector looks for cycles, of which we make hardly any.

With its default of 700 it stops the loop for 0.1 s and more when thousands of connections and
events are at hand.
"""

SWITCH_INTERVAL = 0.001
"""Seconds after which a thread that computes lets another one have its turn."""

VERIFY_REST = 0.05
"""Seconds between the steps in which the whole log is verified in the background."""

log_ = logging.getLogger(__name__)


class Service:
    """Everything but the listening socket. Made by `open`; `run` does the work."""

    def __init__(self, settings: Settings, clock: Clock, log: SqliteLog, rows: Projections) -> None:
        self.settings = settings
        self.clock = clock
        self.log = log
        self.projections = rows
        self.passwords = Passwords()
        self.gateway = Gateway(
            log, clock, timeout=settings.answer_timeout, max_pending=settings.max_pending
        )
        self.platform_token = key_of(settings.platform_token, settings.data / "platform.token")
        self.tokens = TokenDirectory(rows, clock)
        authenticator = Authenticator(
            self.tokens,
            VisitorTokens(
                key_of(settings.secret, settings.data / "secret.key"),
                clock,
                settings.visitor_token_hours,
            ),
            self.platform_token,
        )
        door = Door(authenticator, settings)
        self.live = Live(settings, clock, self.gateway, rows, door)
        self.projector = Projector(log, rows)
        self.deciders = [self._decider(partition) for partition in range(log.partitions)]
        self.feed = EventFeed(log)
        # In this order: whoever is answered finds that the caches know of it already.
        for subscriber in (self.tokens.decided, self.live.hub.decided, self.gateway.decided):
            self.feed.subscribe(subscriber)
        self.verified = asyncio.Event()
        """Set when the whole log was verified in the background."""
        vitals = Vitals(
            log, self.deciders, rows, self.projector, self.feed, self.gateway, self.live.hub
        )
        self.app = create_app(
            Services(
                settings=settings,
                clock=clock,
                gateway=self.gateway,
                projections=rows,
                projector=self.projector,
                authenticator=authenticator,
                passwords=self.passwords,
                door=door,
                live_routes=self.live.routes(),
                checks=checks(vitals),
                measures=measures(vitals),
            )
        )

    @classmethod
    async def open(cls, settings: Settings, clock: Clock | None = None) -> "Service":
        """Open what is in the data directory, or make it there.

        Raises LogUnusable (in use, torn, altered, of another kind), OSError.
        """
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        sys.setswitchinterval(SWITCH_INTERVAL)
        gc.set_threshold(COLLECT_AFTER, 20, 100)
        log = await SqliteLog.open(
            settings.data / "log",
            partitions=settings.partitions,
            limits=LogLimits(record_bytes=settings.max_record),
        )
        try:
            rows = await Projections.open(f"sqlite:///{settings.data / 'projections.sqlite3'}")
        except BaseException:
            await log.close()
            raise
        return cls(settings, clock or SteadyClock(), log, rows)

    def _decider(self, partition: int) -> Decider:
        store = FileSnapshots(self.settings.data / "snapshots", log=self.log.identity)
        snapshotting = Snapshotting(store, partition, every=self.settings.snapshot_every)
        return Decider(self.log, partition, snapshotting, self.clock, name="embedded")

    async def run(self) -> None:
        """Work until cancelled. Raises what cannot be healed by going on: a broken log, a bug."""
        # Positions in another log, or in a longer one, are none.
        await self.projections.generations.compare(self.log)
        starts = await self.projections.positions()
        async with asyncio.TaskGroup() as group:
            for work in self._works(starts):
                group.create_task(work)

    def _works(self, starts: Mapping[int, Acceptance]) -> list[Coroutine[Any, Any, None]]:
        partitions = range(self.log.partitions)
        hub = self.live.hub
        return [
            *(decider.run() for decider in self.deciders),
            *(self.feed.run(partition, starts.get(partition)) for partition in partitions),
            *(follow_signals(self.log, partition, hub.signal) for partition in partitions),
            self.projector.run(),
            self.gateway.run(),
            hub.run(),
            self._verify(),
        ]

    async def ready(self) -> None:
        """Wait until actions are decided; the rows may still be catching up, or being built."""
        for decider in self.deciders:
            await decider.ready.wait()

    async def close(self) -> None:
        """Let go of everything; what was acknowledged is on the disk already."""
        for decider in self.deciders:
            await decider.close()
        self.passwords.close()
        await self.projections.close()
        await self.log.close()

    async def _verify(self) -> None:
        async for _ in self.log.verify(rest=VERIFY_REST):
            pass
        self.verified.set()
        log_.info("the whole log was verified")
