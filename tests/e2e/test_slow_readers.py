"""Clients that do not read are dropped and resume; nobody else notices."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from picows import WSListener, WSTransport, ws_connect

from schemas.actions import JoinChat, PostMessage, RequestChat
from schemas.values import TextContent
from simulator.client import Client
from simulator.following import Following
from simulator.frames import CaughtUp, EventFrame, Frame, decode_frame
from simulator.history import ClientHistory
from simulator.http import open_http
from simulator.people import Person, become_visitor
from simulator.sse import SseParser
from simulator.transports import (
    SSE_PATH,
    WS_PATH,
    SseTransport,
    Transport,
    TransportName,
    WebSocketTransport,
)
from tests.support.eventually import eventually
from tests.support.process import ServerProcess, make_account, serving
from tests.support.rush import Rush

STREAMS = 500
LONG = TextContent(text="A lot to say. " * 250)
SETTINGS = {
    "send_timeout": "1",
    "rate_per_viewer": "100000",
    "burst_per_viewer": "100000",
}


class Desk:
    """A server with an operator and a visitor in a chat."""

    def __init__(self, server: ServerProcess, rush: Rush) -> None:
        self.server = server
        self.rush = rush
        self.chat = ""
        self._visitor: Client | None = None

    async def open_chat(self) -> None:
        rush = self.rush
        assert rush.admin is not None
        person = await become_visitor(rush.http, "acme", "Vera")
        self._visitor = rush.world.client(person, "vera")
        await self._visitor.start()
        await rush.operators[0].rest()
        answer = await self._visitor.act(RequestChat(visitor=person.viewer.id))
        self.chat = answer.id or ""
        joined = await rush.operators[0].client.act(JoinChat(chat=self.chat))
        assert joined.refused is None

    async def talk(self, messages: int, content: TextContent) -> None:
        """Post so many messages, ten at a time."""
        assert self._visitor is not None
        message = PostMessage(chat=self.chat, content=content)
        for _ in range(0, messages, 10):
            async with asyncio.TaskGroup() as group:
                for _ in range(10):
                    group.create_task(self._visitor.act(message))

    async def clean(self) -> None:
        """Stop, and have everything checked."""
        assert self._visitor is not None
        await self._visitor.settle(3)
        await self._visitor.stop()
        await self.rush.end()
        await self.rush.leave()
        await self.server.stop()
        verdict = await self.rush.verdict(self.server.data)
        assert verdict.clean, str(verdict)

    def history(self, name: str) -> ClientHistory:
        """The history of another stream of the admin's."""
        return self.rush.world.history.client(name, self.admin.viewer)

    @property
    def admin(self) -> Person:
        assert self.rush.admin is not None
        return self.rush.admin


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with serving(tmp_path / "data", **SETTINGS) as server:
        rush = Rush(server.url, await make_account(server.url), seed=31)
        rush.world.drops_per_hour = 0
        await rush.begin(operators=1, visitors=0)
        found = Desk(server, rush)
        await found.open_chat()
        try:
            yield found
        finally:
            await rush.leave()


class Silent:
    """Asks for a stream and then reads nothing, until told to."""

    def __init__(self, desk: Desk, history: ClientHistory) -> None:
        self._desk = desk
        self._history = history
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self._socket.setblocking(False)
        self.cursor = ""

    async def ask(self) -> None:
        """Open the stream."""
        state = (await self._desk.admin.http.get("/v1/state")).json()
        self.cursor = state["id"]
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, ("127.0.0.1", self._desk.server.port))
        request = (
            f"GET {SSE_PATH}?after={self.cursor} HTTP/1.1\r\nHost: desk\r\n"
            f"Authorization: Bearer {self._desk.admin.http.token}\r\n\r\n"
        )
        self._history.opened("sse", self.cursor)
        await loop.sock_sendall(self._socket, request.encode())

    async def read(self) -> int:
        """Read what is there until the server's end of it; the frames."""
        loop = asyncio.get_running_loop()
        data = b""
        try:
            while chunk := await asyncio.wait_for(loop.sock_recv(self._socket, 65_536), 5):
                data += chunk
        except ConnectionError:
            pass
        self._history.ended("dropped by the server")
        body = dechunk(data.partition(b"\r\n\r\n")[2])
        frames = [decode_frame(event.data) for event in SseParser().feed(body)]
        for frame in frames:
            self._take(frame)
        self._socket.close()
        return len(frames)

    def _take(self, frame: Frame) -> None:
        match frame:
            case EventFrame():
                self._history.event(frame.event, frame.prev)
                self.cursor = frame.id
            case CaughtUp():
                self._history.caught_up(frame.id)
                self.cursor = frame.id
            case _:
                pass


async def open_silent_websocket(desk: Desk) -> WSTransport:
    """A WebSocket connection whose client never reads."""

    def narrow(_: object) -> socket.socket:
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        return narrow

    url = f"ws://127.0.0.1:{desk.server.port}{WS_PATH}"
    headers = {"Authorization": f"Bearer {desk.admin.http.token}"}
    transport, _ = await ws_connect(WSListener, url, extra_headers=headers, socket_factory=narrow)
    transport.underlying_transport.pause_reading()
    return transport


async def dropped(desk: Desk) -> float:
    """How many clients the server has dropped."""
    metrics = (await desk.admin.http.get("/metrics")).text
    lines = [line for line in metrics.splitlines() if line.startswith("deskstream_live_dropped")]
    return float(lines[0].split()[-1])


def dechunk(data: bytes) -> bytes:
    """A chunked body, as far as it goes."""
    parts = []
    while data:
        size, _, rest = data.partition(b"\r\n")
        if not size:
            break
        number = int(size, 16)
        parts.append(rest[:number])
        data = rest[number + 2 :]
    return b"".join(parts)


class Unheard:
    """Takes frames and makes nothing of them."""

    def take(self, frame: Frame) -> None:
        pass

    def lost(self) -> None:
        pass


def follow(desk: Desk, transport: Transport, history: ClientHistory, cursor: str) -> Following:
    chance = random.Random(history.name)
    following = Following(transport, history, desk.rush.world.measures, Unheard(), chance)
    following.cursor = cursor
    return following


async def test_a_client_that_does_not_read_is_dropped_and_resumes_without_loss(
    desk: Desk,
) -> None:
    history = desk.history("silent")
    silent = Silent(desk, history)
    await silent.ask()
    websocket = await open_silent_websocket(desk)
    await desk.talk(1_500, LONG)
    frames = await silent.read()
    assert 0 < frames < 1_500
    following = follow(
        desk, SseTransport(desk.rush.http, desk.admin.http.token), history, silent.cursor
    )
    task = asyncio.create_task(following.run())
    newest = (await desk.admin.http.get("/v1/state")).json()["version"]
    await eventually(lambda: following.live.is_set() and following.version >= newest, 10)
    history.settled(newest)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await dropped(desk) == 2
    websocket.underlying_transport.abort()
    await desk.clean()


async def test_five_hundred_streams_dropped_at_once_all_resume(desk: Desk) -> None:
    state = (await desk.admin.http.get("/v1/state")).json()
    async with open_http(desk.server.url) as http:
        streams = []
        for number in range(STREAMS):
            name: TransportName = "sse" if number % 2 else "ws"
            token = desk.admin.http.token
            transport: Transport = (
                SseTransport(http, token) if name == "sse" else WebSocketTransport(http, token)
            )
            streams.append(follow(desk, transport, desk.history(f"stream {number}"), state["id"]))
        tasks = [asyncio.create_task(stream.run()) for stream in streams]
        try:
            await eventually(lambda: all(stream.live.is_set() for stream in streams), 20)
            await desk.talk(10, LONG)
            for stream in streams:
                stream.drop()
            await desk.talk(10, LONG)
            newest = (await desk.admin.http.get("/v1/state")).json()["version"]
            await eventually(
                lambda: all(s.live.is_set() and s.version >= newest for s in streams), 30
            )
            for number in range(STREAMS):
                desk.rush.world.history.clients[-STREAMS + number].settled(newest)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert desk.rush.world.measures.counts["resumes"] >= STREAMS
    await desk.clean()
