"""The decider's loop: terms, recovery, snapshots, timers, and what is told to those who wait."""

import asyncio

import pytest

from schemas import actions as a
from schemas import codec
from schemas.decisions import Decision, Fence
from schemas.events import ConversationClosed
from schemas.refusals import Refused
from schemas.signals import QueuePosition
from schemas.values import TextContent
from streams.log.errors import LogUnavailable
from streams.log.memory import MemoryLog
from streams.log.snapshots import MemorySnapshots, Snapshot
from tests.support.cluster import Cluster, cluster


async def say(at: Cluster, times: int) -> None:
    """Some messages in a new chat."""
    visitor = await at.visitor()
    chat = await at.chat(visitor)
    for number in range(times):
        message = a.PostMessage(chat=chat, content=TextContent(text=f"message {number}"))
        await at.act(message, visitor, key=f"key {number}")


async def test_an_action_is_answered_from_the_log() -> None:
    async with cluster() as at:
        answer = await at.act(a.CreateAccount(name="Acme"))
        assert answer.version == 1
        assert answer.id == at.decisions[0].events[0].id


async def test_a_term_begins_with_a_fence_that_its_decisions_carry() -> None:
    async with cluster() as at:
        await at.act(a.CreateAccount(name="Acme"))
        first, second = await at.log.read("events", 0, 0)
        assert isinstance(codec.decode_event_record(first.value), Fence)
        decision = codec.decode_event_record(second.value)
        assert isinstance(decision, Decision)
        assert decision.fence == first.offset


async def test_a_new_term_goes_on_where_the_last_one_ended() -> None:
    log = MemoryLog(partitions=1)
    async with cluster(log) as at:
        await at.staffed()
        version = (await at.act(a.AddGroup(name="Sales"))).version
    async with cluster(log) as at:
        assert (await at.act(a.AddGroup(name="Help"))).version == version + 1


async def test_a_failed_write_ends_the_term_and_nothing_is_decided_twice() -> None:
    async with cluster() as at:
        await at.act(a.CreateAccount(name="Acme"))
        terms = at.decider.terms
        appended = at.log.append
        failures = [LogUnavailable("the disk is full")]

        def failing(topic, partition, values):  # type: ignore[no-untyped-def]
            if topic == "events" and failures:
                at.log.failing = failures.pop()
            try:
                return appended(topic, partition, values)
            finally:
                at.log.failing = None

        at.log.append = failing  # type: ignore[method-assign]
        answer = await at.act(a.AddGroup(name="Sales"))
        assert answer.version == 2
        assert at.decider.terms == terms + 1
        assert [d.version for d in at.decisions] == [1, 2]


async def test_poison_is_a_refused_decision_and_the_next_action_is_decided() -> None:
    async with cluster() as at:
        await at.log.append("actions", 0, [b"\xff not JSON"])
        await at.act(a.CreateAccount(name="Acme"))
        refused = at.decisions[0].refused
        assert refused is not None
        assert refused.code == "malformed"


async def test_a_decision_that_no_record_can_hold_is_a_refusal_and_the_next_one_is_made() -> None:
    async with cluster(MemoryLog(max_record_bytes=4_096)) as at:
        await at.staffed()
        visitor = await at.visitor()
        chat = await at.chat(visitor)
        message = a.PostMessage(chat=chat, content=TextContent(text="x" * 3_790))
        with pytest.raises(Refused) as refused:
            await at.act(message, visitor)
        assert refused.value.code == "record_too_large"
        await at.act(a.PostMessage(chat=chat, content=TextContent(text="x")), visitor)
        assert (at.decider.terms, at.decider.lag) == (1, 0)


async def test_decisions_that_are_too_large_for_one_append_are_appended_in_portions() -> None:
    async with cluster(MemoryLog(max_record_bytes=4_096, max_append_bytes=10_000)) as at:
        await at.staffed()
        visitor = await at.visitor()
        chat = await at.chat(visitor)
        message = a.PostMessage(chat=chat, content=TextContent(text="x" * 3_000))
        await asyncio.gather(*(at.act(message, visitor) for _ in range(100)))
        assert at.decider.terms == 1


async def test_a_newer_fence_of_another_decider_ends_the_term() -> None:
    async with cluster() as at:
        await at.act(a.CreateAccount(name="Acme"))
        await at.log.append("events", 0, [codec.encode(Fence(decider="two", at=1))])
        assert (await at.act(a.AddGroup(name="Sales"))).version == 2
        assert at.decider.terms == 2


async def test_a_snapshot_and_the_log_after_it_give_the_same_state() -> None:
    log, store = MemoryLog(partitions=1), MemorySnapshots()
    async with cluster(log, store, every=5) as at:
        await at.staffed()
        await say(at, 40)
        taken = at.decider._snapshotting.taken
        assert taken > 0
    async with cluster(log, store) as restarted, cluster(log, MemorySnapshots()) as folded:
        answers = []
        for at in (restarted, folded):
            visitor = await at.visitor()
            answers.append(await at.chat(visitor))
        assert answers[0] < answers[1]


async def test_a_repeated_key_is_known_after_a_restart_from_a_snapshot() -> None:
    log, store = MemoryLog(partitions=1), MemorySnapshots()
    async with cluster(log, store, every=3) as at:
        await at.act(a.CreateAccount(name="Acme"))
        first = await at.act(a.AddGroup(name="Sales"), key="once")
        for number in range(10):
            await at.act(a.AddGroup(name=f"Group {number}"))
    async with cluster(log, store) as at:
        assert await at.act(a.AddGroup(name="Sales"), key="once") == first


async def test_a_snapshot_that_cannot_be_read_is_not_used() -> None:
    log, store = MemoryLog(partitions=1), MemorySnapshots()
    async with cluster(log) as at:
        await at.act(a.CreateAccount(name="Acme"))
    await store.save(0, Snapshot(99, b"garbage"))
    async with cluster(log, store) as at:
        with pytest.raises(Refused) as refused:
            await at.act(a.CreateAccount(name="Acme"))
        assert refused.value.code == "account_exists"


async def test_an_offer_that_nobody_takes_runs_out() -> None:
    async with cluster() as at:
        await at.staffed(no_answer_after=1_000)
        await at.chat(await at.visitor())
        async with asyncio.timeout(5):
            while not _closed(at):
                await asyncio.sleep(0.01)
        assert [e.reason for e in _closed(at)] == ["no_answer"]


async def test_an_offer_runs_out_also_when_a_new_term_began_meanwhile() -> None:
    log = MemoryLog(partitions=1)
    async with cluster(log) as at:
        await at.staffed(no_answer_after=1_000)
        await at.chat(await at.visitor())
    async with cluster(log) as at, asyncio.timeout(5):
        while not _closed(at):
            await asyncio.sleep(0.01)


async def test_those_who_wait_are_told_their_place_when_the_queue_moves() -> None:
    async with cluster() as at:
        await at.staffed(desk_limit=1)
        visitors = [await at.visitor() for _ in range(3)]
        chats = [await at.chat(visitor) for visitor in visitors]
        await at.act(a.CloseChat(chat=chats[0]), visitors[0])
        async with asyncio.timeout(5):
            while not await _places(at, after=3):
                await asyncio.sleep(0)
        assert await _places(at, after=3) == [(chats[2], 1)]
        assert await _places(at) == [
            (chats[1], 1), (chats[1], 1), (chats[2], 2), (chats[2], 1),
        ]  # fmt: skip


def _closed(at: Cluster) -> list[ConversationClosed]:
    events = [event for decision in at.decisions for event in decision.events]
    return [e.data for e in events if isinstance(e.data, ConversationClosed)]


async def _places(at: Cluster, after: int = 0) -> list[tuple[str, int]]:
    records = (
        await at.log.read("signals", 0, after) if after else await at.log.read("signals", 0, 0)
    )
    signals = [codec.decode_signal(record.value) for record in records]
    data = [signal.data for signal in signals]
    return [(d.chat, d.position) for d in data if isinstance(d, QueuePosition)]
