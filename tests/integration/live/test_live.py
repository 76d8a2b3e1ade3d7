"""Live connections against the real server, over each transport."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from picows import WSError, WSListener, WSMsgType, ws_connect

from api.live.wire import POLL, SSE, WEBSOCKET
from schemas import actions as a
from schemas.values import TextContent
from simulator.http import open_http
from simulator.transports import (
    PollTransport,
    SseTransport,
    StreamRefused,
    Transport,
    WebSocketTransport,
)
from tests.support.eventually import eventually
from tests.support.server import Person, Server, served, served_apart

TRANSPORTS = ("sse", "ws", "poll")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with served_apart(tmp_path / "data", heartbeat=0.2) as running:
        yield running


def transport(kind: str, person: Person) -> Transport:
    match kind:
        case "sse":
            return SseTransport(person.server.http, person.token)
        case "poll":
            return PollTransport(person.server.http, person.token)
        case _:
            return WebSocketTransport(person.server.http, person.token)


class Stream:
    """What somebody is sent, gathered in the background; long polls follow each other."""

    def __init__(self, kind: str, person: Person, after: str | None = None) -> None:
        self.frames: list[dict[str, Any]] = []
        self.cursor = after
        self.transport = transport(kind, person)
        self._again = kind == "poll"
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            async with aclosing(self.transport.frames(self.cursor)) as frames:
                async for text in frames:
                    frame = json.loads(text)
                    self.frames.append(frame)
                    if frame["type"] in ("event", "caught_up"):
                        self.cursor = frame["id"]
                    if frame["type"] == "denied":
                        return
            if not self._again:
                return

    def of(self, type: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == type]

    @property
    def said(self) -> list[str]:
        """The texts of the messages that came."""
        data = [frame["data"] for frame in self.of("event")]
        return [d["content"]["text"] for d in data if d["type"] == "message_posted"]


@asynccontextmanager
async def following(kind: str, person: Person, after: str | None = None) -> AsyncIterator[Stream]:
    """A stream that is live, ended at the end of the block."""
    stream = Stream(kind, person, after)
    try:
        await eventually(lambda: bool(stream.of("caught_up") or stream.of("event")), 5)
        yield stream
    finally:
        stream.task.cancel()
        await asyncio.gather(stream.task, return_exceptions=True)


async def say(person: Person, chat: str, text: str, *, internal: bool = False) -> str:
    return await person.act(
        a.PostMessage(chat=chat, content=TextContent(text=text), internal=internal)
    )


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_what_happens_is_seen_at_once_and_chained(server: Server, kind: str) -> None:
    ada = await server.account()
    vera = await server.visitor()
    chat = await server.chat(vera, ada)
    async with following(kind, vera) as stream:
        for number in range(5):
            await say(ada, chat, f"{number}")
        await eventually(lambda: len(stream.said) == 5, 5)
        assert stream.said == ["0", "1", "2", "3", "4"]
        events = stream.of("event")
        assert [e["prev"] for e in events[1:]] == [e["id"] for e in events[:-1]]
        assert events[0]["prev"] == stream.of("caught_up")[0]["id"]
        assert all("audience" not in event for event in events)


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_a_resume_brings_what_was_missed_and_no_more(server: Server, kind: str) -> None:
    ada = await server.account()
    vera = await server.visitor()
    chat = await server.chat(vera, ada)
    first = await say(ada, chat, "seen")
    for number in range(30):
        await say(ada, chat, f"missed {number}", internal=number % 3 == 0)
    async with following(kind, vera, first) as stream:
        await say(ada, chat, "live")
        await eventually(lambda: "live" in stream.said, 5)
        assert stream.said == [*(f"missed {n}" for n in range(30) if n % 3), "live"]
        assert stream.of("event")[0]["prev"] == first


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_a_resume_works_across_a_restart(tmp_path: Path, kind: str) -> None:
    async with served(tmp_path / "data") as server:
        ada = await server.account()
        vera = await server.visitor()
        chat = await server.chat(vera, ada)
        first = await say(ada, chat, "before")
        await say(ada, chat, "missed")
    async with served(tmp_path / "data") as server:
        vera.server = server
        async with following(kind, vera, first) as stream:
            assert stream.said == ["missed"]


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_an_id_that_is_none_gets_a_fresh_state(server: Server, kind: str) -> None:
    vera = await _account_and_visitor(server)
    stream = Stream(kind, vera, "no-such-id")
    await eventually(lambda: bool(stream.of("reset")), 5)
    reset = stream.frames[0]
    assert reset["reason"] == "unknown_id"
    assert reset["state"]["visitor"]["id"] == vera.viewer.id
    stream.task.cancel()


async def _account_and_visitor(server: Server) -> Person:
    await server.account()
    return await server.visitor()


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_nothing_internal_and_nothing_of_others_reaches_a_visitor(
    server: Server, kind: str
) -> None:
    ada = await server.account()
    other = await server.account("other")
    vera, wim = await server.visitor(), await server.visitor()
    chat, wims = await server.chat(vera, ada), await server.chat(wim, ada)
    async with following(kind, vera) as stream, following(kind, other) as elsewhere:
        await say(ada, chat, "between us", internal=True)
        await say(wim, wims, "for others")
        await ada.act(a.AddGroup(name="Sales"))
        await say(ada, chat, "for you")
        await eventually(lambda: stream.said == ["for you"], 5)
        assert len(stream.of("event")) == 1
        assert elsewhere.of("event") == []


ENDINGS: dict[str, Callable[[Person], a.AnyAction]] = {
    "revoked": lambda bob: a.RevokeToken(operator=bob.viewer.id),
    "removed": lambda bob: a.RemoveOperator(operator=bob.viewer.id),
    "password": lambda bob: a.SetPassword(operator=bob.viewer.id, hash="$argon2id$x"),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_a_token_that_ends_takes_its_streams_along(
    server: Server, kind: str, ending: str
) -> None:
    ada = await server.account()
    bob = await server.operator(ada)
    async with following(kind, bob) as stream, following(kind, ada) as another:
        await ada.act(ENDINGS[ending](bob))
        await eventually(lambda: bool(stream.of("denied")) or stream.task.done(), 1)
        assert not another.of("denied")
    await eventually(lambda: server.service.live.hub.sessions == 0, 5)


async def test_a_new_role_holds_on_an_open_connection(server: Server) -> None:
    ada = await server.account()
    bob = await server.operator(ada)
    vera = await server.visitor()
    chat = await server.chat(vera, ada)
    transport, listener = await talk(bob)
    join = b'{"seq":%d,"action":{"type":"join_chat","chat":"%b","role":"observer"}}'
    transport.send(WSMsgType.TEXT, join % (1, chat.encode()))
    assert (await listener.answer(1))["code"] == "not_allowed"
    await ada.act(a.ChangeOperator(operator=bob.viewer.id, role="supervisor"))
    transport.send(WSMsgType.TEXT, join % (2, chat.encode()))
    assert (await listener.answer(2))["type"] == "ack"
    transport.disconnect()


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_without_a_token_nothing_is_followed(server: Server, kind: str) -> None:
    vera = await _account_and_visitor(server)
    vera.token = "wrong"
    assert await refusal(kind, vera) == "unauthenticated"


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_an_address_that_guesses_tokens_has_to_wait(tmp_path: Path, kind: str) -> None:
    async with served(tmp_path, rate_per_address=0.001, burst_per_address=5) as server:
        ada = await server.account()  # her login is the first of the five
        guesser = Person(server, ada.viewer, "guess")
        async with following(kind, ada):
            answers = [await refusal(kind, guesser) for _ in range(6)]
        assert answers == ["unauthenticated"] * 4 + ["too_many_requests"] * 2
        async with following(kind, ada):
            pass  # she is known, and served


async def refusal(kind: str, person: Person) -> str:
    """Why a stream is not given."""
    stream = Stream(kind, person)
    await asyncio.wait([stream.task], timeout=5)
    refused = stream.task.exception()
    if isinstance(refused, StreamRefused):
        return {401: "unauthenticated", 429: "too_many_requests"}[refused.status]
    return str(stream.of("denied")[0]["code"])


@pytest.mark.parametrize("kind", ["sse", "ws"])
async def test_heartbeats_tell_the_newest_version(server: Server, kind: str) -> None:
    ada = await server.account()
    async with following(kind, ada) as stream:
        await ada.act(a.AddGroup(name="Sales"))
        newest = await server.service.projections.version("acme")
        await eventually(lambda: bool(stream.of("heartbeat")), 5)
        assert stream.of("heartbeat")[-1]["version"] >= newest - 1


async def test_a_poll_without_news_ends_with_the_newest_cursor(server: Server) -> None:
    ada = await server.account()
    head = await server.head()
    answer = await server.http.get(
        "/v1/live/poll", params={"after": head, "wait": 0}, headers=ada.headers
    )
    assert [frame["type"] for frame in answer.json()["frames"]] == ["caught_up"]
    assert answer.json()["id"] >= head


async def test_a_poll_that_asks_for_nonsense_is_told_so(server: Server) -> None:
    ada = await server.account()
    for wait in ("soon", "-1", "nan", "1e9"):
        params = {"wait": wait}
        answer = await server.http.get("/v1/live/poll", params=params, headers=ada.headers)
        assert answer.status_code == 422, wait


async def test_a_browser_resumes_by_last_event_id(server: Server) -> None:
    ada = await server.account()
    vera = await server.visitor()
    chat = await server.chat(vera, ada)
    first = await say(ada, chat, "seen")
    await say(ada, chat, "missed")
    headers = {**vera.headers, "last-event-id": first}
    async with server.http.stream("GET", "/v1/live/sse", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.aiter_lines()
        assert (await anext(lines)).startswith("id: ")
        assert await anext(lines) == "event: event"
        assert "missed" in await anext(lines)


# --- actions over WebSocket ----------------------------------------------------------------


class Talk(WSListener):
    """A WebSocket of somebody, frames as they come."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.over = False

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.frames.append(json.loads(frame.get_payload_as_bytes()))

    def on_ws_disconnected(self, transport: Any) -> None:
        self.over = True

    async def answer(self, seq: int | None) -> dict[str, Any]:
        def mine() -> list[dict[str, Any]]:
            answers = [f for f in self.frames if f["type"] in ("ack", "refused", "error")]
            return [frame for frame in answers if frame.get("seq") == seq]

        await eventually(lambda: bool(mine()), 5)
        return mine()[-1]


async def talk(person: Person) -> tuple[Any, Talk]:
    url = f"ws{person.server.url.removeprefix('http')}/v1/live/ws"
    transport, listener = await ws_connect(
        Talk, url, extra_headers={"Authorization": f"Bearer {person.token}"}
    )
    assert isinstance(listener, Talk)
    return transport, listener


def posting(seq: int, chat: str, text: str, **more: Any) -> bytes:
    content = {"type": "text", "text": text}
    action = {"type": "post_message", "chat": chat, "content": content}
    return json.dumps({"seq": seq, "action": action, **more}).encode()


async def test_an_action_is_acknowledged_with_its_seq_and_repeated_harmlessly(
    server: Server,
) -> None:
    ada = await server.account()
    vera = await server.visitor()
    chat = await server.chat(vera, ada)
    transport, listener = await talk(vera)
    transport.send(WSMsgType.TEXT, posting(7, chat, "hello", key="once"))
    ack = await listener.answer(7)
    assert ack["type"] == "ack"
    transport.send(WSMsgType.TEXT, posting(8, chat, "hello", key="once"))
    again = await listener.answer(8)
    assert again["id"] == ack["id"]
    seen = {**vera.headers, "deskstream-version": str(ack["version"])}
    messages = await server.http.get(f"/v1/chats/{chat}/messages", headers=seen)
    assert [m["id"] for m in messages.json()["items"]] == [ack["id"]]
    transport.disconnect()


async def test_what_is_refused_or_wrong_is_told_with_its_seq(server: Server) -> None:
    ada = await server.account()
    vera = await server.visitor()
    chat = await server.chat(vera, ada)
    transport, listener = await talk(vera)
    wrong = {
        1: (posting(1, "no-such-chat", "x"), "chat_unknown"),
        2: (posting(2, chat, "x" * 4_000), None),
        3: (b'{"seq":3,"action":{"type":"set_password","operator":"x","hash":"y"}}', None),
        4: (posting(4, chat, "a\x00b"), "nul_in_text"),
        5: (b'{"seq":5,"action":{"type":"join_chat","chat":"%b"}}' % chat.encode(), "not_allowed"),
    }
    codes = {}
    for seq, (message, code) in wrong.items():
        transport.send(WSMsgType.TEXT, message)
        known = seq if code in ("chat_unknown", "not_allowed") else None
        codes[seq] = (await listener.answer(known))["code"]
        listener.frames.clear()
    assert codes == {
        1: "chat_unknown", 2: "invalid", 3: "invalid", 4: "nul_in_text", 5: "not_allowed",
    }  # fmt: skip
    for garbage in (b"{", b"\xff\xfe"):
        transport.send(WSMsgType.BINARY, garbage)
        assert (await listener.answer(None))["code"] == "malformed_json"
        listener.frames.clear()
    transport.send(WSMsgType.TEXT, posting(9, chat, "still here"))
    assert (await listener.answer(9))["type"] == "ack"
    transport.disconnect()


async def test_a_message_may_come_in_pieces(server: Server) -> None:
    ada = await server.account()
    vera = await server.visitor()
    chat = await server.chat(vera, ada)
    transport, listener = await talk(vera)
    message = posting(1, chat, "in pieces")
    transport.send(WSMsgType.TEXT, message[:20], fin=False)
    transport.send(WSMsgType.CONTINUATION, message[20:40], fin=False)
    transport.send(WSMsgType.CONTINUATION, message[40:])
    assert (await listener.answer(1))["type"] == "ack"
    transport.disconnect()


async def test_a_message_that_is_too_large_ends_the_connection(server: Server) -> None:
    vera = await _account_and_visitor(server)
    transport, listener = await talk(vera)
    transport.send(WSMsgType.TEXT, b'{"x":"' + b"x" * 100_000)
    await eventually(lambda: listener.over, 5)
    await eventually(lambda: server.service.live.hub.sessions == 0, 5)


async def test_typing_is_seen_by_the_others_in_the_chat_and_kept_nowhere(server: Server) -> None:
    ada = await server.account()
    vera, wim = await server.visitor(), await server.visitor()
    chat = await server.chat(vera, ada)
    async with following("sse", ada) as staff, following("sse", wim) as stranger:
        transport, listener = await talk(vera)
        typing = b'{"seq":1,"action":{"type":"typing","chat":"%b"}}' % chat.encode()
        transport.send(WSMsgType.TEXT, typing)
        await eventually(lambda: bool(staff.of("signal")), 5)
        assert staff.of("signal")[0]["data"] == {"type": "typing", "chat": chat}
        assert not stranger.of("signal")
        assert not [f for f in listener.frames if f["type"] == "signal"]
        transport.disconnect()


async def test_another_path_is_not_there(server: Server) -> None:
    with pytest.raises(WSError):
        await ws_connect(Talk, f"ws{server.url.removeprefix('http')}/v1/elsewhere")


async def test_a_rate_that_is_too_high_is_told(tmp_path: Path) -> None:
    async with served(tmp_path / "data", rate_per_viewer=1, burst_per_viewer=5) as server:
        ada = await server.account()
        vera = await server.visitor()
        chat = await server.chat(vera, ada)
        transport, listener = await talk(vera)
        for seq in range(20):
            transport.send(WSMsgType.TEXT, posting(seq, chat, "quick"))
        assert (await listener.answer(19))["code"] == "too_many_requests"
        transport.disconnect()


async def test_more_connections_than_allowed_are_refused(tmp_path: Path) -> None:
    async with served(tmp_path / "data", max_streams=1) as server:
        ada = await server.account()
        async with following("sse", ada):
            answer = await server.http.get("/v1/live/poll", headers=ada.headers)
            assert answer.status_code == 503
            assert "retry-after" in answer.headers


async def test_a_stop_ends_every_stream(tmp_path: Path) -> None:
    async with served(tmp_path / "data") as server:
        ada = await server.account()
        streams = [Stream(kind, ada) for kind in ("sse", "ws") for _ in range(20)]
        await eventually(lambda: all(stream.frames for stream in streams), 10)
        hub = server.service.live.hub
        assert (hub.open[SSE], hub.open[WEBSOCKET], hub.open[POLL]) == (20, 20, 0)
    results = await asyncio.gather(*(stream.task for stream in streams), return_exceptions=True)
    assert not [r for r in results if r is not None and not isinstance(r, Exception)]
    assert hub.sessions == 0


async def test_streams_that_are_cut_leave_nothing_behind(server: Server) -> None:
    ada = await server.account()
    async with open_http(server.url) as http:
        server_http, server.http = server.http, http
        streams = [Stream("sse", ada) for _ in range(100)]
        await eventually(lambda: all(stream.frames for stream in streams), 10)
        for stream in streams:
            stream.task.cancel()
        await asyncio.gather(*(s.task for s in streams), return_exceptions=True)
        server.http = server_http
    await eventually(lambda: server.service.live.hub.sessions == 0, 5)


async def test_behind_a_proxy_each_client_has_its_own_count(tmp_path: Path) -> None:
    async with served(tmp_path, rate_per_address=0.001, burst_per_address=1) as server:
        await server.account()
        url = f"{server.url.replace('http', 'ws')}/v1/live/ws?access_token=guess"

        async def guess(client: str) -> str:
            heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            class Guess(WSListener):
                def on_ws_frame(self, transport: Any, frame: Any) -> None:
                    if frame.msg_type == WSMsgType.TEXT:
                        heard.set_result(json.loads(frame.get_payload_as_bytes())["code"])

            await ws_connect(Guess, url, extra_headers={"x-forwarded-for": client})
            return await heard

        assert await guess("10.0.0.1") == "unauthenticated"
        assert await guess("10.0.0.1") == "too_many_requests"
        assert await guess("10.0.0.2") == "unauthenticated"
