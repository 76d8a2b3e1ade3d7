"""What the projections cost, beside bare sqlite3 writing the same rows in the same run.

    python -m bench.projections [directory]

Ratios come first. One partition, 10 accounts with 10 open chats each, messages of some 50
characters. "GIL" is the time of the interpreter, which the event loop cannot have meanwhile:
reading records, taking them up and encoding rows. It leaves out the statements, in which the
driver has given the lock away but for binding their values.
"""

import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import Connection, create_engine

from projections.bulk import Bulk
from projections.events import events
from projections.messages import messages
from projections.projector import BATCH, rebuild
from projections.reading import Cut
from projections.schema import metadata
from projections.store import Projections
from projections.take_up import Batch, TakeUp
from schemas import codec
from schemas import events as e
from schemas.decisions import Decision, Fence
from schemas.events import AnyEvent, Event
from schemas.ids import event_id
from schemas.values import SYSTEM, AccountSettings, Actor, TextContent
from streams.acceptance import Acceptance
from streams.domain.access import Viewer
from streams.log.memory import MemoryLog
from streams.log.port import LogRecord

ACCOUNTS = 10
CHATS = 10
DECISIONS = 200_000
START = 1_700_000_000_000
RATE = 12_000
PERIOD = 0.005


class Story:
    """Decisions made by hand: fast enough to make very many."""

    def __init__(self) -> None:
        self.records = [codec.encode(Fence(decider="bench", at=START))]
        self.versions: dict[str, int] = {}
        self._chats: list[tuple[str, str, str]] = []
        for number in range(ACCOUNTS):
            self._account(f"account{number}")

    def talk(self) -> str:
        """One message in one of the chats; the account that it belongs to."""
        count = len(self.records)
        account, chat, visitor = self._chats[count * 7919 % len(self._chats)]
        content = TextContent(text=f"Hello, this is message {count}. How are you doing today?")
        self._decide(account, e.MessagePosted(content=content), chat=chat, visitor=visitor)
        return account

    def _account(self, account: str) -> None:
        self._decide(account, e.AccountCreated(name=account, settings=AccountSettings()))
        operator = self._decide(account, e.OperatorAdded(name="o", login="o", role="admin"))
        desk = self._decide(account, e.DeskAdded(name="o", operator=operator))
        for _ in range(CHATS):
            visitor = self._decide(account, e.VisitorAdded(name="v"))
            chat = self._decide(account, e.ChatRequested(visitor=visitor), visitor=visitor)
            opened = e.ConversationOpened(desk=desk, offered_until=START)
            self._decide(account, opened, chat=chat, visitor=visitor)
            joined = e.ChatJoined(operator=operator, role="owner")
            self._decide(account, joined, chat=chat, visitor=visitor)
            self._chats.append((account, chat, visitor))

    def _decide(
        self, account: str, data: AnyEvent, *, chat: str | None = None, visitor: str = ""
    ) -> str:
        source = len(self.records) - 1
        version = self.versions[account] = self.versions.get(account, 0) + 1
        id = event_id(START + source, version)
        actor = Actor(kind="visitor", id=visitor) if visitor else SYSTEM
        event = Event(
            id=id,
            version=version,
            at=START + source,
            actor=actor,
            audience=("staff", f"visitor:{visitor}") if visitor else ("staff",),
            data=data,
            chat=chat or (id if isinstance(data, e.ChatRequested) else None),
            conversation=chat,
        )
        decision = Decision(
            account=account,
            action=f"0123456789abcdef-{source:x}",
            actor=actor,
            at=START + source,
            source=source,
            fence=0,
            rules=1,
            prev="0" * 64,
            version=version,
            events=(event,),
        )
        self.records.append(codec.encode(decision))
        return id


async def following(directory: Path, records: list[LogRecord], batch: int) -> float:
    """Microseconds per event of taking up batch after batch."""
    projections = await Projections.open(f"sqlite:///{directory}/follow-{batch}")
    generation = projections.generations.current
    assert generation is not None
    started = time.perf_counter()
    for start in range(0, len(records), batch):
        await generation.take(0, records[start : start + batch])
    seconds = time.perf_counter() - started
    await projections.close()
    return seconds / len(records) * 1e6


def bare(directory: Path, source: Path, batch: int) -> float:
    """Microseconds per event of writing the same events and messages with sqlite3 alone."""
    connection = sqlite3.connect(source)
    schema = [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master") if sql]
    rows = {t.name: connection.execute(f"SELECT * FROM {t.name}").fetchall() for t in TABLES}
    connection.close()
    connection = sqlite3.connect(directory / f"bare-{batch}", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    for sql in schema:
        connection.execute(sql)
    count = len(rows[events.name])
    started = time.perf_counter()
    for start in range(0, count, batch):
        connection.execute("BEGIN")
        for table in TABLES:
            marks = ", ".join("?" for _ in table.columns)
            part = rows[table.name][start : start + batch]
            connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", part)
        connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    return seconds / count * 1e6


TABLES = (events, messages)


def interpreter_cost(records: list[LogRecord], batch: int) -> float:
    """Microseconds of this thread's time per event, all but the statements themselves."""
    engine = create_engine("sqlite://")
    take_up, acceptance = TakeUp(), Acceptance()
    with engine.begin() as connection, patch.object(Bulk, "run", _flatten):
        metadata.create_all(connection)
        started = time.thread_time()
        for start in range(0, len(records), batch):
            read = (
                acceptance.take(offset, codec.decode_event_record(value))
                for offset, value in records[start : start + batch]
            )
            decisions = [decision for decision in read if decision is not None]
            take_up.apply(connection, Batch(0, decisions, acceptance, ""))
        seconds = time.thread_time() - started
    engine.dispose()
    return seconds / len(records) * 1e6


def _flatten(_: Bulk, _connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    tuple(chain.from_iterable(rows))


async def query_times(projections: Projections) -> dict[str, float]:
    """Medians in milliseconds."""
    viewer = Viewer(kind="operator", id="o", account="account1", role="agent")
    newest = await projections.version("account1")
    chat = (await projections.open_chats("account1"))[0].id
    queries: dict[str, Callable[[], Awaitable[object]]] = {
        "version": lambda: projections.version("account1"),
        "state_for": lambda: projections.state_for(viewer),
        "events_after, 1,000": lambda: projections.events_after("account1", newest - 1_000),
        "messages, 100": lambda: projections.messages(
            viewer, Cut(limit=100, order="newest"), chat=chat
        ),
    }
    return {name: await _median(query) for name, query in queries.items()}


async def _median(query: Callable[[], Awaitable[object]]) -> float:
    seconds = []
    for _ in range(50):
        started = time.perf_counter()
        await query()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) * 1e3


async def rebuilding(directory: Path, records: list[bytes]) -> tuple[float, dict[str, float]]:
    """Events per second of building anew, and how long queries take afterwards."""
    log = MemoryLog()
    for start in range(0, len(records), 1_000):
        await log.append("events", 0, records[start : start + 1_000])
    projections = await Projections.open(f"sqlite:///{directory}/rebuilt")
    started = time.perf_counter()
    await rebuild(log, projections)
    rate = len(records) / (time.perf_counter() - started)
    times = await query_times(projections)
    await projections.close()
    await log.close()
    return rate, times


async def measure(directory: Path) -> None:
    """Measure and print."""
    story = Story()
    while len(story.records) < DECISIONS:
        story.talk()
    records = [LogRecord(offset, value) for offset, value in enumerate(story.records)]
    rate, times = await rebuilding(directory, story.records)
    lock = interpreter_cost(records, round(RATE * PERIOD))
    for batch in (60, BATCH):
        part = records[: 20_000 if batch < BATCH else None]
        took = await following(directory, part, batch)
        reference = bare(directory, directory / f"follow-{batch}", batch)
        print(
            f"following, {batch} a batch: {took / reference:.1f} x bare sqlite3 "
            f"({took:.1f} and {reference:.1f} us an event)"
        )
    print(f"rebuild: {rate / 20_000:.1f} x the 20,000 events/s asked for ({rate:,.0f}/s)")
    print(f"GIL: {lock / 12:.1f} x the 12 us an event allowed ({lock:.1f} us)")
    for name, milliseconds in times.items():
        print(f"{name}: {milliseconds:.2f} ms")


def main() -> None:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        asyncio.run(measure(Path(name)))


if __name__ == "__main__":
    main()
