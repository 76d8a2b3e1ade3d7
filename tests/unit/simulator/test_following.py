"""A stream is taken up again from its cursor, and everything is taken down for the checker."""

import asyncio
import random
from collections.abc import AsyncGenerator

import pytest

from schemas import codec
from schemas.events import AccountCreated, Event
from schemas.ids import event_id
from schemas.values import SYSTEM, AccountSettings
from simulator.following import Following
from simulator.frames import EventFrame, Frame
from simulator.history import ClientHistory
from simulator.measures import Measures
from simulator.transports import StreamLost, StreamRefused, TransportName
from streams.domain.access import Viewer

Script = list[bytes | Exception | None]


def id_of(version: int) -> str:
    return event_id(1_700_000_000_000 + version, version)


def event_frame(version: int, prev: int) -> bytes:
    event = Event(
        id=id_of(version),
        version=version,
        at=1_700_000_000_000 + version,
        actor=SYSTEM,
        audience=(),
        data=AccountCreated(name="acme", settings=AccountSettings()),
    )
    body = codec.encode(event).replace(b'"audience":[],', b"")
    return b'{"type":"event","prev":"' + id_of(prev).encode() + b'",' + body[1:]


def caught_up(version: int) -> bytes:
    return b'{"type":"caught_up","id":"%b","version":%d}' % (id_of(version).encode(), version)


class Scripted:
    """A transport whose connections go as written; None: it stays open."""

    name: TransportName = "sse"

    def __init__(self, *connections: Script) -> None:
        self._connections = list(connections)
        self.resumed_from: list[str | None] = []

    async def frames(self, after: str | None) -> AsyncGenerator[bytes, None]:
        self.resumed_from.append(after)
        for item in self._connections.pop(0):
            if item is None:
                await asyncio.Event().wait()
            elif isinstance(item, Exception):
                raise item
            else:
                yield item


class Taken:
    """Receives what comes."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.losses = 0
        self.news = asyncio.Event()

    def take(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.news.set()

    def lost(self) -> None:
        self.losses += 1


class Stream:
    def __init__(self, *connections: Script) -> None:
        self.transport = Scripted(*connections)
        viewer = Viewer(kind="operator", id="ana", account="acme", role="agent")
        self.history = ClientHistory("ana", viewer)
        self.measures = Measures()
        self.taken = Taken()
        self.following = Following(
            self.transport, self.history, self.measures, self.taken, random.Random(1)
        )
        self.following.cursor = id_of(1)
        self.task = asyncio.create_task(self.following.run())

    async def until(self, version: int) -> None:
        async with asyncio.timeout(5):
            while self.following.version < version or not self.following.live.is_set():
                self.taken.news.clear()
                await self.taken.news.wait()

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_a_broken_stream_goes_on_from_its_cursor() -> None:
    stream = Stream(
        [caught_up(1), event_frame(2, 1), StreamLost("gone")],
        [StreamLost("refused")],
        [event_frame(3, 2), caught_up(3), event_frame(4, 3), None],
    )
    await stream.until(4)
    await stream.stop()
    assert stream.transport.resumed_from == [id_of(1), id_of(2), id_of(2)]
    frames = [frame for frame in stream.taken.frames if isinstance(frame, EventFrame)]
    assert [frame.version for frame in frames] == [2, 3, 4]
    kinds = [note.kind for note in stream.history.notes]
    assert kinds == [
        *("opened", "caught_up", "ended"),
        *("opened", "ended"),
        *("opened", "caught_up", "ended"),
    ]
    assert stream.measures.counts["broken chains"] == 0
    assert stream.taken.losses == 3


async def test_a_dropped_connection_is_taken_up_again() -> None:
    stream = Stream([caught_up(1), None], [event_frame(2, 1), caught_up(2), None])
    await stream.until(1)
    stream.following.drop()
    await stream.until(2)
    await stream.stop()
    assert stream.measures.counts["resumes"] == 1


async def test_a_frame_that_does_not_follow_is_noticed_at_once() -> None:
    stream = Stream([caught_up(1), event_frame(3, 2), None])
    await stream.until(3)
    await stream.stop()
    assert stream.measures.counts["broken chains"] == 1


async def test_a_denied_client_does_not_come_back() -> None:
    stream = Stream([caught_up(1), b'{"type":"denied","code":"token_revoked"}'])
    async with asyncio.timeout(5):
        await stream.task
    assert stream.following.denied == "token_revoked"


@pytest.mark.parametrize("status", [401, 403])
async def test_a_token_that_is_no_use_ends_it(status: int) -> None:
    stream = Stream([StreamRefused(status, "no")])
    async with asyncio.timeout(5):
        await stream.task
    assert stream.following.denied is not None


async def test_cancelling_ends_the_connection() -> None:
    stream = Stream([caught_up(1), None])
    await stream.until(1)
    await stream.stop()
    assert stream.task.cancelled()
    assert stream.history.notes[-1].kind == "ended"
