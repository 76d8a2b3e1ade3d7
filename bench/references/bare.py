"""The least that Python can do: uvloop, server-sent events, no rules, no log, no HTTP library.

    python -m bench.references.bare PORT

`GET /follow` streams what comes, `GET /resume` the last 1,000 messages before it, `POST /publish`
is a message to all. Each is written at once.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import uvloop

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hi\n\n"
DONE = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

recent: deque[bytes] = deque(maxlen=1_000)
followers: set["Connection"] = set()


class Connection(asyncio.Protocol):
    write: Callable[[bytes], None]

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: Any) -> None:
        self.write = transport.write

    def connection_lost(self, error: Exception | None) -> None:
        followers.discard(self)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while self._take_request():
            pass

    def _take_request(self) -> bool:
        head, end, rest = self._data.partition(b"\r\n\r\n")
        if not end:
            return False
        if head.startswith(b"GET"):
            missed = b"".join(recent) if b"/resume" in head else b""
            self.write(HEAD + missed)
            followers.add(self)
            self._data = rest
            return True
        size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(rest) < size:
            return False
        message = b"data: " + rest[:size] + b"\n\n"
        recent.append(message)
        for follower in followers:
            follower.write(message)
        self.write(DONE)
        self._data = rest[size:]
        return bool(self._data)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", int(sys.argv[1]), backlog=8_192)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
