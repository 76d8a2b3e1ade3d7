"""Who waits for the rows to reach a version, so that a client can read what it wrote."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from projections.errors import ProjectionError

KNOWN = 100_000
"""Accounts whose version is remembered; above it all are forgotten, and asked for again."""


class Waiters:
    """Wakes whoever waits for a version of an account."""

    def __init__(self, version_of: Callable[[str], Awaitable[int]]) -> None:
        """`version_of` looks up an account of which nothing was heard yet."""
        self._version_of = version_of
        self._known: dict[str, int] = {}
        self._waiting: dict[str, list[tuple[int, asyncio.Future[None]]]] = {}
        self._wanted = asyncio.Event()

    async def reached(self, account: str, version: int, timeout: float) -> bool:
        """Wait until the rows have this version; False when `timeout` seconds are over first."""
        if self._known.get(account, 0) >= version:
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = version, future
        self._waiting.setdefault(account, []).append(entry)
        self._wanted.set()
        try:
            async with asyncio.timeout(timeout):
                if account not in self._known:
                    await self._look_up(account)
                await future
        except TimeoutError:
            return False
        finally:
            self._drop(account, entry)
        return True

    def moved(self, versions: Mapping[str, int]) -> None:
        """The rows have these versions now."""
        if len(self._known) > KNOWN:
            self._known.clear()
        for account, version in versions.items():
            reached = self._known[account] = max(version, self._known.get(account, 0))
            for wanted, future in self._waiting.get(account, ()):
                if wanted <= reached and not future.done():
                    future.set_result(None)

    async def look_again(self) -> None:
        """The rows are others now."""
        self._known.clear()
        for account in list(self._waiting):
            await self._look_up(account)

    async def _look_up(self, account: str) -> None:
        """What cannot be read now is told of when it can."""
        with suppress(ProjectionError):
            self.moved({account: await self._version_of(account)})

    async def lull(self, seconds: float) -> None:
        """Wait for so long, or until somebody waits for rows."""
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            pass

    def _drop(self, account: str, entry: tuple[int, asyncio.Future[None]]) -> None:
        self._waiting[account].remove(entry)
        if not self._waiting[account]:
            del self._waiting[account]
        if not self._waiting:
            self._wanted.clear()
