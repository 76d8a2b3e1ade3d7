"""Of servers that serve alike the next is asked when one fails, and from then on."""

from contextlib import suppress

import httpx
import pytest

from simulator.http import Servers, open_each_first
from simulator.transports import StreamLost, WebSocketTransport

URLS = ["http://a:1", "http://b:2", "http://c:3"]


class Hall:
    """Servers of which some are down."""

    def __init__(self, *down: str) -> None:
        self.down = set(down)
        self.asked: list[str] = []
        self.servers = Servers(URLS, transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.host)
        if request.url.host in self.down:
            raise httpx.ConnectError("down")
        return httpx.Response(200)

    async def ask(self) -> None:
        with suppress(httpx.ConnectError):
            await self.servers.get("/v1/state")


async def test_one_server_is_asked_while_it_answers_then_the_next_and_so_round() -> None:
    hall = Hall("b")
    for _ in range(2):
        await hall.ask()
    hall.down = {"a", "b"}
    for _ in range(4):
        await hall.ask()
    hall.down = {"c"}
    for _ in range(2):
        await hall.ask()
    assert hall.asked == ["a", "a", "a", "b", "c", "c", "c", "a"]


async def test_many_requests_that_fail_at_once_pass_over_nobody() -> None:
    hall = Hall()
    failed = hall.servers.base_url
    for _ in range(5):
        hall.servers.failed(failed)
    assert hall.servers.base_url.host == "b"


async def test_the_only_server_is_asked_again() -> None:
    servers = Servers(URLS[:1])
    servers.failed(servers.base_url)
    assert servers.base_url.host == "a"


async def test_a_websocket_that_finds_nobody_turns_to_the_next_server() -> None:
    servers = Servers(["http://127.0.0.1:9", *URLS])
    with pytest.raises(StreamLost):
        await anext(WebSocketTransport(servers, "token").frames(None))
    assert servers.base_url.host == "a"


def test_each_pool_begins_with_another_server() -> None:
    assert [pool.base_url.host for pool in open_each_first(URLS)] == ["a", "b", "c"]
