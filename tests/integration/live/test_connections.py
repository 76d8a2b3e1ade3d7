"""Connections that misbehave: none of them stays, and nobody else notices."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from schemas import actions as a
from schemas.values import TextContent
from tests.support.eventually import eventually
from tests.support.server import Person, Server, served_apart

LONG = TextContent(text="A lot to say. " * 250)
UPGRADE = (
    "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
MASK = b"\0\0\0\0"
TEXT, PING, CLOSE, PONG = 0x81, 0x89, 0x88, 0x8A


@pytest.fixture(autouse=True)
def sockets() -> Iterator[None]:
    """Set up first, so that all sockets stay open until the server has stopped."""
    yield
    while Raw.made:
        Raw.made.pop().close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    settings = {"send_timeout": 0.5, "rate_per_viewer": 1e6, "burst_per_viewer": 10**6}
    async with served_apart(tmp_path / "data", **settings) as running:
        yield running


class Raw:
    """A connection by hand; closed after the test."""

    made: ClassVar[list["Raw"]] = []

    def __init__(self, person: Person, path: str, *, buffer: int | None = None) -> None:
        self.person = person
        self._path = path
        self._socket = socket.socket()
        if buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.setblocking(False)
        self.got = b""
        Raw.made.append(self)

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, ("127.0.0.1", self.person.server.port))
        upgrade = UPGRADE if self._path.endswith("ws") else ""
        head = f"GET {self._path} HTTP/1.1\r\nhost: desk\r\n{upgrade}"
        head += f"authorization: Bearer {self.person.token}\r\n\r\n"
        await self.send(head.encode())

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def frame(self, first: int, payload: bytes) -> None:
        """One WebSocket frame, masked by zeros."""
        assert len(payload) < 126
        await self.send(bytes((first, 0x80 | len(payload))) + MASK + payload)

    async def until(self, sign: bytes) -> None:
        """Read until something has come, or the end."""
        async with asyncio.timeout(5):
            while sign not in self.got and await self._read():
                pass
        assert sign in self.got, self.got

    async def until_the_end(self) -> None:
        async with asyncio.timeout(5):
            while await self._read():
                pass

    async def _read(self) -> bool:
        try:
            data = await asyncio.get_running_loop().sock_recv(self._socket, 65_536)
        except ConnectionError:
            return False
        self.got += data
        return bool(data)

    def close(self) -> None:
        self._socket.close()


async def talking(server: Server) -> tuple[Person, Person, str]:
    """An admin and a visitor in a chat."""
    ada = await server.account()
    vera = await server.visitor()
    return ada, vera, await server.chat(vera, ada)


async def talk(person: Person, chat: str, messages: int) -> None:
    for _ in range(messages // 50):
        post = a.PostMessage(chat=chat, content=LONG)
        await asyncio.gather(*(person.act(post) for _ in range(50)))


@pytest.mark.parametrize("kind", ["sse", "ws"])
async def test_a_client_that_reads_nothing_is_cut_off(server: Server, kind: str) -> None:
    ada, vera, chat = await talking(server)
    silent = Raw(ada, f"/v1/live/{kind}", buffer=4_096)
    await silent.open()
    hub = server.service.live.hub
    await eventually(lambda: hub.sessions == 1, 5)
    await talk(vera, chat, 100)
    await eventually(lambda: hub.sessions == 0, 5)
    assert hub.dropped == 1


@pytest.mark.parametrize("kind", ["sse", "ws"])
async def test_a_client_that_reads_too_slowly_is_cut_off(server: Server, kind: str) -> None:
    ada, vera, chat = await talking(server)
    slow = Raw(ada, f"/v1/live/{kind}", buffer=4_096)
    await slow.open()
    await slow.until(b"caught_up")
    hub = server.service.live.hub

    async def read_slowly() -> None:
        while await slow._read():
            await asyncio.sleep(0.1)

    reading = asyncio.create_task(read_slowly())
    async with asyncio.timeout(10):
        while hub.sessions:
            await talk(vera, chat, 100)
    assert hub.dropped == 1
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def test_a_stream_that_is_stuck_does_not_keep_the_server_from_stopping(
    server: Server,
) -> None:
    ada, vera, chat = await talking(server)
    for kind in ("sse", "ws"):
        await Raw(ada, f"/v1/live/{kind}", buffer=4_096).open()
    await eventually(lambda: server.service.live.hub.sessions == 2, 5)
    await talk(vera, chat, 50)
    # The fixture fails if the stop takes longer than it may.


async def test_a_long_poll_whose_client_goes_leaves_nothing(server: Server) -> None:
    ada = await server.account()
    head = await server.head()
    poll = Raw(ada, f"/v1/live/poll?after={head}&wait=60")
    await poll.open()
    hub = server.service.live.hub
    await eventually(lambda: hub.sessions == 1, 5)
    poll.close()
    await eventually(lambda: hub.sessions == 0, 5)


CLOSES = {
    "unmasked": (b"\x81\x02{}", 1002),
    "a continuation of nothing": (b"\x80\x80" + MASK, 1002),
    "a beginning within another": (b"\x01\x81" + MASK + b"{\x01\x81" + MASK + b"{", 1002),
    "an unknown kind": (b"\x83\x80" + MASK, 1002),
    "too large": (b"\x81\xff" + (1 << 20).to_bytes(8, "big") + MASK, 1009),
    "too large in pieces": (
        b"\x01\xfe\xff\xff" + MASK + b" " * 65_535 + b"\x80\xfe\xff\xff" + MASK + b" " * 65_535,
        1009,
    ),
    "a farewell": (b"\x88\x82" + MASK + b"\x03\xe8", 1000),
}


@pytest.mark.parametrize("what", CLOSES)
async def test_a_connection_is_closed_with_the_code_that_fits(server: Server, what: str) -> None:
    data, code = CLOSES[what]
    raw = Raw(await server.account(), "/v1/live/ws")
    await raw.open()
    await raw.until(b"caught_up")
    await raw.send(data)
    await raw.until_the_end()
    _, close, reason = raw.got.rpartition(bytes((CLOSE,)))
    assert close
    assert int.from_bytes(reason[1:3], "big") == code
    await eventually(lambda: server.service.live.hub.sessions == 0, 5)


async def flood(raw: Raw, data: bytes) -> None:
    while True:
        await raw.send(data * 1_000)


async def test_a_ping_is_answered_and_a_flood_of_them_ends_the_connection(server: Server) -> None:
    ada = await server.account()
    raw = Raw(ada, "/v1/live/ws", buffer=4_096)
    await raw.open()
    await raw.until(b"caught_up")
    await raw.frame(PING, b"are you there?")
    await raw.until(bytes((PONG, 14)) + b"are you there?")
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(flood(raw, bytes((PING, 0x80 | 125)) + MASK + b"x" * 125), 10)
    await eventually(lambda: server.service.live.hub.sessions == 0, 5)


async def test_what_is_sent_before_the_connection_has_begun_is_answered(server: Server) -> None:
    _, vera, _ = await talking(server)
    raw = Raw(vera, "/v1/live/ws")
    await raw.open()
    await raw.until(b"\r\n\r\n")
    await raw.frame(TEXT, b'{"seq":5,"action":{"type":"typing","chat":"none"}}')
    await raw.until(b'"seq":5')


async def test_nobody_else_notices_a_client_that_does_not_read(server: Server) -> None:
    ada, vera, chat = await talking(server)
    for _ in range(3):
        await Raw(ada, "/v1/live/sse", buffer=4_096).open()
    healthy = Raw(ada, "/v1/live/sse")
    await healthy.open()
    await healthy.until(b"caught_up")
    reading = asyncio.create_task(healthy.until(b'"text":"the last"'))
    await talk(vera, chat, 100)
    await vera.act(a.PostMessage(chat=chat, content=TextContent(text="the last")))
    await reading
    assert healthy.got.count(b'"type":"message_posted"') == 101
