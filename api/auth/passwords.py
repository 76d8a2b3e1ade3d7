"""Passwords: argon2 in a bounded pool, because one hash takes 0.1 s and 64 MiB."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Meta

from api.problems import Problem

T = TypeVar("T")

Password = Annotated[str, Meta(min_length=1, max_length=256)]
"""What may be tried."""

NewPassword = Annotated[str, Meta(min_length=8, max_length=256)]
"""What may be set."""

RUNNING = 2
"""Hashes at once."""

WAITING = 32
"""Hashes that may wait for their turn; more are refused with 503."""


class Passwords:
    """Hashes and verifies passwords, never more than `RUNNING` at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """`hasher`: argon2id with the library's parameters unless another one is given."""
        self._hasher = hasher or PasswordHasher()
        self._pool = ThreadPoolExecutor(RUNNING, thread_name_prefix="argon2")
        self._under_way = 0
        self._dummy: str | None = None

    async def hash(self, password: str) -> str:
        """The encoded argon2 hash. Raises Problem `unavailable` when too many wait."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password has this hash; None takes the same time and is False.

        Raises Problem `unavailable` when too many wait.
        """
        return await self._run(lambda: self._verify(encoded, password))

    def close(self) -> None:
        """Let go of the threads; what is under way is finished."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, encoded: str | None, password: str) -> bool:
        if self._dummy is None:
            self._dummy = self._hasher.hash("nobody has this password")
        try:
            matches = self._hasher.verify(encoded or self._dummy, password)
        except (VerificationError, InvalidHashError):
            return False
        return matches and encoded is not None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._under_way >= RUNNING + WAITING:
            raise Problem(
                "unavailable", "Too many passwords are being checked.", headers={"retry-after": "2"}
            )
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._under_way -= 1
