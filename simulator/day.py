"""A day at the help desk, against any running server, over its public API alone."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.actions import RemoveOperator
from schemas.refusals import DeskstreamError
from simulator.checker import check
from simulator.client import Client
from simulator.dialogue import Dialogue
from simulator.faults import Verdict
from simulator.http import open_each_first
from simulator.log_over_api import check_over_api
from simulator.operators import Operator
from simulator.people import Credentials, Person, add_operator, log_in
from simulator.report import Report
from simulator.transports import TransportName
from simulator.visitors import Visitor
from simulator.world import MIX, World
from streams.log.port import Log

NAMES = ("Ana", "Ben", "Chidi", "Dora", "Emre", "Fay", "Gita", "Hugo", "Ines", "Jun", "Kim", "Leo")
CLOSING_TIME = 60.0
"""Seconds, of the simulated day, that chats get to end by themselves when it is over."""

SETTLE_WITHIN = 2.0


@dataclass(frozen=True, kw_only=True)
class SimulateOptions:
    """What kind of day it is. Needs the login of an admin of the account."""

    urls: Sequence[str]
    """Servers that serve alike: people begin at one of them, and go to the next when it fails."""
    account: str
    login: str
    password: str
    operators: int = 5
    visitors_per_minute: float = 20.0
    """As the people of the day count minutes; `speed` shortens them."""
    duration: float = 60.0
    """Real seconds during which visitors arrive."""
    speed: float = 1.0
    """How much faster than people everything happens."""
    seed: int = 0
    languages: Sequence[str] = ("english",)
    desk_limit: int = 4
    transports: Sequence[TransportName] = MIX
    drops_per_hour: float = 20.0
    keep_operators: bool = False
    """Leave the operators in the account that were added for the day."""


async def simulate(
    options: SimulateOptions, *, log: Log | None = None, console: Console | None = None
) -> Report:
    """Live through a day, then check its history.

    Against `log` if it is at hand, otherwise against the events that the API lists. Progress is
    shown on `console`. Raises TurnedAway (for example `login_failed`), OutcomeUnknown when the
    server cannot be reached, and NoDialogue.
    """
    day = Day(options, log, console)
    return await day.run()


class Day:
    """One run."""

    def __init__(
        self, options: SimulateOptions, log: Log | None = None, console: Console | None = None
    ) -> None:
        self._options = options
        self._log = log
        self._console = console or Console(quiet=True)
        self._servers = open_each_first(options.urls)
        self.world = World(
            servers=self._servers,
            account=options.account,
            dialogue=Dialogue(options.languages),
            chance=random.Random(options.seed),
            speed=options.speed,
            transports=options.transports,
            drops_per_hour=options.drops_per_hour,
        )
        self._visits: set[asyncio.Task[None]] = set()
        self._notes: list[str] = []

    async def run(self) -> Report:
        """The whole day, from the first login to the verdict."""
        started = time.monotonic()
        async with AsyncExitStack() as stack:
            for servers in self._servers:
                await stack.enter_async_context(servers)
            options = self._options
            who = Credentials(options.account, options.login, options.password)
            admin = await log_in(self._servers[0], who)
            observer = self.world.client(admin, "observer")
            stack.push_async_callback(observer.stop)
            await observer.start()
            operators = await self._open(admin)
            for operator in operators:
                stack.push_async_callback(operator.client.stop)
            await self._arrivals()
            await self._close(operators)
            clients = [observer, *(operator.client for operator in operators)]
            await self._settle(clients)
            seconds = time.monotonic() - started
            verdict = await self._check(admin)
            await self._tidy(admin, operators)
        return Report(
            seconds=seconds,
            measures=self.world.measures,
            verdict=verdict,
            notes=tuple(self._notes),
        )

    async def _open(self, admin: Person) -> list[Operator]:
        """Add the operators and let them come in."""
        operators = []
        for number in range(self._options.operators):
            name = NAMES[number % len(NAMES)]
            new = await add_operator(admin.http, name, desk_limit=self._options.desk_limit)
            servers = self.world.servers_for(number)
            person = await log_in(servers, new._replace(account=self._options.account))
            operator = Operator(self.world, person, f"{name.lower()} {number}")
            await operator.begin()
            operators.append(operator)
        return operators

    async def _arrivals(self) -> None:
        """Visitors arrive at random, one independent of the other."""
        options, chance = self._options, self.world.chance
        per_second = options.visitors_per_minute / 60 * options.speed
        ends = time.monotonic() + options.duration
        number = 0
        with _progress(self._console) as progress:
            task = progress.add_task("open", total=options.duration, says="")
            arrives = time.monotonic()
            while arrives < ends:
                arrives += chance.expovariate(per_second) if per_second else options.duration
                while (wait := min(arrives, ends) - time.monotonic()) > 0:
                    await asyncio.sleep(min(0.5, wait))
                    done = options.duration - (ends - time.monotonic())
                    progress.update(task, completed=done, says=self._summary())
                if arrives < ends:
                    number += 1
                    visit = asyncio.create_task(Visitor(self.world, number).visit())
                    self._visits.add(visit)
                    visit.add_done_callback(self._visits.discard)

    async def _close(self, operators: list[Operator]) -> None:
        """Let chats end, then send everybody home."""
        if self._visits:
            _, late = await asyncio.wait(
                self._visits, timeout=self.world.within(CLOSING_TIME) + 1.0
            )
            for visit in late:
                visit.cancel()
            if late:
                await asyncio.wait(late)
        await asyncio.gather(*(operator.end() for operator in operators))

    async def _settle(self, clients: list[Client]) -> None:
        results = await asyncio.gather(
            *(client.settle(SETTLE_WITHIN) for client in clients), return_exceptions=True
        )
        self._notes += [f"not settled: {error}" for error in results if error is not None]

    async def _check(self, admin: Person) -> Verdict:
        if self._log is not None:
            return await check(self.world.history, self._log)
        return await check_over_api(self.world.history, self._options.account, admin.http)

    async def _tidy(self, admin: Person, operators: list[Operator]) -> None:
        if self._options.keep_operators:
            return
        for operator in operators:
            with suppress(DeskstreamError):
                await admin.http.act(RemoveOperator(operator=operator.id), None)

    def _summary(self) -> str:
        measures = self.world.measures
        counts = measures.counts
        said = (
            f"{len(self._visits)} here, {counts['chats']} chats, {counts['messages']} messages, "
            f"ack {measures.acknowledged.median}, delivery {measures.delivered.median}"
        )
        broken = counts["broken chains"]
        return f"{said}, {broken} BROKEN CHAINS" if broken else said


def _progress(console: Console) -> Progress:
    return Progress(
        BarColumn(bar_width=10),
        TimeElapsedColumn(),
        TextColumn("{task.fields[says]}"),
        console=console,
    )
