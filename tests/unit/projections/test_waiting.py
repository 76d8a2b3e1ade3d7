"""Waiting for the rows."""

import asyncio

import pytest

from projections import waiting
from projections.errors import Unwritable
from projections.waiting import Waiters

LONG = 20.0


class Rows:
    """Versions that a test sets."""

    def __init__(self, **versions: int) -> None:
        self.versions = versions
        self.asked = 0
        self.away = False

    async def version(self, account: str) -> int:
        """The version of an account."""
        self.asked += 1
        if self.away:
            raise Unwritable("the database is away")
        return self.versions.get(account, 0)


async def test_what_is_there_already_is_not_waited_for() -> None:
    rows = Rows(acme=7)
    waiters = Waiters(rows.version)
    assert await waiters.reached("acme", 7, LONG)
    assert await waiters.reached("acme", 6, LONG)
    assert rows.asked == 1, "the second time it was known"


async def test_each_is_woken_by_its_own_version() -> None:
    waiters = Waiters(Rows().version)
    first = asyncio.create_task(waiters.reached("acme", 1, LONG))
    third = asyncio.create_task(waiters.reached("acme", 3, LONG))
    await asyncio.sleep(0)
    waiters.moved({"acme": 1, "other": 9})
    assert await first
    assert not third.done()
    waiters.moved({"acme": 2})
    waiters.moved({"acme": 4})
    assert await third


async def test_rows_that_cannot_be_asked_are_waited_for() -> None:
    rows = Rows(acme=7, other=7)
    waiters = Waiters(rows.version)
    rows.away = True
    assert not await waiters.reached("other", 1, 0.001)
    waiting_one = asyncio.create_task(waiters.reached("acme", 7, LONG))
    await waiters.look_again()
    rows.away = False
    assert not waiting_one.done()
    await waiters.look_again()
    assert await waiting_one


async def test_a_lull_ends_when_somebody_waits() -> None:
    waiters = Waiters(Rows().version)
    await waiters.lull(0.001)
    lull = asyncio.create_task(waiters.lull(LONG))
    await asyncio.sleep(0)
    waiting_one = asyncio.create_task(waiters.reached("acme", 1, LONG))
    await asyncio.wait_for(lull, LONG)
    waiters.moved({"acme": 1})
    assert await waiting_one
    await waiters.lull(0.001)


async def test_what_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "KNOWN", 1)
    rows = Rows(a=1, b=1, c=1)
    waiters = Waiters(rows.version)
    for account in ("a", "b", "c", "a"):
        assert await waiters.reached(account, 1, LONG)
    assert rows.asked == 4
