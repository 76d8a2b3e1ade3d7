"""Clients that cost little: they count markers in what comes, and read the time in some of them.

Each message carries `^`, then the time it was sent at in nanoseconds, 20 digits. Nothing else on
the wire has a `^` (a WebSocket frame's head has a `~`).
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

MARK = b"^"
DIGITS = 20
KEY = b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

_buffer = bytearray(1 << 20)
_view = memoryview(_buffer)


class Place(NamedTuple):
    """Where to follow, and with which headers."""

    port: int
    path: str
    headers: str = ""
    ready: bytes = b"\n\n"
    """What is sent last when a stream has begun."""

    def request(self, *, websocket: bool = False) -> bytes:
        upgrade = b"connection: upgrade\r\nupgrade: websocket\r\n" + KEY if websocket else b""
        accept = b"" if websocket else b"accept: text/event-stream\r\n"
        head = f"GET {self.path} HTTP/1.1\r\nhost: bench\r\n{self.headers}".encode()
        return head + accept + upgrade + b"\r\n"


def stamp() -> bytes:
    """A marker with the time."""
    return MARK + b"%020d" % time.perf_counter_ns()


class Tally:
    """What a crowd of followers has got."""

    def __init__(self) -> None:
        self.received = 0
        self.began = 0
        self.lost = 0
        self.timing = False
        self.seconds: list[float] = []


class Follower(asyncio.BufferedProtocol):
    """One connection. All share one buffer: what comes is looked at, not kept."""

    def __init__(self, tally: Tally, request: bytes, ready: bytes) -> None:
        self._tally = tally
        self._request = request
        self._ready = ready
        self._begun = False
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if b"GET  " not in self._request:  # a place without a path is only connected to
            self.transport.write(self._request)
        if not self._ready:
            self._begun = True
            self._tally.began += 1

    def connection_lost(self, error: Exception | None) -> None:
        self._tally.lost += 1

    def get_buffer(self, size: int) -> memoryview:
        return _view

    def buffer_updated(self, size: int) -> None:
        tally = self._tally
        found = _buffer.count(MARK, 0, size)
        tally.received += found
        if not self._begun and _buffer.find(self._ready, 0, size) >= 0:
            self._begun = True
            tally.began += 1
        if tally.timing and found:
            self._read_times(size)

    def _read_times(self, size: int) -> None:
        now = time.perf_counter_ns()
        at = _buffer.find(MARK, 0, size)
        while at >= 0:
            digits = _buffer[at + 1 : min(at + 1 + DIGITS, size)]
            if len(digits) == DIGITS:  # not cut at the end of what has come
                self._tally.seconds.append((now - int(digits)) / 1e9)
            at = _buffer.find(MARK, at + 1, size)


class Crowd:
    """Followers of one place."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.followers: list[Follower] = []

    async def join(self, place: Place, count: int, *, websocket: bool = False) -> None:
        """Connect, a hundred at a time, and wait until all streams have begun."""
        request = place.request(websocket=websocket)
        loop = asyncio.get_running_loop()

        async def connect() -> None:
            def make() -> Follower:
                return Follower(self.tally, request, place.ready)

            _, follower = await loop.create_connection(make, "127.0.0.1", place.port)
            self.followers.append(follower)

        for first in range(0, count, 100):
            wanted = self.tally.began + min(100, count - first)
            await asyncio.gather(*(connect() for _ in range(min(100, count - first))))
            await self.until(lambda wanted=wanted: self.tally.began >= wanted)

    async def until(self, holds: Any, within: float = 60.0) -> None:
        """Wait. Raises TimeoutError, or RuntimeError when followers were cut off."""
        deadline = time.monotonic() + within
        while not holds():
            if self.tally.lost:
                raise RuntimeError(f"{self.tally.lost} followers were cut off")
            if time.monotonic() > deadline:
                raise TimeoutError
            await asyncio.sleep(0.001)

    async def leave(self) -> None:
        for follower in self.followers:
            follower.transport.abort()
        while self.tally.lost < len(self.followers):
            await asyncio.sleep(0.001)


class Catching(asyncio.Protocol):
    """A client that comes back: counts what it had missed, until it has all."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._since = 0.0
        self._got = 0
        self._transport: Any = None
        self.took = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, request: bytes) -> None:
        self._since = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._got += data.count(MARK)
        if self._got >= self._wanted and not self.took.done():
            self.took.set_result(time.perf_counter() - self._since)
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.took.done():
            self.took.set_exception(RuntimeError(f"cut off after {self._got} messages"))


async def catch_up(place: Place, wanted: int, clients: int) -> list[float]:
    """Seconds that each of so many clients takes to get what it missed; all ask at once."""
    loop = asyncio.get_running_loop()
    catching: list[Catching] = []
    for _ in range(clients):
        _, one = await loop.create_connection(lambda: Catching(wanted), "127.0.0.1", place.port)
        catching.append(one)
    for one in catching:
        one.ask(place.request())
    return await _all(one.took for one in catching)


async def _all(futures: Iterable[asyncio.Future[float]]) -> list[float]:
    async with asyncio.timeout(60):
        return list(await asyncio.gather(*futures))
