"""Whatever is sent to the server, it says what is wrong with it and goes on."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from simulator.http import open_http
from simulator.people import log_in
from simulator.transports import WS_PATH
from tests.support.process import ServerProcess, make_account, serving

MESSAGES = "/v1/chats/none/messages"
MAX_BODY = 65_536


class Desk:
    """A server and an admin's token."""

    def __init__(self, server: ServerProcess, token: str) -> None:
        self.server = server
        self.token = token
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    async def raw(self, data: bytes) -> bytes:
        """What the server answers to bytes on a connection, until it closes or is silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            writer.write(data)
            async with asyncio.timeout(3):
                return await reader.read(65_536)
        except (TimeoutError, ConnectionError):
            return b""
        finally:
            writer.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with serving(tmp_path / "data") as server:
        who = await make_account(server.url)
        async with open_http(server.url) as http:
            admin = await log_in(http, who)
        yield Desk(server, admin.http.token)
        async with open_http(server.url) as http:
            assert (await http.get("/readyz")).is_success
        assert "Traceback" not in server.said, server.said


BODIES: dict[str, tuple[bytes, int]] = {
    "too large": (b'{"content":{"type":"text","text":"' + b"a" * MAX_BODY + b'"}}', 413),
    "nothing": (b"", 400),
    "not JSON": (b"hello", 400),
    "not UTF-8": (b'{"content":{"type":"text","text":"\xff\xfe"}}', 400),
    "cut short": (b'{"content":{"type":"text","te', 400),
    "nested deeply": (b"[" * 60_000, 422),
    "another type": (b"[]", 422),
    "a number for a text": (b'{"content":{"type":"text","text":1}}', 422),
    "an unknown kind": (b'{"content":{"type":"hologram"}}', 422),
    "a field too many": (b'{"content":{"type":"text","text":"a"},"admin":true}', 422),
    "a long text": (b'{"content":{"type":"text","text":"' + b"a" * 3_801 + b'"}}', 422),
    "NUL": (b'{"content":{"type":"text","text":"a\\u0000b"}}', 400),
    "half a character": (b'{"content":{"type":"text","text":"\\ud800"}}', 400),
    "a huge number": (b'{"content":{"type":"file","name":"a","src":"b","size":1e999}}', 422),
}


async def test_bodies_that_are_none_are_refused_and_say_why(desk: Desk) -> None:
    async with httpx.AsyncClient(base_url=desk.server.url, headers=desk.headers) as http:
        for name, (body, status) in BODIES.items():
            response = await http.post(MESSAGES, content=body)
            assert response.status_code == status, (name, response.text)
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["status"] == status


async def test_a_body_without_a_length_is_measured_as_it_comes(desk: Desk) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 4_096

    async with httpx.AsyncClient(base_url=desk.server.url, headers=desk.headers) as http:
        try:
            response = await http.post(MESSAGES, content=endless())
        except (httpx.ReadError, httpx.WriteError):
            return  # the server had answered and gone before all was sent
        assert response.status_code == 413


NO_REQUESTS: tuple[tuple[bytes, set[bytes]], ...] = (
    (b"\x00\x01\x02\x03\r\n\r\n", {b"400"}),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", {b"400"}),
    (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", {b"414", b"431"}),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", {b"400", b"431"}),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {b"400"}),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {b"400"}),
)


async def test_bytes_that_are_no_request_end_the_connection(desk: Desk) -> None:
    for data, statuses in NO_REQUESTS:
        answer = await desk.raw(data)
        assert not answer or answer.split(b" ")[1] in statuses, (data[:50], answer[:200])


class Talk(WSListener):
    """A WebSocket connection by hand."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.over = asyncio.Event()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.frames.put_nowait(json.loads(frame.get_payload_as_bytes()))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.over.set()

    async def frame(self, *types: str) -> dict[str, object]:
        """The next frame of one of these types."""
        async with asyncio.timeout(5):
            while (frame := await self.frames.get())["type"] not in types:
                pass
        return frame


async def connect(desk: Desk, token: str | None = None) -> tuple[WSTransport, Talk]:
    headers = {"Authorization": f"Bearer {token or desk.token}"}
    url = f"ws://127.0.0.1:{desk.server.port}{WS_PATH}"
    transport, talk = await ws_connect(Talk, url, extra_headers=headers)
    assert isinstance(talk, Talk)
    return transport, talk


async def test_websocket_messages_that_are_none_are_answered_and_the_connection_stays(
    desk: Desk,
) -> None:
    transport, talk = await connect(desk)
    for message in (
        b"",
        b"hello",
        b"[" * 10_000,
        b"\xff\xfe",
        b'{"seq":1}',
        b'{"seq":-1,"action":{"type":"close_chat","chat":"c"}}',
        b'{"seq":1,"action":{"type":"create_account","name":"mine"}}',
        b'{"seq":1,"action":{"type":"expire_offer","chat":"c","conversation":"d"}}',
    ):
        transport.send(WSMsgType.TEXT, message)
        frame = await talk.frame("error")
        assert frame["code"] in {"invalid", "malformed_json"}, (message, frame)
    transport.send(WSMsgType.TEXT, b'{"seq":7,"action":{"type":"close_chat","chat":"none"}}')
    frame = await talk.frame("refused")
    assert (frame["seq"], frame["code"]) == (7, "chat_unknown")
    transport.disconnect()


async def test_a_websocket_message_that_is_too_large_ends_the_connection(desk: Desk) -> None:
    transport, talk = await connect(desk)
    await talk.frame("caught_up")
    transport.send(WSMsgType.TEXT, b" " * (MAX_BODY + 1))
    async with asyncio.timeout(5):
        await talk.over.wait()


async def test_a_websocket_with_a_token_that_is_none_is_denied(desk: Desk) -> None:
    _, talk = await connect(desk, token="nobody's")
    assert (await talk.frame("denied"))["code"] == "unauthenticated"
    async with asyncio.timeout(5):
        await talk.over.wait()
