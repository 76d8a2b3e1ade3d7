"""What a connection may do before any application is asked."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn

from api.protocol import MAX_HEAD, BoundedHttp
from api.server import bind
from tests.integration.api.stack import Stack

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

REQUEST = b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n"


@pytest.fixture
async def port(stack: Stack) -> AsyncIterator[int]:
    listener = bind("127.0.0.1", 0)
    config = uvicorn.Config(
        stack.app, http=BoundedHttp, lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    yield listener.getsockname()[1]
    server.should_exit = True
    await serving


async def connect(port: int) -> Connection:
    return await asyncio.open_connection("127.0.0.1", port)


async def rest_of(connection: Connection) -> bytes:
    """All that comes until the server closes."""
    reader, writer = connection
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.close()


async def test_requests_follow_each_other_on_one_connection(port: int) -> None:
    reader, writer = await connect(port)
    for _ in range(3):
        writer.write(REQUEST[:20])
        await writer.drain()
        writer.write(REQUEST[20:])
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"}}")
    writer.close()


async def test_a_head_without_end_is_refused(port: int) -> None:
    connection = await connect(port)
    connection[1].write(b"GET / HTTP/1.1\r\n" + b"x-much: " + b"x" * (MAX_HEAD + 1))
    assert (await rest_of(connection)).startswith(b"HTTP/1.1 431")


async def test_headers_without_end_are_refused(port: int) -> None:
    connection = await connect(port)
    connection[1].write(b"GET / HTTP/1.1\r\n")
    connection[1].write(b"x-some: header\r\n" * (MAX_HEAD // 10))
    assert (await rest_of(connection)).startswith((b"HTTP/1.1 431", b"reset"))


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nx-some: "])
async def test_a_slow_head_is_cut_off(
    port: int, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.protocol.HEAD_WITHIN", 0.05)
    connection = await connect(port)
    connection[1].write(begun)
    assert await rest_of(connection) in (b"", b"reset")
