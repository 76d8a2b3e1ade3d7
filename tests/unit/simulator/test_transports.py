"""What becomes of connections that are given up."""

import asyncio
import base64
import hashlib
import re
from contextlib import suppress

from simulator.http import Servers
from simulator.transports import WebSocketTransport

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


async def test_a_websocket_that_is_given_up_while_it_begins_is_closed() -> None:
    asked, given_up, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", head)
        assert key is not None
        asked.set()
        await given_up.wait()
        accept = base64.b64encode(hashlib.sha1(key[1] + GUID).digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n")
        writer.write(b"connection: upgrade\r\nsec-websocket-accept: %b\r\n\r\n" % accept)
        with suppress(ConnectionError):
            await reader.read()
        closed.set()
        writer.close()

    server = await asyncio.start_server(answer_late, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with asyncio.timeout(10), Servers([f"http://{host}:{port}"]) as http:
        connecting = asyncio.ensure_future(anext(WebSocketTransport(http, "token").frames(None)))
        await asked.wait()
        connecting.cancel()
        asyncio.get_running_loop().call_soon(given_up.set)
        with suppress(asyncio.CancelledError):
            await connecting
        await closed.wait()
    server.close()
    await server.wait_closed()
