"""Logs with everything on them that can stand on a log, and their moves."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace

from api.gateway import Gateway, Origin
from schemas import actions as a
from schemas import codec
from schemas.actions import Action, AnyAction
from schemas.decisions import Decision
from schemas.refusals import Refused
from schemas.values import SYSTEM, TextContent
from streams.acceptance import Acceptance
from streams.clock import SteadyClock
from streams.decider import Decider
from streams.domain.access import Viewer
from streams.domain.partition import Partition, fold
from streams.feed import EventFeed
from streams.log.partitioner import partition_of
from streams.log.port import Log, LogRecord, Topic
from streams.log.snapshots import MemorySnapshots
from streams.snapshotting import Snapshotting
from streams.transfer.archive import ArchiveWriter, Keys
from streams.transfer.exporting import export
from streams.transfer.importing import import_into, prove

ACCOUNTS = [f"account-{number}" for number in range(9)]
MADE_AT = 1_800_000_000_000


class Desk:
    """Deciders of every partition of a log, and who asks them."""

    def __init__(self, log: Log) -> None:
        self.log = log
        clock = SteadyClock()
        self.gateway = Gateway(log, clock, timeout=5, max_pending=1_000)
        self.deciders = [
            Decider(log, n, Snapshotting(MemorySnapshots(), n, every=10**6), clock, name=f"d{n}")
            for n in range(log.partitions)
        ]
        self.feed = EventFeed(log)
        self.feed.subscribe(self.gateway.decided)

    async def act(self, account: str, data: AnyAction, key: str | None = None) -> str:
        viewer = Viewer(kind="system", id="system", account=account)
        return (await self.gateway.act(viewer, data, Origin(key))).id or ""


@asynccontextmanager
async def desk_on(log: Log) -> AsyncIterator[Desk]:
    desk = Desk(log)
    works = [decider.run() for decider in desk.deciders]
    works += [desk.feed.run(number) for number in range(log.partitions)]
    tasks = [asyncio.create_task(work) for work in works]
    try:
        for decider in desk.deciders:
            await decider.ready.wait()
        yield desk
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def chats(desk: Desk, account: str) -> None:
    """An account with a chat, a refusal and a repetition."""
    with suppress(Refused):
        await desk.act(account, a.AddVisitor())  # there is no such account yet
    await desk.act(account, a.CreateAccount(name=account))
    operator = await desk.act(account, a.AddOperator(name="Ana", login="ana"))
    await desk.act(account, a.SetAvailability(operator=operator, availability="online"))
    visitor = await desk.act(account, a.AddVisitor(name="Véra"))
    chat = await desk.act(account, a.RequestChat(visitor=visitor))
    hello = a.PostMessage(chat=chat, content=TextContent(text='Hello\n"you"\u2028'))
    for _ in range(2):
        await desk.act(account, hello, key="once")
    with suppress(Refused):
        await desk.act(account, a.CloseChat(chat="none"))


async def put(log: Log, topic: Topic, account: str, value: bytes) -> None:
    await log.append(topic, partition_of(account, log.partitions), [value])


def pending_action(account: str) -> bytes:
    data = a.AddVisitor(name="Late")
    action = Action(id=f"late-{account}", account=account, actor=SYSTEM, at=1, data=data)
    return codec.encode(action)


async def populate(log: Log) -> None:
    """Two terms, poison in both topics, what a zombie wrote, visits, and actions undecided."""
    async with desk_on(log) as desk:
        await asyncio.gather(*(chats(desk, account) for account in ACCOUNTS[:5]))
        await put(log, "actions", ACCOUNTS[0], b"\xff no text")
        await put(log, "actions", ACCOUNTS[1], b'{"pretty":\n"JSON"}')
        await desk.act(ACCOUNTS[0], a.AddVisitor())
        await desk.act(ACCOUNTS[1], a.AddVisitor())
    await put(log, "events", ACCOUNTS[2], b"poison")
    async with desk_on(log) as desk:
        await asyncio.gather(*(chats(desk, account) for account in ACCOUNTS[5:]))
    zombie = next(d for d in (await accepted(log))[ACCOUNTS[3]] if d.events)
    await put(log, "events", ACCOUNTS[3], codec.encode(zombie))
    for account in ACCOUNTS:
        await put(log, "actions", account, pending_action(account))
        await put(log, "visits", account, json.dumps({"account": account, "url": "/"}).encode())
    await put(log, "actions", ACCOUNTS[4], b"poison")


async def accepted(log: Log) -> defaultdict[str, list[Decision]]:
    """What every reader accepts, but for what tells of an import, by account."""
    found: defaultdict[str, list[Decision]] = defaultdict(list)
    for number in range(log.partitions):
        reader, state = Acceptance(), Partition()
        for record in await everything(log, "events", number):
            decision = reader.read(record.offset, record.value)
            if decision is not None:
                fold(state, decision, record.value)
                found[decision.account].append(decision)
    return found


async def everything(log: Log, topic: Topic, number: int) -> list[LogRecord]:
    records: list[LogRecord] = []
    start = 0
    while batch := await log.read(topic, number, start):
        records += batch
        start = batch[-1].offset + 1
    return records


def told(decisions: list[Decision]) -> list[Decision]:
    """Decisions without their places."""
    return [
        replace(decision, source=0, fence=0, prev="")
        for decision in decisions
        if not (decision.refused and "This log was imported" in decision.refused.detail)
    ]


async def states(log: Log) -> dict[str, dict[str, Any]]:
    """Each account's folded state, but for its place on the log."""
    found = {}
    for number in range(log.partitions):
        reader, state = Acceptance(), Partition()
        for record in await everything(log, "events", number):
            decision = reader.read(record.offset, record.value)
            if decision is not None:
                fold(state, decision, record.value)
        for account in state.accounts.values():
            found[account.id] = {**asdict(account), "chain": "", "source": 0}
    return found


async def save(log: Log, path: Path, keys: Keys | None = None) -> Path:
    with ArchiveWriter(path) as archive:
        await export(log, archive, made_at=MADE_AT, keys=keys)
    return path


async def load(log: Log, path: Path) -> None:
    await import_into(log, path, prove(path))


async def assert_same(log: Log, other: Log) -> None:
    old, new = await accepted(log), await accepted(other)
    assert {name: told(old[name]) for name in ACCOUNTS} == {
        name: told(new[name]) for name in ACCOUNTS
    }
    poison = [told(decisions[""]) for decisions in (old, new)]
    assert sorted(map(codec.encode, poison[0])) == sorted(map(codec.encode, poison[1]))
    assert await states(log) == await states(other)
