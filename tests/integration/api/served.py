"""The stack behind a real server on loopback, in a thread of its own: for clients that block."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

from api.server import bind
from tests.integration.api.stack import Stack, running_stack

T = TypeVar("T")
Prepare = Callable[[Stack], Awaitable[T]]


@contextmanager
def served(directory: Path, prepare: Prepare[T], **settings: Any) -> Iterator[tuple[str, T]]:
    """The server's address, and what `prepare` made of its stack."""
    started: list[tuple[str, T, uvicorn.Server]] = []
    up = threading.Event()

    async def serve() -> None:
        async with running_stack(directory, **settings) as stack:
            prepared = await prepare(stack)
            listener = bind("127.0.0.1", 0)
            server = uvicorn.Server(
                uvicorn.Config(stack.app, lifespan="off", log_config=None, access_log=False)
            )
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            started.append((address, prepared, server))
            up.set()
            await server.serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert up.wait(20)
    address, prepared, server = started[0]
    try:
        yield address, prepared
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
