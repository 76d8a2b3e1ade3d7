"""One process: what it keeps its data in, and the roles that it works in."""

import asyncio
import gc
import sys
from collections.abc import Mapping, Sequence

from starlette.applications import Starlette
from starlette.routing import Route

from api.metrics import Metrics
from api.roles import Role
from api.roles.deciding import Deciding
from api.roles.projecting import Projecting
from api.routes.system import get_health, get_metrics, get_readiness
from api.services import Check, Measure
from api.storage import Storage
from streams.clock import SteadyClock
from streams.settings import Settings

COLLECT_AFTER = 50_000
"""Objects made before the garbage collector looks for cycles, of which we make hardly any.

With its default of 700 it stops the loop for 0.1 s and more when thousands of connections and
events are at hand.
"""

SWITCH_INTERVAL = 0.001
"""Seconds after which a thread that computes lets another one have its turn."""


class Process:
    """Roles over one storage. `run` does the work."""

    def __init__(self, storage: Storage, roles: Sequence[Role]) -> None:
        self.storage = storage
        self.roles = roles

    @staticmethod
    def tune() -> None:
        """Set what belongs to the interpreter as a whole."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        gc.set_threshold(COLLECT_AFTER, 20, 100)

    @property
    def checks(self) -> Mapping[str, Check]:
        """How each part is."""
        return {name: check for role in self.roles for name, check in role.checks.items()}

    @property
    def measures(self) -> Sequence[Measure]:
        """What each part counts."""
        return [measure for role in self.roles for measure in role.measures]

    async def run(self) -> None:
        """Work until cancelled. Raises what cannot be healed by going on: a broken log, a bug."""
        works = [work for role in self.roles for work in await role.works()]
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)

    async def ready(self) -> None:
        """Wait until actions are decided; the rows may still be catching up, or being built."""
        for role in self.roles:
            await role.ready()

    async def leave(self) -> None:
        """Hand over what other processes can go on with."""
        for role in self.roles:
            await role.leave()

    async def close(self) -> None:
        """Let go of everything; what was acknowledged is on the log already."""
        for role in self.roles:
            await role.close()
        await self.storage.close()


def watched(process: Process) -> Starlette:
    """What a process without the API answers: /healthz, /readyz and /metrics."""
    app = Starlette(
        routes=[
            Route("/healthz", get_health),
            Route("/readyz", get_readiness),
            Route("/metrics", get_metrics),
        ]
    )
    app.state.checks = process.checks
    app.state.metrics = Metrics(process.measures)
    return app


async def open_decider(settings: Settings) -> Process:
    """A process that decides what the group of deciders gives it. Raises as Storage.open."""
    Process.tune()
    storage = await Storage.open(settings, rows=False)
    deciding = Deciding(settings, SteadyClock(), storage.log, storage.snapshots)
    return Process(storage, [deciding])


async def open_projector(settings: Settings) -> Process:
    """A process that keeps the rows up with the log. Raises as Storage.open."""
    Process.tune()
    storage = await Storage.open(settings)
    return Process(storage, [Projecting(storage.log, storage.rows)])
