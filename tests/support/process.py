"""A real `deskstream` in a process of its own, to be killed, stopped and started again."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from simulator.http import Http, open_http
from simulator.people import Credentials, persist

ROOT = Path(__file__).parents[2]
PLATFORM_TOKEN = "platform-token-of-the-tests-0123456789"
READY_WITHIN = 60.0
PASSWORD = "correct horse battery staple"

DEFAULTS: Mapping[str, str] = {
    "DESKSTREAM_HEARTBEAT": "0.5",
    "DESKSTREAM_PLATFORM_TOKEN": PLATFORM_TOKEN,
    "DESKSTREAM_LOG_LEVEL": "info",
    "DESKSTREAM_RATE_PER_ADDRESS": "1000",
    "DESKSTREAM_BURST_PER_ADDRESS": "1000",
    "PYTHONUNBUFFERED": "1",
}


class ServerEnded(Exception):
    """The server ended instead of getting ready: its exit code and what it said."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"the server ended with {code}: {said[-2000:]}")
        self.code = code
        self.said = said


class ServerProcess:
    """A process with its data in a directory, on one port for all its lives."""

    def __init__(self, data: Path, command: str = "serve", **settings: str) -> None:
        """`settings` by their names without DESKSTREAM_, in lower case."""
        self.data = data
        self.code = ""
        """What its next life runs first, to be another version."""
        self._command = command
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        given = {"data": str(data), "port": str(self.port), **settings}
        self._settings = {f"DESKSTREAM_{name.upper()}": text for name, text in given.items()}
        self._process: asyncio.subprocess.Process | None = None
        self._said = data.with_name(data.name + ".said")

    @property
    def pid(self) -> int:
        """The process id of this life."""
        assert self._process is not None
        return self._process.pid

    @property
    def said(self) -> str:
        """All that the server has said, over all its lives."""
        return self._said.read_text(errors="replace") if self._said.exists() else ""

    async def start(self) -> None:
        """Start, and wait until it is ready. Raises ServerEnded, TimeoutError."""
        await self.launch()
        await self.ready()

    async def ready(self) -> None:
        """Wait until it is ready. Raises ServerEnded, TimeoutError."""
        async with asyncio.timeout(READY_WITHIN), open_http(self.url) as http:
            while not await _is_ready(http):
                await self._raise_if_ended()
                await asyncio.sleep(0.02)

    async def launch(self) -> None:
        """Start, and wait for nothing."""
        environment = {
            name: text for name, text in os.environ.items() if not name.startswith("DESKSTREAM_")
        }
        with self._said.open("ab") as said:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                f"{self.code}; from api.cli import main; main()".lstrip("; "),
                self._command,
                env={**environment, **DEFAULTS, **self._settings},
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    async def kill(self) -> None:
        """End it as a power cut does, but for the disk."""
        self._signal(signal.SIGKILL)
        await self._wait()

    async def stop(self, signal_: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to end; the seconds that it took. Raises TimeoutError."""
        started = time.monotonic()
        self._signal(signal_)
        async with asyncio.timeout(10):
            await self._wait()
        return time.monotonic() - started

    def freeze(self) -> None:
        """Let it stand still (SIGSTOP): connections stay, nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    async def ended(self, within: float = READY_WITHIN) -> int:
        """Wait until it ends by itself; its exit code. Raises TimeoutError."""
        async with asyncio.timeout(within):
            return await self._wait()

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    def _signal(self, signal_: signal.Signals) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal_)

    async def _wait(self) -> int:
        assert self._process is not None
        return await self._process.wait()

    async def _raise_if_ended(self) -> None:
        assert self._process is not None
        if self._process.returncode is not None:
            raise ServerEnded(self._process.returncode, self.said)


@asynccontextmanager
async def serving(
    data: Path, command: str = "serve", **settings: str
) -> AsyncIterator[ServerProcess]:
    """A server that is ready; it is killed at the end if it still runs."""
    server = ServerProcess(data, command, **settings)
    try:
        await server.start()
        yield server
    finally:
        if server.running:
            await server.kill()


async def make_account(
    url: str, account: str = "acme", *, token: str = PLATFORM_TOKEN, **settings: object
) -> Credentials:
    """An account with an admin, made with the platform's token."""
    async with open_http(url) as http:
        body = {
            "id": account,
            "name": account.title(),
            "admin": {"name": "Ada", "login": "ada", "password": PASSWORD},
            "settings": settings,
        }
        await persist(Http(http, token), "POST", "/v1/accounts", body)
    return Credentials(account, "ada", PASSWORD)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _is_ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/readyz")).is_success
    except httpx.HTTPError:
        return False
