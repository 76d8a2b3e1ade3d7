"""Serving: a service, its socket, its signals, and what it says at its start."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from api.bootstrap import Login, NewAccount, create_account, set_password
from api.process import Process, watched
from api.server import Server, bind, configure
from api.service import Service
from projections.errors import NotReady
from schemas.refusals import Refused
from streams.settings import Settings

FIRST_ACCOUNT = NewAccount("main", "My help desk", "Admin", "admin")
SHOWN_WITHIN = 5.0
"""Seconds that the first login waits for the projections to know it."""

_P = TypeVar("_P", bound=Process)

DEMO_ACCOUNT = NewAccount("demo", "Demo", "Demo admin", "admin")


async def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises LogUnusable, OSError and what breaks the service."""
    listener = bind(settings.host, settings.port, send_timeout=settings.send_timeout)
    local = address_of(listener)
    address = settings.public_url or local
    async with running(settings) as service:
        first = await _first_login(service)
        greet(address, first)
        with _published(settings.data / "address", local):
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(server_for(service).serve([listener]))
                demo = group.create_task(_demo(service, local)) if settings.demo else None
                await serving
                if demo is not None:
                    demo.cancel()


async def run_api(settings: Settings) -> None:
    """Answer until SIGINT or SIGTERM, while other processes decide and project."""
    listener = bind(settings.host, settings.port, send_timeout=settings.send_timeout)
    local = address_of(listener)
    async with at_work(await Service.open(settings, alone=True)) as service:
        with _published(settings.data / "address", local):
            print(f"Deskstream's API is at {local}", flush=True)
            await server_for(service).serve([listener])


async def run_worker(
    settings: Settings, open_worker: Callable[[Settings], Awaitable[Process]]
) -> None:
    """Work until SIGINT or SIGTERM; /healthz, /readyz and /metrics tell how it goes."""
    listener = bind(settings.host, settings.port)
    worker = await open_worker(settings)
    server = Server(configure(watched(worker), "none"), lambda: None)
    serving = asyncio.create_task(server.serve([listener]))  # it tells how the start goes, too
    try:
        async with at_work(worker):
            print(f"Ready; {address_of(listener)}/metrics tells how it goes.", flush=True)
            await serving
    finally:
        server.should_exit = True
        await serving


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """A service with everything in it, at work."""
    async with at_work(await Service.open(settings)) as service:
        yield service


@contextlib.asynccontextmanager
async def at_work(process: _P) -> AsyncIterator[_P]:
    """A process at work; ready when the context is entered. A part that breaks ends the block."""
    try:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(process.run())
            await process.ready()
            yield process
            await process.leave()
            work.cancel()
    except* Exception as group_error:
        raise _first(group_error) from None
    finally:
        await process.close()


def server_for(service: Service) -> Server:
    """The HTTP server of a service; when it stops it ends the streams first."""
    config = configure(service.app, service.live.websocket.protocol())
    return Server(config, service.live.hub.drain)


@contextlib.contextmanager
def _published(path: Path, address: str) -> Iterator[None]:
    """Leave word for the command line of where the server is."""
    path.write_text(address + "\n", encoding="ascii")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def address_of(listener: socket.socket) -> str:
    """The URL of the server on this machine."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def greet(address: str, first: Login | None) -> None:
    """Say where the service is and what to try."""
    lines = [f"Deskstream is at {address}"]
    if first is not None:
        lines.append(
            f"First login: account {first.account}, login {first.login}, "
            f"password {first.password}  (shown only now)"
        )
    lines += [
        f"Try:  {address}/docs   the API",
        f"      deskstream simulate --url {address} --help   a day at the help desk",
        "Ctrl-C ends it; nothing that was acknowledged is lost.",
    ]
    print("\n".join(lines), flush=True)


async def _first_login(service: Service) -> Login | None:
    """The first admin's login at the first start; nothing at the later ones."""
    try:
        if await service.projections.head(FIRST_ACCOUNT.id) != (0, ""):
            return None
        login = await create_account(service.gateway, service.passwords, FIRST_ACCOUNT)
    except NotReady:  # the rows of a log that is not new are being built
        return None
    except Refused as refused:  # the rows are behind the log
        if refused.code != "account_exists":
            raise
        return None
    await service.projections.reached(login.account, login.version, SHOWN_WITHIN)
    return login


async def _demo(service: Service, address: str) -> None:
    """Keep the demo account busy, until cancelled; its admin gets a new password each time."""
    from simulator.demo import run_demo
    from simulator.people import Credentials

    if service.projector is not None:
        await service.projector.ready.wait()
    login = await _demo_login(service)
    print(f"Demo: account {login.account}, login {login.login}, password {login.password}")
    await run_demo(
        address, Credentials(login.account, login.login, login.password), asyncio.Event()
    )


async def _demo_login(service: Service) -> Login:
    found = await service.projections.credentials(DEMO_ACCOUNT.id, DEMO_ACCOUNT.admin_login)
    if found is None:
        return await create_account(service.gateway, service.passwords, DEMO_ACCOUNT)
    login = Login(DEMO_ACCOUNT.id, DEMO_ACCOUNT.admin_login, secrets.token_urlsafe(12), 0)
    who = (login.account, found.operator)
    version = await set_password(service.gateway, service.passwords, who, login.password)
    return login._replace(version=version)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
