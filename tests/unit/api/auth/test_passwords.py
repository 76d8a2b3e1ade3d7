import asyncio
import threading

import pytest
from argon2 import PasswordHasher

from api.auth.passwords import RUNNING, WAITING, Passwords
from api.problems import Problem
from tests.support.passwords import cheap_hasher


class Held(PasswordHasher):
    """Hashes when it is let, and counts how many wait for that."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.let = threading.Event()
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.let.wait(10)
        with self._lock:
            self._now -= 1
        return super().hash(password, salt=salt)


async def test_a_password_fits_its_own_hash_alone() -> None:
    passwords = Passwords(cheap_hasher())
    encoded = await passwords.hash("open sesame")
    assert encoded.startswith("$argon2id$")
    assert await passwords.verify(encoded, "open sesame")
    assert not await passwords.verify(encoded, "open sesam")
    assert not await passwords.verify("no hash at all", "open sesame")
    passwords.close()


async def test_nobodys_password_is_checked_all_the_same() -> None:
    passwords = Passwords(cheap_hasher())
    assert not await passwords.verify(None, "nobody has this password")
    passwords.close()


async def test_hashing_is_bounded() -> None:
    held = Held()
    passwords = Passwords(held)
    waiting = [asyncio.ensure_future(passwords.hash("x")) for _ in range(RUNNING + WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as raised:
        await passwords.hash("one too many")
    assert raised.value.code == "unavailable"
    assert raised.value.headers["retry-after"]
    held.let.set()
    await asyncio.gather(*waiting)
    assert held.most == RUNNING
    await passwords.hash("again")
    passwords.close()
