"""The gateway: who may act, what becomes of it, and what is told when nothing can be told."""

import asyncio

import pytest

from api.gateway import Gateway, Overdue, Unavailable
from schemas import actions as a
from schemas.refusals import Refused
from schemas.values import TextContent
from streams.clock import SteadyClock
from streams.domain.access import Viewer
from streams.log.errors import LogFull
from streams.log.memory import MemoryLog
from tests.support.cluster import SYSTEM, cluster

GROUP = a.AddGroup(name="Sales")


def gateway(log: MemoryLog, *, timeout: float = 5, max_pending: int = 10) -> Gateway:
    return Gateway(log, SteadyClock(), timeout=timeout, max_pending=max_pending)


async def test_who_may_not_is_refused_before_the_log() -> None:
    log = MemoryLog(partitions=1)
    visitor = Viewer(kind="visitor", id="v", account="acme")
    with pytest.raises(Refused) as refused:
        await gateway(log).act(visitor, GROUP)
    assert refused.value.code == "not_allowed"
    assert await log.end("actions", 0) == 0


async def test_a_refusal_of_the_decider_is_raised() -> None:
    async with cluster() as at:
        with pytest.raises(Refused) as refused:
            await at.act(GROUP)
        assert refused.value.code == "account_unknown"


async def test_the_same_key_gives_the_same_answer_and_happens_once() -> None:
    async with cluster() as at:
        await at.act(a.CreateAccount(name="Acme"))
        first = await at.act(GROUP, key="k")
        assert await at.act(GROUP, key="k") == first
        assert at.decisions[-1].version == first.version


async def test_the_same_key_of_somebody_else_is_another_action() -> None:
    async with cluster() as at:
        ana = await at.staffed()
        first = await at.act(GROUP, key="k")
        assert (await at.act(GROUP, ana, key="k")).id != first.id


async def test_an_action_larger_than_a_record_is_refused_before_the_log() -> None:
    async with cluster(MemoryLog(max_record_bytes=4_096)) as at:
        text = "\N{GRINNING FACE}" * 1_100
        with pytest.raises(Refused) as refused:
            await at.act(a.PostMessage(chat="c", content=TextContent(text=text)))
        assert refused.value.code == "record_too_large"
        assert await at.log.end("actions", 0) == 0
        assert at.gateway.pending == 0


async def test_what_the_log_does_not_take_is_unavailable() -> None:
    log = MemoryLog(partitions=1)
    log.failing = LogFull("no room")
    with pytest.raises(Unavailable, match="no room"):
        await gateway(log).act(SYSTEM, GROUP)


async def test_too_many_waiting_are_refused() -> None:
    at = gateway(MemoryLog(partitions=1), max_pending=1)
    at.submit(SYSTEM, GROUP, lambda _: None)
    with pytest.raises(Unavailable):
        at.submit(SYSTEM, GROUP, lambda _: None)


async def test_without_a_decision_in_time_the_outcome_is_said_to_be_unknown() -> None:
    at = gateway(MemoryLog(partitions=1), timeout=0.01)
    running = asyncio.ensure_future(at.run())
    with pytest.raises(Overdue):
        await at.act(SYSTEM, GROUP)
    assert at.pending == 0
    running.cancel()


async def test_whoever_stops_waiting_does_not_disturb_the_others() -> None:
    async with cluster() as at:
        await at.staffed()
        visitor = await at.visitor()
        chat = await at.chat(visitor)
        message = a.PostMessage(chat=chat, content=TextContent(text="hi"))
        impatient = asyncio.ensure_future(at.act(message, visitor))
        await asyncio.sleep(0)
        impatient.cancel()
        assert (await at.act(message, visitor)).id is not None
        assert at.gateway.pending == 0


async def test_actions_of_one_turn_are_one_append() -> None:
    async with cluster() as at:
        await at.act(a.CreateAccount(name="Acme"))
        answers = await asyncio.gather(*(at.act(a.AddGroup(name=f"g{n}")) for n in range(20)))
        assert [answer.version for answer in answers] == list(range(2, 22))
