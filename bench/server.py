"""A server in a process of its own, and an account to load it with."""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

GENEROUS = {
    "DESKSTREAM_RATE_PER_VIEWER": "1000000",
    "DESKSTREAM_BURST_PER_VIEWER": "1000000",
    "DESKSTREAM_RATE_PER_ADDRESS": "1000000",
    "DESKSTREAM_BURST_PER_ADDRESS": "1000000",
    "DESKSTREAM_LOG_LEVEL": "warning",
}
"""The limits are on, and out of the way."""


class Usage(NamedTuple):
    """A process, by its id."""

    pid: int

    def cpu(self) -> float:
        """CPU seconds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Bytes in memory now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


class Running(NamedTuple):
    """A server that was started."""

    url: str
    process: subprocess.Popen[str] | subprocess.Popen[bytes]
    password: str
    data: Path

    def stop(self) -> None:
        """Stop it; its data stay until the end of the block."""
        self.process.terminate()
        self.process.wait(10)

    @property
    def usage(self) -> Usage:
        """What the process uses."""
        return Usage(self.process.pid)


@contextmanager
def started(data: Path, **settings: str) -> Iterator[Running]:
    """A server on a free port with this data directory, stopped at the end."""
    environment = os.environ | GENEROUS | settings
    environment |= {"DESKSTREAM_DATA": str(data), "DESKSTREAM_PORT": "0"}
    command = [sys.executable, "-c", "from api.cli import main; main()", "serve"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        said = re.search(r"password (\S+)", process.stdout.readline())
        yield Running(url, process, said[1] if said is not None else "", data)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(10)


@contextmanager
def server(**settings: str) -> Iterator[Running]:
    """As `started`, with a new data directory, which is removed at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="deskstream-bench-") as data,
        started(Path(data), **settings) as running,
    ):
        yield running


class Desk(NamedTuple):
    """An account with one operator who takes everything, and visitors with a chat each."""

    operator: str
    visitors: list[tuple[str, str]]
    """Token and chat of each."""


async def open_desk(running: Running, visitors: int) -> Desk:
    """Make the operator available, and let visitors ask for chats that the operator joins."""
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as http:
        login = {"account": "main", "login": "admin", "password": running.password}
        answer = (await http.post("/v1/login", json=login)).json()
        staff = {"authorization": f"Bearer {answer['token']}"}
        settings = {"desk_limit": 1000, "no_answer_after": 86_400_000, "queue_limit": 100_000}
        (await http.patch("/v1/account", headers=staff, json=settings)).raise_for_status()
        me = answer["operator"]["id"]
        path = f"/v1/operators/{me}/availability"
        (await http.put(path, headers=staff, json={"availability": "online"})).raise_for_status()
        gate = asyncio.Semaphore(20)

        async def arrive() -> tuple[str, str]:
            async with gate:
                made = await http.post("/v1/visitors", json={"account": "main"})
                headers = {"authorization": f"Bearer {made.json()['token']}"}
                chat = (await http.post("/v1/chats", headers=headers, json={})).json()["id"]
                await http.post(f"/v1/chats/{chat}/join", headers=staff, json={})
                return made.json()["token"], chat

        return Desk(answer["token"], await asyncio.gather(*(arrive() for _ in range(visitors))))
