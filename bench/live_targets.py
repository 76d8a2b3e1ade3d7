"""What is measured by bench.live: Deskstream and its references, each in its own process."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from picows import WSListener, WSMsgType, ws_connect

from api.live.frames import LiveEvent
from bench.followers import MARK, Place, stamp
from bench.server import Desk, Running, Usage
from schemas.events import Event, MessagePosted
from schemas.ids import event_id
from schemas.values import Actor, TextContent

REFERENCES = Path(__file__).parent / "references"
TEXT = b"STAMP Is my parcel on its way already? Thank you."
PLACEHOLDER = b"STAMP"


def frame() -> bytes:
    """An event frame as Deskstream sends it, for those who can only pass on what they are given."""
    id = event_id(1_790_000_000_000, 1_000)
    event = Event(
        id=id,
        version=1_000,
        at=1_790_000_000_000,
        actor=Actor(kind="visitor", id=id),
        audience=("staff",),
        data=MessagePosted(content=TextContent(text=TEXT.decode())),
        chat=id,
        conversation=id,
    )
    return LiveEvent(event).json(id)


class Target:
    """Something that can be followed and published to."""

    name = ""

    def __init__(self, usage: Usage, follow: Place, *, websocket: bool) -> None:
        self.usage = usage
        self.follow = follow
        self.websocket = websocket

    async def open(self) -> None:
        """Get ready to publish."""

    def publish(self, count: int = 1) -> None:
        """Publish messages with the time in them; waits for nothing."""
        raise NotImplementedError

    async def missed(self, count: int) -> Place:
        """Publish so many messages that nobody follows; where to ask for them."""
        raise NotImplementedError

    async def newest(self) -> str:
        """The id of the newest event."""
        raise NotImplementedError

    def close(self) -> None:
        """Publish no more."""


class _Quiet(WSListener):
    def __init__(self) -> None:
        self.acknowledged = 0

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        self.acknowledged += frame.get_payload_as_bytes().startswith(b'{"type":"ack"')


class Deskstream(Target):
    """The whole service: each message is decided, durable and projected before anybody sees it."""

    name = "Deskstream"

    def __init__(self, running: Running, desk: Desk, *, websocket: bool) -> None:
        self._url = httpx.URL(running.url)
        self._headers = f"authorization: Bearer {desk.operator}\r\n"
        super().__init__(running.usage, self._place(), websocket=websocket)
        self._token, chat = desk.visitors[0]
        self._message = b'{"seq":1,"action":{"type":"post_message","chat":"%b",' % chat.encode()
        self._message += b'"content":{"type":"text","text":"%b"}}}' % TEXT
        self._desk = desk

    def _place(self, after: str | None = None) -> Place:
        path = "/v1/live/sse" + (f"?after={after}" if after else "")
        return Place(self._url.port or 80, path, self._headers, b'"caught_up"')

    async def open(self) -> None:
        if self.websocket:
            self.follow = self.follow._replace(path="/v1/live/ws")
        url = f"ws://127.0.0.1:{self._url.port}/v1/live/ws?access_token={self._token}"
        self._transport, listener = await ws_connect(_Quiet, url)
        assert isinstance(listener, _Quiet)
        self._listener = listener

    def publish(self, count: int = 1) -> None:
        for _ in range(count):
            message = self._message.replace(PLACEHOLDER, stamp())
            self._transport.send(WSMsgType.TEXT, message)

    async def missed(self, count: int) -> Place:
        newest = await self.newest()
        before = self._listener.acknowledged
        for _ in range(0, count, 100):
            self.publish(100)
            await asyncio.sleep(0.02)
        async with asyncio.timeout(30):
            while self._listener.acknowledged < before + count:
                await asyncio.sleep(0.01)
        return self._place(newest)

    async def newest(self) -> str:
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as http:
            headers = {"authorization": f"Bearer {self._desk.operator}"}
            # Not from the state: the rows may be far behind a flood of messages.
            polled = (await http.get("/v1/live/poll", headers=headers)).raise_for_status().json()
        return str(polled["id"])

    def close(self) -> None:
        self._transport.disconnect()


class _Publisher(asyncio.Protocol):
    def __init__(self) -> None:
        self.answered = 0
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.answered += data.count(b"HTTP/1.1 2")


class Reference(Target):
    """A server that takes `POST /publish` and streams at `/follow` and `/resume`."""

    def __init__(self, name: str, pid: int, port: int, *, websocket: bool) -> None:
        super().__init__(Usage(pid), Place(port, "/follow"), websocket=websocket)
        if websocket:
            self.follow = self.follow._replace(ready=b"\r\n\r\n")
        self.name = name
        body = frame().replace(PLACEHOLDER, MARK + b"0" * 20)
        self._head = b"POST /publish HTTP/1.1\r\nhost: bench\r\ncontent-length: %d\r\n\r\n"
        self._head %= len(body)
        self._body = frame()

    async def open(self) -> None:
        port = self.follow.port
        _, self._publisher = await asyncio.get_running_loop().create_connection(
            _Publisher, "127.0.0.1", port
        )

    def publish(self, count: int = 1) -> None:
        requests = [self._head + self._body.replace(PLACEHOLDER, stamp()) for _ in range(count)]
        self._publisher.transport.write(b"".join(requests))

    async def missed(self, count: int) -> Place:
        before = self._publisher.answered
        self.publish(count)
        async with asyncio.timeout(30):
            while self._publisher.answered < before + count:
                await asyncio.sleep(0.01)
        return self.follow._replace(path="/resume")

    def close(self) -> None:
        self._publisher.transport.abort()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _process(command: list[str], port: int, directory: str | None = None) -> Iterator[int]:
    process = subprocess.Popen(command, cwd=directory)
    try:
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} does not start")
            time.sleep(0.02)
        yield process.pid
    finally:
        process.kill()  # Nchan stumbles over its own end
        process.wait(10)


@contextlib.contextmanager
def nchan(*, websocket: bool) -> Iterator[Target | None]:
    """nginx with its push module; None where it is not installed."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None or not Path("/usr/lib/nginx/modules/ngx_nchan_module.so").exists():
        yield None
        return
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="deskstream-bench-") as directory:
        text = (REFERENCES / "nchan.conf").read_text().replace("@PORT@", str(port))
        Path(directory, "nchan.conf").write_text(text)
        command = [nginx, "-p", directory, "-c", "nchan.conf"]
        with _process(command, port) as pid:
            yield Reference("Nchan", pid, port, websocket=websocket)


@contextlib.contextmanager
def bare() -> Iterator[Target]:
    """The least that uvloop can do."""
    port = free_port()
    command = [sys.executable, "-m", "bench.references.bare", str(port)]
    with _process(command, port, str(REFERENCES.parent.parent)) as pid:
        yield Reference("bare uvloop", pid, port, websocket=False)
