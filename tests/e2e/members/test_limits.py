"""A broker without room, and records that are too large: who asks is told, and all goes on."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import actions as a
from schemas import codec
from schemas.actions import Action
from schemas.values import SYSTEM, TextContent
from simulator.errors import OutcomeUnknown
from simulator.http import Http
from simulator.people import become_visitor
from streams.acceptance import Acceptance
from streams.log.kafka import KafkaLimits, KafkaLog
from streams.log.partitioner import partition_of
from tests.support.disk import fill, small_disk
from tests.support.eventually import eventually
from tests.support.kafka import shared_broker
from tests.support.members import PARTITIONS, PROPERTIES, broker_of_its_own, members_on, rushed
from tests.support.process import make_account

pytestmark = pytest.mark.slow

NOWHERE = a.PostMessage(chat="nowhere", content=TextContent(text="x"))
MAX_RECORD = 4_096
WITHIN_TOPICS = 8 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "64m") as directory:
        yield directory


async def refused_for_now(http: Http) -> str:
    """How somebody is told that nothing can be decided."""
    with pytest.raises(OutcomeUnknown) as error:
        await http.act(NOWHERE, None)
    return str(error.value)


def saying(chat: str, text: str) -> a.PostMessage:
    return a.PostMessage(chat=chat, content=TextContent(text=text))


async def code_of(http: Http, data: a.AnyAction) -> str | None:
    """The code of the refusal, if it is refused."""
    refused = (await http.act(data, None)).refused
    return None if refused is None else refused.code


async def write_as_others(log: KafkaLog, account: str, group: str) -> None:
    """What no process of ours writes, and the topics take: poison, and an action."""
    groups = (group,) * (WITHIN_TOPICS // (len(group) + 4))
    action = Action(
        id="huge",
        account=account,
        actor=SYSTEM,
        at=int(time.time() * 1000),
        data=a.AddDesk(name="Huge", groups=groups),
    )
    partition = partition_of(account, PARTITIONS)
    await log.append("actions", partition, [b"\xff" * WITHIN_TOPICS])
    await log.append("actions", partition, [codec.encode(action)])


async def refusals(log: KafkaLog, partition: int) -> set[tuple[str, str]]:
    """Each refused action and the code, as all readers accept it."""
    found = set()
    acceptance = Acceptance()
    while records := await log.read("events", partition, acceptance.offset):
        for record in records:
            decision = acceptance.read(*record)
            if decision is not None and decision.refused is not None:
                found.add((decision.action, decision.refused.code))
    return found


async def test_a_broker_whose_disk_is_full_until_there_is_room_again(
    disk: Path, tmp_path: Path
) -> None:
    properties = {**PROPERTIES, "log.dirs": str(disk)}
    with broker_of_its_own(tmp_path, properties) as broker:
        async with members_on(broker, tmp_path) as members:
            await asyncio.gather(members.add("serve", answer_timeout="3"), members.add("decider"))
            async with rushed(members, await make_account(members.all[0].url), least=50) as rush:
                await rush.more(20)
                filler = disk / "filler"
                fill(filler)
                await eventually(lambda: not broker.running, within=30)
                assert rush.admin is not None
                assert await refused_for_now(rush.admin.http) in {"status 503", "status 504"}
                filler.unlink()
                await asyncio.to_thread(broker.start)
                await rush.more(20, within=60)
            for member in members.all:
                assert "Traceback" not in member.said, member.said


async def test_what_no_record_can_hold_is_refused_and_everything_else_goes_on(
    tmp_path: Path,
) -> None:
    broker = await asyncio.to_thread(shared_broker)
    async with members_on(broker, tmp_path) as members:
        limits = {"kafka_session": "6", "max_record": str(MAX_RECORD)}
        await members.add("serve", **limits)
        decider = await members.add("decider", **limits)
        who = await members.account_of(decider)
        log = await KafkaLog.open(members.connection, limits=KafkaLimits(WITHIN_TOPICS))
        try:
            async with rushed(members, who, least=50) as rush:
                assert rush.admin is not None
                visitor = await become_visitor(rush.http, who.account, "Vic")
                chat = (
                    await visitor.http.act(a.RequestChat(visitor=visitor.viewer.id), None)
                ).id or ""
                for text in ("\N{GRINNING FACE}" * 1_100, "x" * 3_790):
                    assert await code_of(visitor.http, saying(chat, text)) == "record_too_large"
                    assert await code_of(visitor.http, saying(chat, "x")) is None
                group = (await rush.admin.http.act(a.AddGroup(name="Others"), None)).id or ""
                await write_as_others(log, who.account, group)
                await rush.more(20)
            partition = partition_of(who.account, PARTITIONS)
            told = {(id.partition("-")[0], code) for id, code in await refusals(log, partition)}
            assert told >= {("malformed", "malformed"), ("huge", "record_too_large")}
        finally:
            await log.close()
        assert "term ended" not in decider.said
        assert "Traceback" not in decider.said
