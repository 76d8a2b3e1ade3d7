"""Waiting for what comes by itself."""

import asyncio
import time
from collections.abc import Callable


async def eventually(holds: Callable[[], bool], within: float) -> None:
    """Wait until something holds. Raises TimeoutError when it does not, within some seconds."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within:g} s")
        await asyncio.sleep(0.01)
