"""Durable messages: from a client's send to its acknowledgement, over WebSocket and HTTP.

References, in the same run: `fdatasync` of the disk at hand, which each acknowledgement waits for
twice (the action, then its decision), and uvicorn with FastAPI alone.
"""

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import uvloop
from picows import WSListener, WSMsgType, ws_connect

from bench.server import Desk, Running, open_desk, server

SECONDS = 5.0

BODY = b'{"content":{"type":"text","text":"Is my parcel on its way already? Thank you."}}'

MESSAGE = b'{"seq":1,"action":{"type":"post_message","chat":"CHAT",' + BODY[1:] + b"}"


class Talker(WSListener):
    """Sends a message, and the next one as soon as it is acknowledged."""

    def __init__(self, chat: str) -> None:
        self._message = MESSAGE.replace(b"CHAT", chat.encode())
        self._transport: Any = None
        self._since = 0.0
        self.latencies: list[float] = []
        self.talking = False
        self.ready = asyncio.Event()

    def on_ws_connected(self, transport: Any) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        payload = frame.get_payload_as_bytes()
        if payload.startswith(b'{"type":"ack"'):
            self.latencies.append(time.perf_counter() - self._since)
            if self.talking:
                self.send()
        elif payload.startswith(b'{"type":"caught_up"'):
            self.ready.set()
        elif not payload.startswith((b'{"type":"event"', b'{"type":"heartbeat"')):
            raise RuntimeError(payload.decode())

    def send(self) -> None:
        self._since = time.perf_counter()
        self._transport.send(WSMsgType.TEXT, self._message)


async def over_websocket(running: Running, desk: Desk, clients: int) -> list[float]:
    """Latencies in seconds, of `clients` who each wait for the acknowledgement."""
    talkers = []
    for token, chat in desk.visitors[:clients]:
        url = f"ws{running.url.removeprefix('http')}/v1/live/ws?access_token={token}"
        _, talker = await ws_connect(partial(Talker, chat), url)
        assert isinstance(talker, Talker)
        talkers.append(talker)
    for talker in talkers:
        await talker.ready.wait()
    for talker in talkers:
        talker.talking = True
        talker.send()
    await asyncio.sleep(SECONDS)
    latencies = [latency for talker in talkers for latency in talker.latencies]
    for talker in talkers:
        talker.talking = False
        talker._transport.disconnect()
    return latencies


class Poster(asyncio.Protocol):
    """The same over one kept-alive HTTP connection, without a client library's cost."""

    def __init__(self, token: str, chat: str) -> None:
        self._request = (
            b"POST /v1/chats/%b/messages HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer %b\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        ) % (chat.encode(), token.encode(), len(BODY), BODY)
        self._since = 0.0
        self._answer = b""
        self.latencies: list[float] = []
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def data_received(self, data: bytes) -> None:
        self._answer += data  # the body may come apart from its head
        if not data.endswith(b"}"):
            return
        if not self._answer.startswith(b"HTTP/1.1 201"):
            self.transport.abort()
            raise RuntimeError(self._answer.decode())
        self._answer = b""
        self.latencies.append(time.perf_counter() - self._since)
        self.send()

    def send(self) -> None:
        self._since = time.perf_counter()
        self.transport.write(self._request)


async def over_http(running: Running, desk: Desk, clients: int) -> list[float]:
    """As `over_websocket`."""
    url = httpx.URL(running.url)
    posters = []
    for token, chat in desk.visitors[:clients]:
        made = partial(Poster, token, chat)
        _, poster = await asyncio.get_running_loop().create_connection(
            made, url.host, url.port or 80
        )
        posters.append(poster)
    await asyncio.sleep(SECONDS)
    latencies = [latency for poster in posters for latency in poster.latencies]
    for poster in posters:
        poster.transport.abort()
    return latencies


def fdatasync(rounds: int = 400) -> float:
    """Median seconds of one `fdatasync` after a small write into a file laid out before."""
    with tempfile.TemporaryFile(dir=tempfile.gettempdir()) as file:
        number = file.fileno()
        os.pwrite(number, bytes(1 << 20), 0)
        os.fsync(number)
        times = []
        for turn in range(rounds):
            os.pwrite(number, b"x" * 500, turn % 1000 * 1000)
            since = time.perf_counter()
            os.fdatasync(number)
            times.append(time.perf_counter() - since)
    return statistics.median(times)


def show(name: str, latencies: list[float], cpu: float, sync: float) -> None:
    ordered = sorted(latencies)
    median, late = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    print(
        f"{name:26} {median / sync:5.1f} x fdatasync   {len(ordered) / SECONDS:8,.0f}/s   "
        f"p50 {median * 1e3:6.2f} ms  p99 {late * 1e3:6.2f} ms   "
        f"server {cpu / len(ordered) * 1e6:5.0f} us CPU each",
        flush=True,
    )


@contextmanager
def fastapi_alone() -> Iterator[Running]:
    """uvicorn and FastAPI without anything behind them."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    module = "bench.references.bare_fastapi"
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(port)], stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield Running(f"http://127.0.0.1:{port}", process, "", Path())
    finally:
        process.terminate()
        process.wait(10)


async def reference() -> None:
    """The same HTTP requests to uvicorn and FastAPI alone."""
    with fastapi_alone() as running:
        async with httpx.AsyncClient(base_url=running.url) as http:
            while not await _answers(http):
                await asyncio.sleep(0.05)
        before = running.usage.cpu()
        latencies = await over_http(running, Desk("", [("none", "chat")] * 50), 50)
        show("FastAPI alone, 50 clients", latencies, running.usage.cpu() - before, fdatasync())


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        await http.get("/")
    except httpx.ConnectError:
        return False
    return True


async def main() -> None:
    sync = fdatasync()
    print(f"fdatasync {sync * 1e3:.3f} ms")
    wanted = sys.argv[1:]
    with server() as running:
        desk = await open_desk(running, 50)
        for name, measure, clients in (
            ("WebSocket, 1 client", over_websocket, 1),
            ("WebSocket, 50 clients", over_websocket, 50),
            ("HTTP, 1 client", over_http, 1),
            ("HTTP, 50 clients", over_http, 50),
        ):
            if wanted and not any(name.startswith(word) for word in wanted):
                continue
            before = running.usage.cpu()
            latencies = await measure(running, desk, clients)
            show(name, latencies, running.usage.cpu() - before, sync)
    if not wanted:
        await reference()


if __name__ == "__main__":
    uvloop.run(main())
