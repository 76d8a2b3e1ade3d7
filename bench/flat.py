"""Whether the cost stays flat: the same load on an installation that has seen little, and much.

The log of each case is written by the deciding code itself; then a server is started on it and
50 clients talk over WebSocket, as in `bench.messages`. The first case is the reference.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import NamedTuple

import httpx
import uvloop

from api.auth.visitor_tokens import VisitorTokens
from bench.messages import SECONDS, over_websocket
from bench.server import Desk, Running, started
from schemas import actions as a
from schemas import codec
from schemas.actions import Action, AnyAction
from schemas.decisions import Fence
from schemas.values import SYSTEM, AccountSettings, Actor, TextContent
from streams.clock import SteadyClock
from streams.domain.partition import Partition, fold, judge
from streams.log.partitioner import partition_of
from streams.log.sqlite import SqliteLog

PARTITIONS = 4
CLIENTS = 50
SECRET = "the secret of a measurement, long enough"
BATCH = 1_000
ROOMY = AccountSettings(desk_limit=1_000, no_answer_after=86_400_000, queue_limit=100_000)
TEXT = TextContent(text="Is my parcel on its way already? Thank you.")


class Case(NamedTuple):
    """What has happened before: accounts, messages of the past, chats that are open."""

    accounts: int
    messages: int
    chats: int


CASES = (
    Case(10, 1_000, CLIENTS),
    Case(10_000, 1_000, CLIENTS),
    Case(10, 1_000_000, CLIENTS),
    Case(10, 1_000, 5_000),
)


class Past:
    """Writes a log as if everything had been asked for over the API."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self._states = [Partition() for _ in range(PARTITIONS)]
        self._fences: list[int] = []
        self._actions: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
        self._decisions: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
        self._clock = SteadyClock()
        self._number = 0

    async def begin(self) -> None:
        fence = codec.encode(Fence(decider="past", at=self._clock()))
        for partition in range(PARTITIONS):
            self._fences.append(await self._log.append("events", partition, [fence]))

    async def do(self, account: str, data: AnyAction, actor: Actor = SYSTEM) -> str:
        self._number += 1
        place = partition_of(account, PARTITIONS)
        state = self._states[place]
        action = Action(
            id=f"p{self._number}", account=account, actor=actor, at=self._clock(), data=data
        )
        fence = self._fences[place]
        decision = judge(state, action, source=state.source + 1, fence=fence)
        assert decision.refused is None, decision.refused
        value = codec.encode(decision)
        fold(state, decision, value)
        self._actions[place].append(codec.encode(action))
        self._decisions[place].append(value)
        if len(self._actions[place]) >= BATCH:
            await self.write(place)
        return decision.answer.id or ""

    async def write(self, place: int) -> None:
        if self._actions[place]:
            await self._log.append("actions", place, self._actions[place])
            await self._log.append("events", place, self._decisions[place])
        self._actions[place], self._decisions[place] = [], []


async def live_through(past: Past, case: Case) -> list[tuple[str, str]]:
    """Make what the case says; gives the visitors of account `main` with their chats."""
    await past.begin()
    visitors = []
    for number in range(case.accounts):
        account = "main" if number == 0 else f"account-{number}"
        await past.do(account, a.CreateAccount(name=account, settings=ROOMY))
        for seat in range(case.chats // 1_000 + 1 if number == 0 else 1):
            login = f"op{seat}"
            made = await past.do(account, a.AddOperator(name=login, login=login))
            ana = Actor(kind="operator", id=made)
            await past.do(account, a.SetAvailability(operator=made, availability="online"), ana)
        for _ in range(case.chats if number == 0 else 1):
            visitor = await past.do(account, a.AddVisitor())
            self = Actor(kind="visitor", id=visitor)
            chat = await past.do(account, a.RequestChat(visitor=visitor), self)
            if number == 0:
                visitors.append((visitor, chat))
    for number in range(case.messages):
        visitor, chat = visitors[number % len(visitors)]
        self = Actor(kind="visitor", id=visitor)
        await past.do("main", a.PostMessage(chat=chat, content=TEXT), self)
    for place in range(PARTITIONS):
        await past.write(place)
    return visitors


async def ready(running: Running) -> None:
    """Wait until the projections, which begin empty, have caught up."""
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as http:
        while (await http.get("/readyz")).is_error:
            await asyncio.sleep(0.1)


async def measure(case: Case) -> tuple[float, float]:
    """Messages per second and the server's CPU microseconds for each."""
    with tempfile.TemporaryDirectory(prefix="deskstream-bench-") as directory:
        data = Path(directory)
        log = await SqliteLog.open(data / "log", partitions=PARTITIONS)
        visitors = await live_through(Past(log), case)
        await log.close()
        sign = VisitorTokens(SECRET, SteadyClock(), hours=1)
        tokens = [(sign.issue("main", v).token, chat) for v, chat in visitors[:CLIENTS]]
        with started(data, DESKSTREAM_SECRET=SECRET) as running:
            await ready(running)
            before = running.usage.cpu()
            latencies = await over_websocket(running, Desk("", tokens), CLIENTS)
            cpu = running.usage.cpu() - before
    return len(latencies) / SECONDS, cpu / len(latencies) * 1e6


async def main() -> None:
    reference = 0.0
    for case in CASES:
        rate, cpu = await measure(case)
        reference = reference or cpu
        print(
            f"{cpu / reference:5.2f} x CPU   {rate:8,.0f}/s  {cpu:5.0f} us each   "
            f"{case.accounts:,} accounts, {case.messages:,} messages, {case.chats:,} chats",
            flush=True,
        )


if __name__ == "__main__":
    uvloop.run(main())
