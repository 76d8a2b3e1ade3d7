"""The real service on a loopback port, in this process and loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from api.bootstrap import NewAccount, create_account
from api.serve import running, server_for
from api.server import bind
from api.service import Service
from schemas import actions as a
from schemas.actions import AnyAction
from schemas.values import Role
from simulator.http import open_http
from streams.domain.access import Viewer
from streams.settings import Settings
from tests.support.passwords import cheap_hasher

PASSWORD = "correct horse battery staple"
STOPS_WITHIN = 3.0


class Person:
    """Somebody with a token."""

    def __init__(self, server: "Server", viewer: Viewer, token: str) -> None:
        self.server = server
        self.viewer = viewer
        self.token = token
        self.headers = {"authorization": f"Bearer {token}"}

    async def act(self, data: AnyAction) -> str:
        """Do something; gives the id of what it made."""
        return (await self.server.service.gateway.act(self.viewer, data)).id or ""


class Server:
    """A running server."""

    def __init__(self, service: Service, url: str) -> None:
        self.service = service
        self.url = url
        self.http = open_http(url)
        self._people = 0

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self.url.rsplit(":", 1)[1])

    async def account(self, id: str = "acme") -> Person:
        """A new account's admin, online."""
        new = NewAccount(id, id.title(), "Ada", "ada", PASSWORD)
        made = await create_account(self.service.gateway, self.service.passwords, new)
        assert await self.service.projections.reached(id, made.version, 5)
        return await self._log_in(id, "ada")

    async def operator(self, admin: Person, role: Role = "agent") -> Person:
        """Another operator of the admin's account, online."""
        self._people += 1
        login = f"operator{self._people}"
        hashed = await self.service.passwords.hash(PASSWORD)
        adding = a.AddOperator(name=login, login=login, role=role, password_hash=hashed)
        made = await self.service.gateway.act(admin.viewer, adding)
        assert await self.service.projections.reached(admin.viewer.account, made.version, 5)
        return await self._log_in(admin.viewer.account, login)

    async def head(self, account: str = "acme") -> str:
        """The id of the account's newest event, once the rows have it too."""
        channel = self.service.live.hub.channel(account)
        assert channel is not None
        assert await self.service.projections.reached(account, channel.version, 5)
        return channel.id

    async def visitor(self, account: str = "acme") -> Person:
        """A new visitor."""
        answer = await self.http.post("/v1/visitors", json={"account": account})
        made = answer.raise_for_status().json()
        viewer = Viewer(kind="visitor", id=made["visitor"]["id"], account=account)
        return Person(self, viewer, made["token"])

    async def chat(self, visitor: Person, operator: Person | None = None) -> str:
        """A chat of the visitor, joined by the operator."""
        chat = await visitor.act(a.RequestChat(visitor=visitor.viewer.id))
        if operator is not None:
            await operator.act(a.JoinChat(chat=chat))
        return chat

    async def _log_in(self, account: str, login: str) -> Person:
        body = {"account": account, "login": login, "password": PASSWORD}
        made = (await self.http.post("/v1/login", json=body)).raise_for_status().json()
        operator = made["operator"]
        viewer = Viewer(kind="operator", id=operator["id"], account=account, role=operator["role"])
        person = Person(self, viewer, made["token"])
        await person.act(a.SetAvailability(operator=viewer.id, availability="online"))
        return person


@asynccontextmanager
async def served(data: Path, **settings: Any) -> AsyncIterator[Server]:
    """A server with its data in a directory; stopped, streams and all, at the end of the block."""
    for name in ("rate_per_address", "burst_per_address"):
        settings.setdefault(name, 1_000)
    chosen = Settings(data=data, port=0, **settings)
    listener: socket.socket = bind(chosen.host, 0, send_timeout=chosen.send_timeout)
    async with running(chosen) as service:
        service.passwords._hasher = cheap_hasher()
        http = server_for(service)
        serving = asyncio.create_task(http.serve([listener]))
        server = Server(service, f"http://127.0.0.1:{listener.getsockname()[1]}")
        try:
            yield server
        finally:
            await server.http.aclose()
            http.should_exit = True
            async with asyncio.timeout(STOPS_WITHIN):
                await serving


@asynccontextmanager
async def served_apart(data: Path, **settings: Any) -> AsyncIterator[Server]:
    """As `served`, in a task of its own: a fixture begins and ends in different tasks."""
    ready: asyncio.Future[Server] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def hold() -> None:
        async with served(data, **settings) as server:
            ready.set_result(server)
            await over.wait()

    holding = asyncio.create_task(hold())
    first: set[asyncio.Future[Any]] = {holding, ready}
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    try:
        if ready.done():
            yield ready.result()
    finally:
        over.set()
        await holding
