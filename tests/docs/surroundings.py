"""Beside what pages are tested: a server, its data, or nothing at all."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from api.bootstrap import NewAccount, create_account
from api.serve import running
from streams.settings import load_settings
from tests.docs.session import BIN, environment

READY_WITHIN = 20.0

_GREETING = re.compile(
    r"Deskstream is at (?P<URL>\S+)\nFirst login: .* password (?P<PASSWORD>\S+) .*Ctrl-C",
    re.DOTALL,
)


@contextmanager
def server(directory: Path) -> Iterator[dict[str, str]]:
    """A new server with its data in `directory`/data; gives its URL and the first PASSWORD."""
    said = directory / "said"
    with said.open("wb") as file:
        process = subprocess.Popen(
            [BIN / "deskstream", "serve", "--port", "0"],
            cwd=directory,
            env=environment() | {"DESKSTREAM_HEARTBEAT": "0.5"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        yield _ready(process, said)
    finally:
        process.terminate()
        try:
            process.wait(10)
        finally:
            process.kill()


def _ready(process: subprocess.Popen[bytes], said: Path) -> dict[str, str]:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        greeting = _GREETING.search(said.read_text(encoding="utf-8"))
        if greeting is not None and _answers(greeting["URL"]):
            return greeting.groupdict()
        time.sleep(0.02)
    raise RuntimeError(f"the server does not get ready: {said.read_text(encoding='utf-8')}")


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.HTTPError:
        return False


async def data(directory: Path) -> None:
    """The data of a server that has stopped, in `directory`/data."""
    async with running(load_settings(data=directory / "data")) as service:
        await create_account(
            service.gateway, service.passwords, NewAccount("main", "Main", "Admin", "admin")
        )


async def torn_data(directory: Path) -> None:
    """The same, but the log was put back to how it was some time before."""
    await data(directory)
    log = directory / "data" / "log" / "log.sqlite3"
    shutil.copy(log, directory / "earlier")
    async with running(load_settings(data=directory / "data")) as service:
        await create_account(
            service.gateway, service.passwords, NewAccount("acme", "Acme", "Ada", "ada")
        )
    (directory / "earlier").replace(log)
