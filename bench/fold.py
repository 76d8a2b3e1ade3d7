"""The fold: how fast a log becomes state, and how soon a decider with a snapshot decides.

References, in the same run: reading the same records and parsing their JSON with the standard
library, and the `eventsourcing` library rebuilding an aggregate from its SQLite recorder.
Usage: `python -m bench.fold [decisions]`, by default 1,000,000.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import uvloop

from schemas import actions as a
from schemas import codec
from schemas.actions import Action
from schemas.decisions import Fence
from schemas.values import SYSTEM, Actor, TextContent
from streams.clock import SteadyClock
from streams.decider import Decider
from streams.domain.partition import Partition, fold, judge
from streams.log.snapshots import FileSnapshots
from streams.log.sqlite import SqliteLog
from streams.snapshotting import Snapshotting

BATCH = 2_000
CHATS = 50


def actions(count: int) -> list[Action]:
    """An account, its operator, some chats, and messages until there are `count` actions."""
    made: list[Action] = []
    state = Partition()

    def do(data: a.AnyAction, actor: Actor = SYSTEM) -> str:
        number = len(made)
        action = Action(id=f"a{number}", account="acme", actor=actor, at=10**12, data=data)
        decision = judge(state, action, source=number, fence=0)
        fold(state, decision, codec.encode(decision))
        made.append(action)
        return decision.answer.id or ""

    do(a.CreateAccount(name="Acme"))
    ana = do(a.AddOperator(name="Ana", login="ana", role="admin", desk_limit=1_000))
    do(a.SetAvailability(operator=ana, availability="online"))
    for _ in range(CHATS):
        visitor = do(a.AddVisitor())
        chat = do(a.RequestChat(visitor=visitor), Actor(kind="visitor", id=visitor))
        do(a.JoinChat(chat=chat), Actor(kind="operator", id=ana))
    chats = [
        (c.id, Actor(kind="visitor", id=c.visitor)) for c in state.accounts["acme"].chats.values()
    ]
    text = TextContent(text="Is my parcel on its way already? Thank you.")
    while len(made) < count:
        chat, visitor_ = chats[len(made) % CHATS]
        number = len(made)
        made.append(
            Action(
                id=f"a{number}",
                account="acme",
                actor=visitor_,
                at=10**12 + number,
                key=f"k{number}",
                data=a.PostMessage(chat=chat, content=text),
            )
        )
    return made


async def fill(log: SqliteLog, count: int) -> tuple[float, Partition]:
    """Decide `count` actions into the log; gives seconds of judging alone, and the state."""
    state, judging = Partition(), 0.0
    fence = await log.append("events", 0, [codec.encode(Fence(decider="bench", at=0))])
    pending = actions(count)
    for start in range(0, count, BATCH):
        batch = pending[start : start + BATCH]
        await log.append("actions", 0, [codec.encode(action) for action in batch])
        values = []
        for source, action in enumerate(batch, start):
            since = time.perf_counter()
            decision = judge(state, action, source=source, fence=fence)
            judging += time.perf_counter() - since
            value = codec.encode(decision)
            fold(state, decision, value)
            values.append(value)
        await log.append("events", 0, values)
    return judging, state


async def begin(log: SqliteLog, store: FileSnapshots, every: int) -> tuple[float, Decider]:
    """Seconds until a decider's term begins."""
    decider = Decider(log, 0, Snapshotting(store, 0, every=every), SteadyClock(), name="bench")
    since = time.perf_counter()
    running = asyncio.ensure_future(decider.run())
    await decider.ready.wait()
    seconds = time.perf_counter() - since
    await log.append("actions", 0, [b"poison, so that a snapshot is taken"])
    while every == 1 and decider._snapshotting.taken == 0:
        await asyncio.sleep(0.01)
    running.cancel()
    await decider.close()
    return seconds, decider


async def parse(log: SqliteLog) -> float:
    """Seconds to read every record and parse its JSON, with the standard library."""
    since, offset = time.perf_counter(), 0
    while records := await log.read("events", 0, offset, BATCH):
        for record in records:
            json.loads(record.value)
        offset = records[-1].offset + 1
    return time.perf_counter() - since


def rebuild_aggregate(count: int, directory: Path) -> float:
    """Events per second at which `eventsourcing` rebuilds one aggregate of `count` events."""
    from eventsourcing.application import Application
    from eventsourcing.domain import Aggregate, event

    class Chat(Aggregate):
        @event("Opened")
        def __init__(self) -> None:
            self.last = ""
            self.messages = 0

        @event("Posted")
        def post(self, text: str) -> None:
            self.last = text
            self.messages += 1

    app: Application[UUID] = Application(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(directory / "es.db"),
        }
    )
    chat = Chat()
    post: Callable[[str], None] = chat.post
    for number in range(count):
        post(f"message {number}")
        if number % 500 == 499:
            app.save(chat)
    app.save(chat)
    since = time.perf_counter()
    app.repository.get(chat.id)
    return count / (time.perf_counter() - since)


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="deskstream-bench-") as directory:
        path = Path(directory)
        log = await SqliteLog.open(path / "log", partitions=1)
        judging, _ = await fill(log, count)
        parsing = await parse(log)
        empty = FileSnapshots(path / "none", log=log.identity)
        folding, _ = await begin(log, empty, 10**9)
        store = FileSnapshots(path / "snapshots", log=log.identity)
        await begin(log, store, 1)
        starting, _ = await begin(log, store, 10**9)
        reference = rebuild_aggregate(20_000, path)
        await log.close()
    rate = count / folding
    print(
        f"time of fold / of parsing the same JSON with the standard library {folding / parsing:.2f}"
    )
    print(
        f"rate of fold / of eventsourcing's rebuild of an aggregate         {rate / reference:.1f}"
    )
    print(f"fold                {rate:10,.0f} decisions/s (read, decode, check, evolve)")
    print(f"judge               {judging / count * 1e6:10.2f} us each")
    print(f"eventsourcing       {reference:10,.0f} events/s")
    print(f"start with snapshot {starting * 1e3:10.1f} ms at {count:,} decisions")


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
