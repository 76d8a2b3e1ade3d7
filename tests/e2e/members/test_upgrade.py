"""Processes of a cluster that are replaced, and clients that go from one to another: no seam shows.

As docs/how-to/run-a-cluster.md says: projectors first, then the API's processes, then deciders.
"""

import asyncio
import random
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import pytest
import pytest_asyncio
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from schemas.actions import PostMessage, RequestChat
from schemas.values import TextContent
from simulator.http import Http, Servers, open_http
from simulator.log_over_api import read_events
from simulator.people import Person, become_visitor, log_in
from simulator.transports import WS_PATH, StreamRefused
from tests.support.members import SEED, Members, broker_with_proxy, members_on, rushed
from tests.support.postgres import database_for, require_postgres
from tests.support.process import ServerProcess, make_account
from tests.support.proxy import Proxy, free_ports, proxying
from tests.support.rush import Rush
from tests.support.wanderers import TRANSPORTS, Wanderer

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

STOPS_WITHIN = 5.0
TOLD_WITHIN = 1.5
HOPS = 20

DROPPED = re.compile(r"the connection is lost|StreamLost\('not connected'\)")
"""What becomes of an action when the simulator drops its client's WebSocket."""

TRY_AGAIN = re.compile(
    rf"status 503|unavailable|(Connect|Read|Write|RemoteProtocol)Error.*|{DROPPED.pattern}"
)
"""What may become of one when the process that it came to ends: it is safe to repeat."""


class Installation(NamedTuple):
    """Two of each process, the API's first; a network that can be cut off is before the second."""

    members: Members
    database: str
    proxy: Proxy


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    require_postgres()
    ports, directory = free_ports(), tmp_path_factory.mktemp("installation")
    database = database_for(directory)
    with broker_with_proxy(directory, ports) as broker:
        async with (
            proxying(ports.behind, ports.proxy, random.Random(SEED)) as proxy,
            members_on(broker, directory) as members,
        ):
            adding = [
                members.add("api", database=database),
                members.add("api", database=database, kafka=ports.address),
                *(members.add("projector", database=database) for _ in range(2)),
                *(members.add("decider") for _ in range(2)),
            ]
            await asyncio.gather(*adding)
            yield Installation(members, database, proxy)


# --- clients that go from one process to another ---------------------------------------------


class Hall(NamedTuple):
    """Two processes with an account, and who wanders between them."""

    pools: tuple[Servers, Servers]
    admin: Person
    wanderers: list[Wanderer]

    @property
    def account(self) -> str:
        """The account's id."""
        return self.admin.viewer.account

    async def check(self, servers: Servers) -> None:
        """Everybody has all there is, as this process lists it, once and in order."""
        admin = Http(servers, self.admin.http.token)
        events = [event async for event in read_events(admin)]
        assert [wanderer.name for wanderer in self.wanderers if wanderer.missed(events)] == []


@pytest_asyncio.fixture(loop_scope="module")
async def hall(installation: Installation) -> AsyncIterator[Hall]:
    first, second = (api.url for api in installation.members.all[:2])
    account = f"hall-{secrets.token_hex(4)}"
    async with open_http(first) as one, open_http(second) as other:
        admin = await log_in(one, await make_account(first, account))
        cursor = (await admin.http.get("/v1/state")).json()["id"]
        wanderers = [Wanderer(name, admin, cursor) for name in TRANSPORTS]
        yield Hall((one, other), admin, wanderers)


@asynccontextmanager
async def talk(servers: Servers, account: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """A visitor posts a message after the other; gives what posts another one and tells its id."""
    visitor = await become_visitor(servers, account, "Vera")
    asked = await visitor.http.act(RequestChat(visitor=visitor.viewer.id), None)
    assert asked.id is not None

    async def post() -> str:
        message = PostMessage(chat=asked.id or "", content=TextContent(text="Hello?"))
        return (await visitor.http.act(message, secrets.token_hex(8))).id or ""

    async def go_on() -> None:
        while await post():
            pass

    async with asyncio.TaskGroup() as group:
        posting = group.create_task(go_on())
        yield post
        posting.cancel()


async def test_a_client_goes_from_one_process_to_another_at_any_time(hall: Hall) -> None:
    async def wander(wanderer: Wanderer) -> None:
        for hop in range(HOPS):
            await wanderer.take(hall.pools[hop % 2], 3)

    async with asyncio.timeout(30), talk(hall.pools[0], hall.account):
        await asyncio.gather(*map(wander, hall.wanderers))
    await hall.check(hall.pools[0])


async def test_a_process_that_is_behind_lets_clients_wait_and_resets_none(
    hall: Hall, installation: Installation
) -> None:
    first, second = hall.pools
    async with asyncio.timeout(60), talk(first, hall.account) as post:
        await asyncio.gather(*(each.take(second, 3) for each in hall.wanderers))
        installation.proxy.cut()
        ahead = await post()
        await asyncio.gather(*(each.take(first, 0, up_to=ahead) for each in hall.wanderers))
        await asyncio.gather(*(refused(each, second) for each in hall.wanderers))
        installation.proxy.mend()
        await asyncio.gather(*(insist(each, second) for each in hall.wanderers))
    await hall.check(first)


async def refused(wanderer: Wanderer, servers: Servers) -> None:
    with pytest.raises(StreamRefused) as raised:
        await wanderer.take(servers, 1)
    assert raised.value.status == 503


async def insist(wanderer: Wanderer, servers: Servers) -> None:
    """Come again while one is refused."""
    while True:
        with suppress(StreamRefused):
            return await wanderer.take(servers, 3)


async def test_clients_of_a_process_that_ends_are_told_and_go_on_at_another(
    hall: Hall, installation: Installation
) -> None:
    ending, (first, second) = installation.members.all[0], hall.pools
    following = [asyncio.create_task(each.once(first, wait=30)) for each in hall.wanderers]
    farewell = await Farewell.at(ending, hall.admin)
    async with asyncio.timeout(10):
        while await connections(first) != [1, 2, 1]:
            await asyncio.sleep(0.02)
    stopping = asyncio.create_task(ending.stop())
    async with asyncio.timeout(TOLD_WITHIN):
        await asyncio.gather(*following)
        assert await farewell.code == WSCloseCode.GOING_AWAY
    async with asyncio.timeout(20), talk(second, hall.account):
        await asyncio.gather(*(each.take(second, 3) for each in hall.wanderers))
    assert await stopping < STOPS_WITHIN
    await hall.check(second)
    await ending.start()


async def connections(servers: Servers) -> list[int]:
    """How many follow at a process, over each transport."""
    said = (await servers.get("/metrics")).text
    kinds = ("sse", "websocket", "poll")
    found = [re.search(rf"^deskstream_live_{kind}_connections (\d+)", said, re.M) for kind in kinds]
    return [int(match[1]) if match else 0 for match in found]


class Farewell(WSListener):
    """A WebSocket that waits for the code with which it is closed."""

    def __init__(self) -> None:
        self.code: asyncio.Future[WSCloseCode] = asyncio.get_running_loop().create_future()

    @classmethod
    async def at(cls, api: ServerProcess, person: Person) -> "Farewell":
        """Connect to a process."""
        url = f"{api.url.replace('http', 'ws')}{WS_PATH}"
        token = {"authorization": f"Bearer {person.http.token}"}
        _, farewell = await ws_connect(cls, url, extra_headers=token)
        assert isinstance(farewell, cls)
        return farewell

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """See WSListener."""
        if frame.msg_type == WSMsgType.CLOSE:
            self.code.set_result(frame.get_close_code())
            transport.disconnect()


# --- all processes, one after the other ------------------------------------------------------


async def test_each_process_is_replaced_while_everybody_works(installation: Installation) -> None:
    members, database, _ = installation
    apis, projectors, deciders = members.all[:2], members.all[2:4], members.all[4:]
    who = await make_account(apis[0].url)
    async with rushed(members, who, least=200, others=[apis[1].url]) as rush:
        for old in projectors:
            await rush.more(20, within=60)
            await succeed(members, old, "projector", database=database)
        await rush.more(20, within=60)
        assert disturbed(rush) == Counter()
        for old in apis:
            await restart(old)
            await rush.more(20, within=60)
        seen = disturbed(rush)
        assert seen["ended"] > 0
        for old in deciders:
            await succeed(members, old, "decider")
            await rush.more(20, within=60)
        assert disturbed(rush) == seen
    assert [why for why in rush.world.measures.unknown if not TRY_AGAIN.fullmatch(why)] == []
    assert given_up(rush) == {}
    assert rush.world.measures.counts["resets"] == 0


async def succeed(members: Members, old: ServerProcess, command: str, **settings: str) -> None:
    """A new process begins before the old one is asked to end."""
    await members.add(command, **settings)
    await stop(old)


async def restart(old: ServerProcess) -> None:
    """The same process, at the same address, ends and begins."""
    await stop(old)
    await old.start()


async def stop(old: ServerProcess) -> None:
    assert await old.stop() < STOPS_WITHIN
    assert await old.ended() == 0, old.said


def disturbed(rush: Rush) -> Counter[str]:
    """Why streams ended and actions were sent again, but for what the simulator itself drops."""
    ended = Counter(
        note.word
        for client in rush.world.history.clients
        for note in client.notes
        if note.kind == "ended" and note.word != "dropped"
        if note.word != "ended" or "(poll)" not in client.name  # each poll ends
    )
    unknown = rush.world.measures.unknown
    again = {why: count for why, count in unknown.items() if not DROPPED.fullmatch(why)}
    return ended + Counter(again)


def given_up(rush: Rush) -> dict[str, int]:
    """What people could not do."""
    counts = rush.world.measures.counts
    return {what: n for what, n in counts.items() if "failed" in what or what == "turned away"}
