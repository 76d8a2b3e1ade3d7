"""API processes that are killed, cut off, and compete: their clients lose and double nothing."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cluster.kafka import Broker
from projections.schema import SCHEMA
from schemas.actions import SetAvailability
from simulator.http import open_http
from simulator.people import log_in
from tests.support.members import Members, broker_of_its_own, members_on, rushed
from tests.support.postgres import database_for, require_postgres
from tests.support.process import make_account

pytestmark = pytest.mark.slow

CROWD = 1_000
SEATS = 10
CROWDS = 40
"""Each with connections of its own: in one pool, httpx looks at all who wait at every turn."""

KILLS = 5

NEWER = "import projections.schema; projections.schema.SCHEMA += 1"
"""Code whose tables have another form."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker_of_its_own(tmp_path_factory.mktemp("kafka")) as running:
        yield running


async def complete(members: Members, database: str) -> None:
    """Two of each process."""
    commands = [command for command in ("api", "decider", "projector") for _ in range(2)]
    await members.add_all(commands, database)


async def test_an_api_that_is_killed_while_clients_wait(broker: Broker, tmp_path: Path) -> None:
    require_postgres()
    database = await asyncio.to_thread(database_for, tmp_path)
    async with members_on(broker, tmp_path) as members:
        await complete(members, database)
        api = members.all[0]
        async with rushed(members, await make_account(api.url), least=100) as rush:
            for _ in range(KILLS):
                await rush.more(20, within=60)
                await api.kill()
                await api.start()
            assert rush.world.measures.counts["retries"] > 0


async def test_projectors_that_are_killed_and_rows_built_anew(
    broker: Broker, tmp_path: Path
) -> None:
    require_postgres()
    database = await asyncio.to_thread(database_for, tmp_path)
    async with members_on(broker, tmp_path) as members:
        await complete(members, database)
        who = await make_account(members.all[0].url)
        async with rushed(members, who, least=50) as rush:
            for turn in range(KILLS):
                await rush.more(20, within=60)
                projector = members.all[4 + turn % 2]
                await projector.kill()
                await projector.start()
            said = await members.run("rebuild", database=database)
            assert "built anew" in said


async def test_another_form_of_the_tables_is_built_beside_the_one_that_is_read(
    broker: Broker, tmp_path: Path
) -> None:
    require_postgres()
    database = await asyncio.to_thread(database_for, tmp_path)
    async with members_on(broker, tmp_path) as members:
        await members.add_all(["api", "decider", "projector"], database)
        api, _, projector = members.all
        async with rushed(members, await make_account(api.url), least=100) as rush:
            await rush.more(20, within=60)
            newer = await members.add("projector", code=NEWER, database=database)
            assert f"schema deskstream_{SCHEMA + 1} of" in newer.said
            assert "projections: built anew" in newer.said
            await rush.more(20, within=60)
            await api.stop()
            api.code = NEWER
            await api.start()
            await projector.stop()
            await rush.more(20, within=60)


async def test_a_thousand_race_for_ten_seats_over_two_apis(broker: Broker, tmp_path: Path) -> None:
    require_postgres()
    database = await asyncio.to_thread(database_for, tmp_path)
    async with members_on(broker, tmp_path) as members:
        await complete(members, database)
        urls = [member.url for member in members.all[:2]]
        who = await make_account(urls[0], desk_limit=SEATS, queue_limit=0)
        async with open_http(urls[0]) as http:
            admin = await log_in(http, who)
            online = SetAvailability(operator=admin.viewer.id, availability="online")
            await admin.http.act(online, key=None)
        crowds = (crowd(urls[number % 2], who.account) for number in range(CROWDS))
        outcomes = await asyncio.gather(*crowds)
    assert Counter(itertools.chain(*outcomes)) == {"seat": SEATS, "queue_full": CROWD - SEATS}


async def crowd(url: str, account: str) -> list[str]:
    """Some of all, at once."""
    limits = httpx.Limits(max_connections=5)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits, verify=False) as http:
        return await asyncio.gather(*(ask(http, account) for _ in range(CROWD // CROWDS)))


async def ask(http: httpx.AsyncClient, account: str) -> str:
    """A new visitor asks for a chat."""
    made = (await http.post("/v1/visitors", json={"account": account})).raise_for_status().json()
    headers = {"authorization": f"Bearer {made['token']}"}
    answer = await http.post("/v1/chats", json={}, headers=headers)
    return "seat" if answer.is_success else str(answer.json()["code"])
