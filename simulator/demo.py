"""Keeps a demo account alive: a few operators and a trickle of visitors, until it is stopped."""

import asyncio
import itertools
import logging
import random
import secrets
from contextlib import AsyncExitStack, suppress

import msgspec

from schemas.refusals import DeskstreamError
from schemas.views import OperatorView
from simulator.dialogue import Dialogue
from simulator.errors import TurnedAway
from simulator.history import NoHistory
from simulator.http import Servers, open_http
from simulator.operators import Operator
from simulator.people import Credentials, Person, log_in, persist
from simulator.visitors import Visitor
from simulator.world import World

OPERATORS = ("Ana", "Ben")
VISITORS_PER_MINUTE = 4.0
MOST_VISITORS = 12
LANGUAGES = ("english", "german", "french", "spanish")
RETRY_AFTER = 5.0


class _Operators(msgspec.Struct):
    items: list[OperatorView]


log_ = logging.getLogger(__name__)


async def run_demo(base_url: str, credentials: Credentials, stop: asyncio.Event) -> None:
    """Keep the account busy, modestly, until `stop` is set; begins again after a failure.

    Needs an admin's credentials. Its operators are made at the first start and used again at the
    next ones. Memory does not grow with time. Raises TurnedAway when the credentials are wrong.
    """
    while not stop.is_set():
        try:
            async with asyncio.TaskGroup() as group:
                demo = group.create_task(_live(base_url, credentials))
                await stop.wait()
                demo.cancel()
        except* TurnedAway as errors:
            raise errors.exceptions[0] from None
        except* (DeskstreamError, TimeoutError) as errors:
            log_.warning("the demo begins again: %r", errors.exceptions[0])
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_AFTER)


async def _live(url: str, credentials: Credentials) -> None:
    """One life of the demo, until it is cancelled or the server goes away for good."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(open_http(url))
        world = World(
            servers=[http],
            account=credentials.account,
            dialogue=Dialogue(LANGUAGES),
            chance=random.Random(),
            drops_per_hour=4.0,
            history=NoHistory(),
        )
        admin = await log_in(http, credentials)
        for name in OPERATORS:
            operator = Operator(world, await _operator(http, admin, name, credentials), name)
            stack.push_async_callback(operator.client.stop)
            stack.push_async_callback(operator.rest)
            await operator.begin()
        await _visitors(world)


async def _operator(http: Servers, admin: Person, name: str, credentials: Credentials) -> Person:
    """The operator of this name with a new password, added if there is none yet."""
    login = f"demo-{name.lower()}"
    password = secrets.token_urlsafe(16)
    response = await persist(admin.http, "GET", "/v1/operators?limit=200")
    for view in msgspec.json.decode(response.content, type=_Operators).items:
        if view.login == login:
            path = f"/v1/operators/{view.id}/password"
            await persist(admin.http, "PUT", path, {"password": password})
            break
    else:
        body = {"name": name, "login": login, "password": password, "desk_limit": 4}
        await persist(admin.http, "POST", "/v1/operators", body, key=secrets.token_hex(8))
    return await log_in(http, Credentials(credentials.account, login, password))


async def _visitors(world: World) -> None:
    """Let visitors come, a few at once, until cancelled."""
    async with asyncio.TaskGroup() as visits:
        under_way: set[asyncio.Task[None]] = set()
        for number in itertools.count(1):
            if len(under_way) < MOST_VISITORS:
                visit = visits.create_task(Visitor(world, number).visit())
                under_way.add(visit)
                visit.add_done_callback(under_way.discard)
            await world.sleep(world.chance.expovariate(VISITORS_PER_MINUTE / 60))
